"""Whether all is fit for a sync: the configuration, the CWA account, PCRT's database and the warehouse, one finding each.

What belongs here: what a finding is, and going from one look to the next. What must not: how a system is asked (`fitness_looks`), and what
takes long to import: what is wrong with the configuration is said at once.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from cwa_pipeline.config.settings import Settings, config_path
from cwa_pipeline.errors import PipelineError, SettingsError

Mark = Literal["ok", "warn", "FAIL"]


class Finding(NamedTuple):
    """What was looked at, whether it is fit for a sync, and what was seen or has to be done."""

    subject: str
    mark: Mark
    text: str


def check_all() -> Iterator[Finding]:
    """Look at everything; what is wrong with one does not keep the others from being looked at."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        yield from (Finding("configuration", "FAIL", line) for line in str(error).splitlines())
        return
    yield Finding("configuration", "ok", str(config_path()))
    from cwa_pipeline.commands.fitness_looks import LOOKS  # noqa: PLC0415 - with all that the systems need

    for subject, look in LOOKS.items():
        try:
            yield from (Finding(subject, mark, text) for mark, text in look(settings))
        except PipelineError as error:
            yield Finding(subject, "FAIL", str(error))
