"""The few kinds of failure, told apart by whether another try can help.

Every message is one line a technician understands: the thing, the place and the remedy. No secret is ever part of one.
"""


class PipelineError(Exception):
    """Base of all our own failures; its text is fit to be shown to a person as it is."""


class SettingsError(PipelineError):
    """The configuration or the environment is wrong; a person has to change it."""


class SourceError(PipelineError):
    """A system answered with something that cannot be used (rights, a missing column, a broken row); a person has to look."""


class IncompleteReadError(SourceError):
    """A read that did not get every row. Nothing may be decided from it; the next sync may get them all."""


class UnreachableError(PipelineError):
    """A system did not answer, or kept failing for as long as we retried; a later try can help."""


class WarehouseError(PipelineError):
    """The warehouse cannot be read or written as it is."""


class GuardError(PipelineError):
    """What was to be written is more than may change without a person; somebody has to look and release it."""


class BusyError(PipelineError):
    """Another sync is using this warehouse; it can be tried again when that one is done."""


class SecondProcessError(PipelineError):
    """The second process of a large shop's run came to an end, or failed in a way that it cannot hand over; a later try can help."""


class PageError(PipelineError):
    """The integration page cannot be written to its place; a person has to change the folder or the configuration."""


class SnoozeError(PipelineError):
    """What was said of an issue cannot be put on record; the person who said it has to say it otherwise."""


class BackupError(PipelineError):
    """A backup cannot be written, or must not be restored; a person has to name another file, or upgrade."""
