"""The version of a warehouse's tables, and the upgrade of older ones to this code's version.

Alembic never gets a connection. It writes the SQL of the steps, which goes through ADBC like everything else (`sqlite` says why).
"""

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from adbc_driver_manager.dbapi import Cursor

from cwa_pipeline.errors import WarehouseError
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse import schema
from cwa_pipeline.warehouse.migrations import FOLDER, HEAD, VERSION_TABLE

if TYPE_CHECKING:
    from cwa_pipeline.warehouse.postgresql import PostgresqlDatabase
    from cwa_pipeline.warehouse.sqlite import SqliteDatabase

    Database = SqliteDatabase | PostgresqlDatabase

FIRST = "base"  # Alembic's name for the state before its first step
SIGN_OF_OURS = "table_loads"  # every release created it; tables with our names but without it belong to another program

# For each table, each column's declared type and whether it is NOT NULL
Found = dict[str, dict[str, tuple[str, bool]]]


def make_current(database: "Database", cursor: Cursor) -> None:
    """Create or upgrade the tables in one transaction; every row and the analysts' own columns, views, indexes and grants last.

    Raises WarehouseError, and changes nothing, for a newer warehouse, for another program's tables with our names, and for
    tables of ours with columns that somebody changed.
    """
    found, version = _look(database, cursor)
    if version == HEAD and TABLES.keys() <= found.keys():
        _check_tables(database, found)
        return
    for statement in database.begin_create:
        cursor.execute(statement)
    try:
        found, version = _look(database, cursor)  # another process may have upgraded it before this one got the lock
        is_new = version is None and not found.keys() & TABLES
        _refuse_another_program(database, found, version)
        statements = [schema.create_statements(table, database.dialect) for table in TABLES]
        for statement in [*_steps(database, found, version, is_new=is_new), *(create for create, *_ in statements)]:
            cursor.execute(statement)
        _check_tables(database, columns_found(database, cursor), is_ours=is_new or version is not None)
        for _, *comments in statements:
            for statement in comments:
                cursor.execute(statement)
    except WarehouseError:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def check_is_current(database: "Database", cursor: Cursor) -> None:
    """Raises WarehouseError for tables of another version than this code's."""
    _, version = _look(database, cursor)
    if version != HEAD:
        raise WarehouseError(
            f"{database.name}: its tables are of an older version, or missing; run `cwa-pipeline check`, which upgrades them"
        )


def make_as_of(database: "Database", cursor: Cursor, version: str) -> None:
    """Create the tables of one version in a database that has none."""
    for statement in (*database.begin_create, *_alembic_sql(database.dialect, {}, FIRST, version), "COMMIT"):
        cursor.execute(statement)


def known_versions() -> list[str]:
    """Every version up to this code's, the oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - slow, and seldom needed

    steps = ScriptDirectory.from_config(_config()).walk_revisions()
    return [str(step.revision) for step in steps][::-1]


def columns_found(database: "Database", cursor: Cursor) -> Found:
    """All tables in the database, ours or not, with their columns."""
    cursor.execute(database.columns_query)
    found: Found = {}
    for table, column, declared, not_null in cursor.fetchall():
        found.setdefault(table, {})[column] = (declared, bool(not_null))
    return found


def _look(database: "Database", cursor: Cursor) -> tuple[Found, str | None]:
    """The tables and their version; None if they have no version yet. Raises WarehouseError for a newer one."""
    found, version = columns_found(database, cursor), None
    if "version_num" in found.get(VERSION_TABLE, {}):
        cursor.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
        version = next((str(number) for (number,) in cursor.fetchall()), None)
    if version not in {None, HEAD} and version not in known_versions():
        raise WarehouseError(
            f"{database.name}: its tables were made by a newer cwa-pipeline (version {version}; this one knows up to {HEAD}): "
            "upgrade this one; nothing was changed"
        )
    return found, version


def _refuse_another_program(database: "Database", found: Found, version: str | None) -> None:
    ours = sorted(found.keys() & TABLES)
    if version is None and ours and SIGN_OF_OURS not in ours:
        raise _another_program(database, f"{ours[0]} is there without {SIGN_OF_OURS}")
    if VERSION_TABLE in found and "version_num" not in found[VERSION_TABLE]:
        raise _another_program(database, f"{VERSION_TABLE}.version_num is missing")


def _another_program(database: "Database", why: str) -> WarehouseError:
    return WarehouseError(
        f"{database.name}: another program keeps tables with our names there ({why}); set WAREHOUSE_URL to a file, database or "
        "schema that only the pipeline uses; nothing was changed"
    )


def _steps(database: "Database", found: Found, version: str | None, *, is_new: bool) -> list[str]:
    """The statements from a version to this code's, with its stamp; in a new warehouse the stamp alone."""
    if version == HEAD:  # only a table is missing
        return []
    statements = _alembic_sql(database.dialect, found, None if is_new else version or FIRST, "head")
    # The version table can exist without a version, if somebody emptied all tables
    create = f"CREATE TABLE {VERSION_TABLE} "
    return [statement for statement in statements if VERSION_TABLE not in found or not statement.startswith(create)]


class _Statements(list[str]):
    """A text stream for Alembic, which writes one statement or comment per call."""

    def write(self, text: str) -> None:
        if not text.startswith("--"):
            self.append(text.strip().removesuffix(";"))

    def flush(self) -> None:
        """Nothing is buffered."""


def _alembic_sql(dialect: sa.Dialect, found: Found, start: str | None, end: str) -> list[str]:
    """The statements that Alembic would execute between two versions; without a start, only the stamp of the end."""
    from alembic import command  # noqa: PLC0415 - slow, and seldom needed

    config, statements = _config(), _Statements()
    columns = {table: set(there) for table, there in found.items()}
    config.attributes.update(dialect=dialect.name, statements=statements, columns=columns)
    if start is None:
        command.stamp(config, end, sql=True)
    else:
        command.upgrade(config, f"{start}:{end}", sql=True)
    return statements


def _config() -> Any:
    from alembic.config import Config  # noqa: PLC0415 - slow, and seldom needed

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def _check_tables(database: "Database", found: Found, *, is_ours: bool = True) -> None:
    """Raise WarehouseError for a table whose columns do not fit its model."""
    for table in TABLES:
        fault = _fault(database.dialect, table, found.get(table, {}))
        if fault:
            raise WarehouseError(fault) if is_ours else _another_program(database, fault.partition(";")[0])


def _fault(dialect: sa.Dialect, table: str, found: dict[str, tuple[str, bool]]) -> str | None:
    wanted = schema.sql_table(table).columns
    for column in wanted:
        sql_type = column.type.compile(dialect=dialect)
        if column.name not in found:
            remedy = f"ALTER TABLE {table} ADD COLUMN {column.name} {sql_type}"
            return f"{table}.{column.name} is missing in the warehouse; add it: {remedy}"
        declared, not_null = found[column.name]
        if declared.casefold() != sql_type.casefold():
            return f"{table}.{column.name} is {declared} in the warehouse and must be {sql_type}; change it"
        if not_null and column.nullable:
            return f"{table}.{column.name} is NOT NULL in the warehouse and must allow nulls; change it"
    extra = next((name for name, (_, not_null) in found.items() if not_null and name not in wanted), None)
    return (
        f"{table}.{extra} is not a column of ours and is NOT NULL, so no row fits; make it allow nulls"
        if extra
        else None
    )
