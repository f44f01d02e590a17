"""Backups of the warehouse: a zip with one Parquet file per table, and a manifest with versions, row counts and hashes.

The file is the same for both databases, so it is also the way from SQLite to PostgreSQL. It holds our own tables and
columns only; whatever analysts keep beside them survives a restore.
"""

import hashlib
import io
import json
import logging
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.engine import URL

from cwa_pipeline.config.settings import configured_site
from cwa_pipeline.errors import BackupError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.frames import from_arrow, to_arrow
from cwa_pipeline.warehouse.migrations import HEAD
from cwa_pipeline.warehouse.schema import model
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline.warehouse.versions import known_versions

FORMAT = 1  # of the file itself; the tables have their own version
MANIFEST = "manifest.json"
OWNER_ONLY = 0o600  # it holds customers' names

log = logging.getLogger(__name__)

_BROKEN = (OSError, EOFError, KeyError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile, pa.ArrowException)


class TableInBackup(BaseModel):
    """The size and hash of one table's Parquet file."""

    model_config = ConfigDict(frozen=True)

    rows: int
    sha256: str


class Manifest(BaseModel):
    """What a backup says about itself."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    tables_version: str = HEAD
    made_by: str
    made_at: datetime
    tables: dict[str, TableInBackup]
    settings: dict[str, str] = {}  # that the rows depend on

    @property
    def rows(self) -> int:
        """How many rows all tables have together."""
        return sum(table.rows for table in self.tables.values())


def back_up(warehouse: Warehouse, path: Path) -> Manifest:
    """Write every table as it is at one moment, even while a sync writes. Raises BackupError if the file cannot be written."""
    with warehouse.snapshot() as read, writing(path) as backup:
        for table in TABLES:
            count = backup.add(table, to_arrow(table, read(table), times_as_text=False))
            log.info("%s: %s rows", table, f"{count:,}")
        return backup.finish()


def restore(warehouse: Warehouse, path: Path, *, replace: bool = False) -> Manifest:
    """Restore all rows of a backup or none. A backup of an older version is upgraded first.

    Raises BackupError for a damaged or newer file, BusyError while a sync is running, and WarehouseError for a warehouse
    that has rows, unless `replace` is set.
    """
    with opened(path) as backup:
        made = backup.manifest
        if made.tables_version not in known_versions():
            raise BackupError(
                f"{path}: was made by a newer version ({made.made_by}, tables of version {made.tables_version}; this one knows "
                f"up to {HEAD}); upgrade this one, or use another backup"
            )
        with _current_tables(backup) as read, warehouse.exclusive():
            site.claim(warehouse)
            site.warn_about_another_sites_backup(read(site.OWNER))
            keep = {site.OWNER} if configured_site() else set[str]()  # the warehouse stays this site's
            warehouse.restore(read, [table for table in TABLES if table not in keep], replace=replace)
        return made


@contextmanager
def _current_tables(backup: "Backup") -> Iterator[Callable[[str], pd.DataFrame]]:
    """A function that returns each table of the backup as this version has it."""
    if backup.manifest.tables_version == HEAD:
        yield backup.frame
        return
    # The migrations work on a database, so an older backup becomes a temporary SQLite warehouse first
    with TemporaryDirectory(prefix="cwa_pipeline_restore_") as folder:
        scratch = Warehouse(URL.create("sqlite", database=str(Path(folder) / "older.db")))
        log.info("upgrading the backup from version %s to %s", backup.manifest.tables_version, HEAD)
        scratch.create_as_of(backup.manifest.tables_version, {t: backup.table(t) for t in backup.manifest.tables})
        scratch.create()
        yield lambda table: scratch.read(table, or_empty=True)


class BackupWriter:
    """Adds tables to a backup; made by `writing`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._tables: dict[str, TableInBackup] = {}

    def add(self, table: str, rows: pa.Table) -> int:
        """Add a table; returns how many rows it has."""
        parquet = io.BytesIO()
        # A restore reads whole tables; without dictionaries and statistics, writing takes a third less time and space.
        pq.write_table(rows, parquet, compression="zstd", use_dictionary=False, write_statistics=False)
        data = parquet.getvalue()
        self._archive.writestr(f"{table}.parquet", data)
        self._tables[table] = TableInBackup(rows=rows.num_rows, sha256=hashlib.sha256(data).hexdigest())
        return int(rows.num_rows)

    def finish(self, **manifest: object) -> Manifest:
        """Write the manifest, which completes the backup; `manifest` gives fields other than those of a backup made now."""
        now = {"made_by": f"cwa-pipeline {version('cwa-pipeline')}", "made_at": datetime.now(UTC)}
        written = Manifest.model_validate({**now, "tables": self._tables, **manifest})
        self._archive.writestr(MANIFEST, written.model_dump_json(indent=1))
        return written


@contextmanager
def writing(path: Path, *, replace: bool = False) -> Iterator[BackupWriter]:
    """A new backup, which gets its name only if the block succeeds; with `replace`, it replaces an earlier one of that name.

    Raises BackupError for a name that is taken or cannot be written.
    """
    if path.exists() and not replace:
        raise BackupError(f"{path}: already exists; choose another file name")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # Parquet is compressed already
                yield BackupWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise BackupError(
            f"{path}: cannot be written ({error.strerror}); choose a folder with free space where this account may write"
        ) from None
    finally:
        part.unlink(missing_ok=True)


class Backup(NamedTuple):
    """A backup whose tables are exactly as they were written; opened by `opened`."""

    path: Path
    archive: zipfile.ZipFile
    manifest: Manifest

    def frame(self, table: str) -> pd.DataFrame:
        """A table of a backup of this version. Raises BackupError if it is missing or has other columns."""
        if table not in self.manifest.tables:
            raise BackupError(f"{self.path}: has no table {table}, which version {HEAD} has; use another backup")
        rows = self.table(table)
        if rows.column_names != list(model(table).columns):
            raise BackupError(f"{self.path}: {table} has other columns than in version {HEAD}; use another backup")
        return from_arrow(table, rows)

    def table(self, table: str) -> pa.Table:
        """The rows of a table as they were written."""
        with _damage(self.path, table):
            return pq.read_table(io.BytesIO(self.parquet(table)))

    def parquet(self, table: str) -> bytes:
        """A table's file, if its hash is right."""
        with _damage(self.path, table):
            data = self.archive.read(f"{table}.parquet")
            if hashlib.sha256(data).hexdigest() != self.manifest.tables[table].sha256:
                raise ValueError("its hash is wrong")
            return data


@contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """Open a backup and check every table. Raises BackupError for a file that is no backup, is damaged, or has a newer format."""
    if not path.exists():
        raise BackupError(f"{path}: there is no such file; name one that `cwa-pipeline backup` wrote")
    with _damage(path, path.name):
        archive = zipfile.ZipFile(path)
    with archive:
        backup = Backup(path, archive, _manifest(path, archive))
        for table in backup.manifest.tables:
            backup.parquet(table)
        yield backup


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    with _damage(path, MANIFEST):
        found = json.loads(archive.read(MANIFEST))
        if int(found["format"]) <= FORMAT:
            return Manifest.model_validate(found)
    raise BackupError(f"{path}: was made by a newer cwa-pipeline; upgrade this one, or use another backup")


@contextmanager
def _damage(path: Path, part: str) -> Iterator[None]:
    """Say that a backup is damaged, in one line, if reading part of it fails."""
    try:
        yield
    except (*_BROKEN, TypeError, ValidationError) as error:
        said = (str(error).partition("\n")[0] or type(error).__name__)[:80]
        raise BackupError(f"{path}: is no backup, or was damaged ({part}: {said}); use another one") from None
