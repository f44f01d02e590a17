"""The table with Additional Members: what must hold of it, and of the session, before anything is written."""

from sqlalchemy import TableClause, column, func, select, table, text, update
from sqlalchemy.engine import Connection

from cwa_pipeline.config.settings import AdditionalMembersSettings
from cwa_pipeline.errors import SourceError

PART = "[pcrt.additional_members]"
LOCK_SECONDS = 5  # a technician who holds the row for longer is editing it

SESSION = {
    "mysql": (
        # A list that is too long for its column is then an error and not cut off; the server's other modes stay.
        "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')",
        f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, lock_wait_timeout = {LOCK_SECONDS}",
    ),
    "sqlite": (),  # the connection waits SQLITE_LOCK_SECONDS, and SQLite never cuts a text off
}
COLUMN_TYPES = {
    "mysql": "SELECT column_name, data_type FROM information_schema.columns "
    "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name",
    "sqlite": "SELECT name, type FROM pragma_table_info(:name, COALESCE(:schema, 'main'))",
}
# Parts of the type names in both. JSON, ENUM and binary types may give back something else than was written.
TEXT_TYPES = ("CHAR", "TEXT", "CLOB")
NUMBER_TYPES = ("INT", "DEC", "NUM")


def target_table(target: AdditionalMembersSettings) -> TableClause:
    """The table to write to: its key and its one column, in that order."""
    schema, _, name = target.table.rpartition(".")
    return table(name, column(target.key), column(target.column), schema=schema or None)


def prepare_session(connection: Connection) -> None:
    """Make the server refuse what it would otherwise change silently, and give up early on a lock."""
    connection.execution_options(pcrt_part=PART)
    for statement in SESSION[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def verify_target(connection: Connection, target: AdditionalMembersSettings) -> None:
    """Raise SourceError unless the table has the text column and a unique key, and the account may write there."""
    rows = target_table(target)
    names = {"schema": rows.schema, "name": rows.name}
    found = connection.execute(text(COLUMN_TYPES[connection.dialect.name]), names)
    types = {name.casefold(): kind.upper() for name, kind in found}
    if not types:
        raise SourceError(
            f"{PART} table: {target.table} is not in PCRT's database; set it to the table with Additional Members"
        )
    for option, name in (("key", target.key), ("column", target.column)):
        if name.casefold() not in types:
            raise SourceError(f"{PART} {option}: the table {target.table} has no column {name}; set it to one it has")
    if not any(kind in types[target.column.casefold()] for kind in TEXT_TYPES):
        raise SourceError(f"{PART} column: {target.table}.{target.column} is not a text column; set it to one that is")
    if not any(kind in types[target.key.casefold()] for kind in NUMBER_TYPES):  # MySQL takes '5', ' 5' and '5th' for 5
        raise SourceError(f"{PART} key: {target.table}.{target.key} is not a number; set it to the subscription's id")
    key = rows.c[target.key]
    repeated = connection.execute(select(key).group_by(key).having(func.count() > 1).limit(1)).first()
    if repeated:
        raise SourceError(
            f"{PART} key: {target.table}.{target.key} {repeated[0]} names several rows; set it to a unique column"
        )
    changes_nothing = update(rows).values({target.column: rows.c[target.column]}).where(text("1 = 0"))
    connection.execute(changes_nothing)  # the server refuses even this to an account that may not write
