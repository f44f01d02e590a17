"""Where in PCRT Additional Members are written: what must hold of that table and of a session before anything is.

What belongs here: looking at the table, trying whether the account may write, and what keeps the server from changing a list silently. What
must not: writing a list (`pcrt_writer`).
"""

from sqlalchemy import TableClause, column, func, select, table, text, update
from sqlalchemy.engine import Connection

from cwa_pipeline.config.settings import AdditionalMembersSettings
from cwa_pipeline.errors import SourceError

PART = "[pcrt.additional_members]"
LOCK_SECONDS = 5  # a technician who holds the row longer than that is editing it

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
# Parts of the types' names in both. JSON, ENUM and binary types are no text: they do not give back what was written.
TEXT_TYPES = ("CHAR", "TEXT", "CLOB")
NUMBER_TYPES = ("INT", "DEC", "NUM")


def prepare_session(connection: Connection) -> None:
    """Make the server refuse what it would otherwise change silently, and not keep us waiting for a lock."""
    connection.execution_options(pcrt_part=PART)
    for statement in SESSION[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def verify_target(connection: Connection, target: AdditionalMembersSettings) -> None:
    """SourceError unless the table has that text column, a key that names one row each, and we may write to it."""
    rows = rows_of(target)
    names = {"schema": rows.schema, "name": rows.name}
    found = connection.execute(text(COLUMN_TYPES[connection.dialect.name]), names)
    types = {name.casefold(): kind.upper() for name, kind in found}
    if not types:
        raise SourceError(
            f"{PART} table: {target.table} is not in PCRT's database; set it to where Additional Members are"
        )
    for option, name in (("key", target.key), ("column", target.column)):
        if name.casefold() not in types:
            raise SourceError(f"{PART} {option}: the table {target.table} has no column {name}; set it to one it has")
    if not any(kind in types[target.column.casefold()] for kind in TEXT_TYPES):
        raise SourceError(f"{PART} column: {target.table}.{target.column} is no text column; set it to one that is")
    if not any(kind in types[target.key.casefold()] for kind in NUMBER_TYPES):  # MySQL takes '5', ' 5' and '5th' for 5
        raise SourceError(f"{PART} key: {target.table}.{target.key} is no number; set it to the id of a subscription")
    key = rows.c[target.key]
    repeated = connection.execute(select(key).group_by(key).having(func.count() > 1).limit(1)).first()
    if repeated:
        raise SourceError(
            f"{PART} key: {target.table}.{target.key} {repeated[0]} names several rows; set it to a key that names one"
        )
    changes_nothing = update(rows).values({target.column: rows.c[target.column]}).where(text("1 = 0"))
    connection.execute(changes_nothing)  # but the server refuses it to an account that may not write


def rows_of(target: AdditionalMembersSettings) -> TableClause:
    """The table to write to: its key and its one column."""
    schema, _, name = target.table.rpartition(".")
    return table(name, column(target.key), column(target.column), schema=schema or None)
