"""The version of a warehouse's tables, and what brings older ones to that of this code.

What belongs here: looking at what is there, having alembic say the steps that are missing (`cwa_pipeline/migrations`), executing them in
one transaction, and refusing what is not ours or newer. What must not: what a step does, or what a table looks like.

alembic never sees a connection: it writes SQL, and that goes through ADBC as everything does (see `warehouse_sqlite` for why).
"""

from typing import Any

import sqlalchemy as sa
from adbc_driver_manager.dbapi import Cursor

from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse import schema
from cwa_pipeline.warehouse.migrations import FOLDER, HEAD, VERSION_TABLE

FIRST = "base"  # alembic's name for what is before its first step
SIGN_OF_OURS = "table_loads"  # every release made it; tables of our names without it are another program's

# Of every table, each column's declared type and whether it may not be null
Found = dict[str, dict[str, tuple[str, bool]]]


def make_current(database: Any, cursor: Cursor) -> None:
    """Make or migrate the tables, in one transaction; analysts' own columns, views, indexes and grants last, and every row.

    Raises WarehouseError, having changed nothing, for a newer warehouse, for tables of our names that another program keeps, and
    for ours with columns that somebody changed.
    """
    found = columns_found(database, cursor)
    version = version_in(cursor, found)
    if version == HEAD and TABLES.keys() <= found.keys():
        _check_all(database, found)
        return
    _refuse_newer(database, version)
    for statement in database.begin_create:
        cursor.execute(statement)
    found = columns_found(database, cursor)  # another process may have been at it while this one waited for the lock
    version = version_in(cursor, found)
    try:
        _refuse_newer(database, version)
        _refuse_others(database, found, version)
        made, described = _tables(database.dialect)
        for statement in [*_steps(database, found, version), *made]:
            cursor.execute(statement)
        _check_all(
            database, columns_found(database, cursor), is_stamped=version is not None or not found.keys() & TABLES
        )
        for statement in described:
            cursor.execute(statement)
    except WarehouseError:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def check_is_current(database: Any, cursor: Cursor) -> None:
    """Raises WarehouseError for tables that are not of this code's version."""
    found = columns_found(database, cursor)
    version = version_in(cursor, found)
    _refuse_newer(database, version)
    if version != HEAD:
        raise WarehouseError(
            f"{database.name}: its tables are of an older version, or there are none; run `cwa-pipeline check`, which sees to that"
        )


def make_as_of(database: Any, cursor: Cursor, version: str) -> None:
    """Make the tables as they were at a version, in a database that has none."""
    for statement in (*database.begin_create, *_say(database.dialect, {}, FIRST, version), "COMMIT"):
        cursor.execute(statement)


def version_in(cursor: Cursor, found: Found) -> str | None:
    """The version that the warehouse's tables are stamped with; None before there were stamps, or tables."""
    if "version_num" not in found.get(VERSION_TABLE, {}):
        return None
    cursor.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
    rows = cursor.fetchall()
    return str(rows[0][0]) if rows else None


def known_versions() -> list[str]:
    """Every version there was up to this code's, the first one first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - only needed when there is something to migrate

    steps = ScriptDirectory.from_config(_config()).walk_revisions()
    return [str(step.revision) for step in steps][::-1]


def columns_found(database: Any, cursor: Cursor) -> Found:
    """The tables that are there, whosever they are, each with its columns."""
    cursor.execute(database.columns_query)
    found: Found = {}
    for table, column, declared, not_null in cursor.fetchall():
        found.setdefault(table, {})[column] = (declared, bool(not_null))
    return found


def _refuse_newer(database: Any, version: str | None) -> None:
    if version not in {None, HEAD} and version not in known_versions():
        raise WarehouseError(
            f"{database.name}: its tables were made by a newer cwa-pipeline (version {version}, and this one knows up to {HEAD}): "
            "upgrade this one; nothing was changed"
        )


def _refuse_others(database: Any, found: Found, version: str | None) -> None:
    ours = sorted(found.keys() & TABLES)
    if version is None and ours and SIGN_OF_OURS not in ours:
        raise _of_another_program(database, f"{ours[0]} is there without {SIGN_OF_OURS}")
    if VERSION_TABLE in found and "version_num" not in found[VERSION_TABLE]:
        raise _of_another_program(database, f"{VERSION_TABLE}.version_num is missing")


def _of_another_program(database: Any, why: str) -> WarehouseError:
    return WarehouseError(
        f"{database.name}: another program keeps tables of our names there ({why}); let WAREHOUSE_URL name a file, database or "
        "schema of the pipeline's own; nothing was changed"
    )


def _steps(database: Any, found: Found, version: str | None) -> list[str]:
    """The statements that lead from a version to this code's, the stamp among them."""
    if version == HEAD:  # and a table of ours was dropped
        return []
    nothing_there = version is None and not found.keys() & TABLES
    statements = _say(database.dialect, found, None if nothing_there else version or FIRST, "head")
    # The table of the stamp may be there without a stamp, when somebody emptied all tables
    made = f"CREATE TABLE {VERSION_TABLE} "
    return [line for line in statements if VERSION_TABLE not in found or not line.startswith(made)]


def _tables(dialect: sa.Dialect) -> tuple[list[str], list[str]]:
    """The statements that make those tables that are missing, as `tables.py` has them, and those that describe all."""
    statements = [schema.create_statements(table, dialect) for table in TABLES]
    return [made for made, *_ in statements], [described for _, *comments in statements for described in comments]


class _Statements(list[str]):
    """Takes what alembic writes: with each call one statement, or a comment."""

    def write(self, text: str) -> None:
        if not text.startswith("--"):
            self.append(text.strip().removesuffix(";"))

    def flush(self) -> None:
        """Nothing waits."""


def _say(dialect: sa.Dialect, found: Found, start: str | None, end: str) -> list[str]:
    """What alembic would execute between two versions; without a start, the stamp of the end alone."""
    from alembic import command  # noqa: PLC0415 - only needed when there is something to migrate

    config, statements = _config(), _Statements()
    columns = {table: set(there) for table, there in found.items()}
    config.attributes.update(dialect=dialect.name, statements=statements, columns=columns)
    if start is None:
        command.stamp(config, end, sql=True)
    else:
        command.upgrade(config, f"{start}:{end}", sql=True)
    return statements


def _config() -> Any:
    from alembic.config import Config  # noqa: PLC0415 - only needed when there is something to migrate

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def _check_all(database: Any, found: Found, *, is_stamped: bool = True) -> None:
    """Hold every table as it is in the database against its model."""
    for table in TABLES:
        try:
            _check(database.dialect, table, found.get(table, {}))
        except WarehouseError as error:
            if is_stamped:
                raise
            raise _of_another_program(database, str(error).partition(";")[0]) from None


def _check(dialect: sa.Dialect, table: str, found: dict[str, tuple[str, bool]]) -> None:
    wanted = schema.sql_table(table).columns
    for column in wanted:
        sql_type = column.type.compile(dialect=dialect)
        if column.name not in found:
            remedy = f"ALTER TABLE {table} ADD COLUMN {column.name} {sql_type}"
            raise WarehouseError(f"{table}.{column.name} is missing in the warehouse; add it: {remedy}")
        declared, not_null = found[column.name]
        if declared.casefold() != sql_type.casefold():
            raise WarehouseError(
                f"{table}.{column.name} is {declared} in the warehouse and has to be {sql_type}; change it"
            )
        if not_null and column.nullable:
            raise WarehouseError(f"{table}.{column.name} is NOT NULL in the warehouse and has to take nulls; change it")
    for name, (_, not_null) in found.items():
        if not_null and name not in wanted:
            raise WarehouseError(f"{table}.{name} is no column of ours and NOT NULL, so no row fits; let it take nulls")
