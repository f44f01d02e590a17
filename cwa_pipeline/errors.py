"""The few kinds of failure, by whether a retry can help.

Every message is one line: what happened, to what, and what to do. No message contains a secret.
"""


class PipelineError(Exception):
    """Base of all our own failures; its text can be shown to people as it is."""


class SettingsError(PipelineError):
    """The configuration or the environment is wrong; a person must correct it."""


class SourceError(PipelineError):
    """A system's answer cannot be used (missing rights, a missing column, a broken row); a person must look."""


class IncompleteReadError(SourceError):
    """A read did not get every row. Nothing may be decided from it; the next sync may get them all."""


class UnreachableError(PipelineError):
    """A system did not answer, or failed on every retry; a later run can help."""


class WarehouseError(PipelineError):
    """The warehouse cannot be read or written in its present state."""


class GuardError(PipelineError):
    """A write would change more than is allowed without a person; somebody must check and release it."""


class BusyError(PipelineError):
    """Another sync is using this warehouse; try again when it has finished."""


class SecondProcessError(PipelineError):
    """The second process of a large shop's run came to an end, or failed in a way that it cannot hand over; a later try can help."""


class PageError(PipelineError):
    """The integration page cannot be written; a person must change the folder or the configuration."""


class SnoozeError(PipelineError):
    """A snooze cannot be recorded as given; the person must correct it."""


class BackupError(PipelineError):
    """A backup cannot be written or restored; a person must choose another file, or upgrade."""
