"""The file of a backup: a zip with one Parquet file a table, and a manifest with versions, row counts and hashes.

What belongs here: writing such a file whole or not at all, and trusting one only when every byte of every table is as it was. What must
not: a database. The file is the same whichever database the rows came from, so it is also the way from SQLite to PostgreSQL.
"""

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from cwa_pipeline.errors import BackupError

FORMAT = 1  # of the file itself; the tables have a version of their own
MANIFEST = "manifest.json"
OWNER_ONLY = 0o600  # it holds customers' names

_BROKEN = (OSError, EOFError, KeyError, ValueError, RuntimeError, zlib.error, zipfile.BadZipFile, pa.ArrowException)


class TableInBackup(BaseModel):
    """What is known of one table's Parquet file."""

    model_config = ConfigDict(frozen=True)

    rows: int
    sha256: str


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    tables_version: str
    made_by: str
    made_at: datetime
    tables: dict[str, TableInBackup]
    settings: dict[str, str] = {}  # what the rows were made with, where that matters

    @property
    def rows(self) -> int:
        """How many rows there are in all tables."""
        return sum(table.rows for table in self.tables.values())


class _Packed(NamedTuple):
    """A table on its way into the file."""

    parquet: bytes
    rows: int
    sha256: str


def _packed(rows: pa.Table) -> _Packed:
    parquet = io.BytesIO()
    # Whoever reads it reads all of it. Without dictionaries and statistics it is written in two thirds of the time, and smaller.
    pq.write_table(rows, parquet, compression="zstd", use_dictionary=False, write_statistics=False)
    data = parquet.getvalue()
    return _Packed(data, rows.num_rows, hashlib.sha256(data).hexdigest())


class BackupWriter:
    """Takes one table after the other; see `writing`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.tables: dict[str, TableInBackup] = {}

    def add(self, table: str, rows: pa.Table) -> None:
        """Write a table."""
        self._keep(table, _packed(rows))

    def add_all(self, tables: Sequence[str], rows: Callable[[str], pa.Table]) -> None:
        """Write some tables, two being packed at a time."""
        with ThreadPoolExecutor(2, "pack") as pool:
            for table, packed in zip(tables, pool.map(lambda table: _packed(rows(table)), tables), strict=True):
                self._keep(table, packed)

    def _keep(self, table: str, packed: _Packed) -> None:
        self._archive.writestr(f"{table}.parquet", packed.parquet)
        self.tables[table] = TableInBackup(rows=packed.rows, sha256=packed.sha256)

    def finish(self, tables_version: str, made_by: str, settings: Mapping[str, str] | None = None) -> Manifest:
        """Write the manifest, which makes it a backup."""
        manifest = Manifest(
            tables_version=tables_version,
            made_by=made_by,
            made_at=datetime.now(UTC),
            tables=self.tables,
            settings={**(settings or {})},
        )
        self._archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
        return manifest


@contextmanager
def writing(path: Path, *, replace: bool = False) -> Iterator[BackupWriter]:
    """A new backup, which has its name only when the block ends well. Raises BackupError for a name that is taken or cannot be had.

    With `replace`, it takes the place of an earlier one of its name.
    """
    if path.exists() and not replace:
        raise BackupError(f"{path}: is there already; name a file that is not")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb")
    except OSError as error:
        raise _cannot_be_written(path, error) from None
    try:
        with file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # Parquet is compressed already
                yield BackupWriter(archive)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise _cannot_be_written(path, error) from None
    finally:
        part.unlink(missing_ok=True)


class BackupFile:
    """A backup that was looked through: its tables are as they were written."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._path, self._archive, self.manifest = path, archive, manifest

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Open a backup. Raises BackupError for a file that is none, was damaged, or is of a format not known here."""
        try:
            archive = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise BackupError(f"{path}: there is no such file; name one that `cwa-pipeline backup` wrote") from None
        except _BROKEN as error:
            raise BackupError(f"{path}: is no backup, or was damaged ({_said(error)}); use another one") from None
        with archive:
            backup = cls(path, archive, _manifest(path, archive))
            for table in backup.manifest.tables:
                backup._parquet(table)
            yield backup

    def table(self, table: str) -> pa.Table:
        """The rows of a table, as they were written."""
        try:
            return pq.read_table(io.BytesIO(self._parquet(table)))
        except _BROKEN as error:
            raise _damaged(self._path, table, error) from None

    def _parquet(self, table: str) -> bytes:
        """A table's file, once it is known to be the one that was written."""
        try:
            data = self._archive.read(f"{table}.parquet")
        except _BROKEN as error:
            raise _damaged(self._path, table, error) from None
        if hashlib.sha256(data).hexdigest() != self.manifest.tables[table].sha256:
            raise _damaged(self._path, table, ValueError("its hash is another one"))
        return data


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        found = json.loads(archive.read(MANIFEST))
        newer = int(found["format"]) > FORMAT
        manifest = None if newer else Manifest.model_validate(found)
    except (*_BROKEN, TypeError, ValidationError) as error:
        raise _damaged(path, MANIFEST, error) from None
    if manifest is None:
        raise BackupError(f"{path}: was made by a newer cwa-pipeline; upgrade this one, or use another backup")
    return manifest


def _damaged(path: Path, part: str, error: Exception) -> BackupError:
    return BackupError(f"{path}: is no backup, or was damaged ({part}: {_said(error)}); use another one")


def _cannot_be_written(path: Path, error: OSError) -> BackupError:
    return BackupError(
        f"{path}: cannot be written ({error.strerror}); name a place with room that this account may write"
    )


def _said(error: Exception) -> str:
    """The first line of an error, and no more of it than fits."""
    return (str(error).partition("\n")[0] or type(error).__name__)[:80]
