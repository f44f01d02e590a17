"""The inputs of the last nights, kept as backup files so that `what-if` can try other rules or settings on them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from cwa_pipeline.errors import BackupError
from cwa_pipeline.warehouse import backup
from cwa_pipeline.warehouse.frames import to_arrow
from cwa_pipeline.warehouse.migrations import HEAD

# The rules derive every other table from these
INPUTS = (
    "cwa_clients",
    "cwa_computers",
    "cwa_groups",
    "cwa_group_members",
    "pcrt_groups",
    "pcrt_pcids",
    "pcrt_subscriptions",
    "serial_blacklist",
)
MODE = "additional_members"  # the only setting that the rules depend on

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.zip")
_OWNER_ONLY = 0o700  # the files hold customers' names


def keep(
    folder: Path, night: date, read: Callable[[str], pd.DataFrame], mode: str, nights: int
) -> tuple[Path, backup.Manifest]:
    """Keep a night's inputs, replacing those read earlier that day, and delete all but the newest `nights`.

    Raises BackupError if the file cannot be written.
    """
    try:
        folder.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"{folder}: cannot be created ({error.strerror}); let this account write there, correct [history] nights_folder, "
            "or set nights = 0"
        ) from None
    path = _file(folder, night)
    with backup.writing(path, replace=True) as file:
        for table in INPUTS:
            file.add(table, to_arrow(table, read(table), times_as_text=False))
        manifest = file.finish(settings={MODE: mode})
    forget_all_but(folder, nights)
    return path, manifest


def forget_all_but(folder: Path, nights: int) -> None:
    """Delete all but the newest nights; other files in the folder stay."""
    for outdated in kept(folder)[nights:]:
        _file(folder, outdated).unlink(missing_ok=True)


def kept(folder: Path) -> list[date]:
    """The nights that are kept, the newest first."""
    names = [_NAME.fullmatch(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted((date.fromisoformat(name[1]) for name in names if name), reverse=True)


class Night(NamedTuple):
    """A night's inputs as they were read, with the setting that its rules used."""

    night: date
    backup: backup.Backup

    @property
    def read_at(self) -> datetime:
        """When the inputs were read (UTC)."""
        return self.backup.manifest.made_at

    @property
    def mode(self) -> Literal["every_plan", "by_plan"]:
        """`[sync] additional_members` of that night."""
        return "by_plan" if self.backup.manifest.settings[MODE] == "by_plan" else "every_plan"

    def frame(self, table: str) -> pd.DataFrame:
        """One of `INPUTS`, as the rules had it."""
        return self.backup.frame(table)


@contextmanager
def opened(folder: Path, night: date | None = None) -> Iterator[Night]:
    """A night that is kept, by default the newest.

    Raises BackupError if it is not kept, is damaged, or was kept by a version with other tables.
    """
    there = kept(folder)
    if not there:
        raise BackupError(
            f"{folder}: no night is kept there yet; the next sync keeps one, unless [history] nights is 0"
        )
    night = night or there[0]
    if night not in there:
        listed = f"{there[-1]} to {there[0]}" if len(there) > 1 else str(there[0])
        raise BackupError(f"{folder}: the night of {night} is not kept; those of {listed} are")
    path = _file(folder, night)
    with backup.opened(path) as file:
        if file.manifest.tables_version != HEAD:
            raise BackupError(
                f"{path}: was kept by a version with other tables ({file.manifest.made_by}); choose a night since the upgrade"
            )
        yield Night(night, file)


def _file(folder: Path, night: date) -> Path:
    return folder / f"{night.isoformat()}.zip"
