"""The inputs of the last nights, kept so that another rule or setting can be tried on them (`what_if`).

What belongs here: which tables are a night's inputs, where their file is, and how many are kept. What must not: the file's format
(`backup_file`), or what is done with a night.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import pandas as pd

from cwa_pipeline.errors import BackupError
from cwa_pipeline.warehouse.backup import frame_of
from cwa_pipeline.warehouse.backup_file import BackupFile, Manifest, writing
from cwa_pipeline.warehouse.frames import to_arrow
from cwa_pipeline.warehouse.migrations import HEAD

# All that the rules work from; everything else is worked out of these.
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
MODE = "additional_members"  # the one setting that the rules go by

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.zip")
_OWNER_ONLY = 0o700  # they hold customers' names


def keep(
    folder: Path, night: date, read: Callable[[str], pd.DataFrame], mode: str, nights: int
) -> tuple[Path, Manifest]:
    """Keep a night's inputs, in place of those read earlier on that day, and forget all but the newest `nights`.

    Raises BackupError when the file cannot be written.
    """
    try:
        folder.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"{folder}: cannot be made ({error.strerror}); let this account write there, correct [history] nights_folder, or set nights = 0"
        ) from None
    path = folder / f"{night.isoformat()}.zip"
    with writing(path, replace=True) as file:
        file.add_all(INPUTS, lambda table: to_arrow(table, read(table), times_as_text=False))
        manifest = file.finish(HEAD, f"cwa-pipeline {version('cwa-pipeline')}", {MODE: mode})
    forget_all_but(folder, nights)
    return path, manifest


def forget_all_but(folder: Path, nights: int) -> None:
    """Keep the newest nights, of whatever day; other files in the folder are nobody's business here."""
    for outdated in kept(folder)[nights:]:
        (folder / f"{outdated.isoformat()}.zip").unlink(missing_ok=True)


def kept(folder: Path) -> list[date]:
    """The nights that are kept, the last one first."""
    names = [_NAME.fullmatch(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted((date.fromisoformat(name[1]) for name in names if name), reverse=True)


class Night:
    """A night's inputs as they were read, with the setting that its rules went by."""

    def __init__(self, night: date, backup: BackupFile, path: Path) -> None:
        self.night, self._backup, self._path = night, backup, path

    @property
    def read_at(self) -> datetime:
        """When the inputs were read (UTC)."""
        return self._backup.manifest.made_at

    @property
    def mode(self) -> Literal["every_plan", "by_plan"]:
        """`[sync] additional_members` of that night."""
        return "by_plan" if self._backup.manifest.settings[MODE] == "by_plan" else "every_plan"

    def frame(self, table: str) -> pd.DataFrame:
        """One of `INPUTS`, as the rules had it."""
        return frame_of(self._backup, self._path, table)


@contextmanager
def opened(folder: Path, night: date | None = None) -> Iterator[Night]:
    """A night that is kept, the last one unless another is asked for.

    Raises BackupError when it is not kept, was damaged, or was kept by a version with other tables.
    """
    there = kept(folder)
    if not there:
        raise BackupError(
            f"{folder}: no night is kept there yet; the next sync keeps one, unless [history] nights is 0"
        )
    night = night or there[0]
    if night not in there:
        raise BackupError(f"{folder}: the night of {night} is not kept; those of {_told(there)} are")
    path = folder / f"{night.isoformat()}.zip"
    with BackupFile.open(path) as backup:
        if backup.manifest.tables_version != HEAD:
            raise BackupError(
                f"{path}: was kept by a version with other tables ({backup.manifest.made_by}); choose a night since the upgrade"
            )
        yield Night(night, backup, path)


def _told(nights: list[date]) -> str:
    return f"{nights[-1]} to {nights[0]}" if len(nights) > 1 else str(nights[0])
