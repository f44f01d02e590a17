"""Backing up the warehouse and restoring it, into either database.

What belongs here: what of a warehouse goes into a backup, and what has to be so before one is restored. What must not: the file's format
(`backup_file`), or what a table was like in an earlier version (`migrations`).

Only our own columns and tables are in it; what analysts keep beside them stays where it is when a backup is restored.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from sqlalchemy.engine import URL

from cwa_pipeline.config.settings import configured_site
from cwa_pipeline.errors import BackupError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.backup_file import BackupFile, Manifest, writing
from cwa_pipeline.warehouse.frames import from_arrow, to_arrow
from cwa_pipeline.warehouse.migrations import HEAD
from cwa_pipeline.warehouse.schema import model
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline.warehouse.versions import known_versions

log = logging.getLogger(__name__)


def back_up(warehouse: Warehouse, path: Path) -> Manifest:
    """Write every table as it is at one moment, also while a sync is writing. Raises BackupError when the file cannot be."""
    with warehouse.snapshot() as read, writing(path) as backup:
        for table in TABLES:
            rows = to_arrow(table, read(table), times_as_text=False)
            backup.add(table, rows)
            log.info("%s: %s rows", table, f"{rows.num_rows:,}")
        return backup.finish(HEAD, f"cwa-pipeline {version('cwa-pipeline')}")


def restore(warehouse: Warehouse, path: Path, *, replace: bool = False) -> Manifest:
    """Put the rows of a backup into the warehouse, all or none; one of an older version is brought forward on the way.

    Raises BackupError for a file that was damaged or is newer, BusyError while a sync is running, and WarehouseError for a warehouse
    that has rows, unless they are to be replaced.
    """
    with BackupFile.open(path) as backup:
        made = backup.manifest
        if made.tables_version not in known_versions():
            raise BackupError(
                f"{path}: was made by a newer version ({made.made_by}, tables of version {made.tables_version}, and this one knows "
                f"up to {HEAD}); upgrade this one, or use another backup"
            )
        with _tables_of(backup, path) as read, warehouse.exclusive():
            site.claim(warehouse)
            site.tell_of_another_sites_backup(read(site.OWNER))
            its_own = {site.OWNER} if configured_site() else set[str]()  # a site stays who it is
            warehouse.restore(read, [table for table in TABLES if table not in its_own], replace=replace)
        return made


@contextmanager
def _tables_of(backup: BackupFile, path: Path) -> Iterator[Callable[[str], pd.DataFrame]]:
    """What gives the backup's tables as this version has them."""
    if backup.manifest.tables_version == HEAD:
        yield lambda table: frame_of(backup, path, table)
        return
    # The steps know tables, not frames: an older backup is first a SQLite warehouse of its version
    with TemporaryDirectory(prefix="cwa_pipeline_restore_") as folder:
        scratch = Warehouse(URL.create("sqlite", database=str(Path(folder) / "older.db")))
        log.info("bringing the backup forward from version %s to %s", backup.manifest.tables_version, HEAD)
        scratch.create_as_of(backup.manifest.tables_version, {t: backup.table(t) for t in backup.manifest.tables})
        scratch.create()
        yield lambda table: scratch.read(table, or_empty=True)


def frame_of(backup: BackupFile, path: Path, table: str) -> pd.DataFrame:
    """A table of a backup of this version. Raises BackupError when it is not there, or has other columns."""
    if table not in backup.manifest.tables:
        raise BackupError(f"{path}: has no table {table}, which version {HEAD} has; use another backup")
    rows = backup.table(table)
    if rows.column_names != list(model(table).columns):
        raise BackupError(f"{path}: {table} has other columns than version {HEAD} has; use another backup")
    return from_arrow(table, rows)
