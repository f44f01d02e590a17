"""What PCRT's database account may do beyond the one thing the pipeline needs: to update one column of one table.

What belongs here: asking the server for the account's grants and judging them. What must not: changing a grant, or finding out whether
the account may write at all (`pcrt_target.verify_target` asks that by trying).
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.engine import URL, Connection

from cwa_pipeline.config.settings import AdditionalMembersSettings, PcrtSettings
from cwa_pipeline.pcrt.connection import connect, pcrt_engine

# Reading is no harm done, wherever it is; every other privilege, known or not yet invented, changes or administers something.
READING = {
    *("USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "SHOW CREATE ROUTINE", "SHOW_ROUTINE"),
    *("PROCESS", "REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR"),
}
MYSQL_WITH_ROLES = (8,)  # MySQL 5.7 has none

# The grants are then written in one and the same way, whatever the server's own modes are.
PLAIN_SESSION = "SET SESSION sql_mode = '', sql_quote_show_create = 1"
# information_schema would leave out routines, roles and grant options without a privilege; SHOW GRANTS tells all of them.
SHOW_GRANTS = "SHOW GRANTS"
ROLES = "SELECT role_name FROM information_schema.applicable_roles WHERE grantee = CURRENT_USER()"

QUOTED = r"`(?:[^`]|``)*`|'(?:[^']|'')*'"
WORDS = rf"(?:[^`']|{QUOTED})+?"
PRIVILEGES_GRANTED = re.compile(rf"GRANT (?P<privileges>{WORDS}) ON (?P<place>{WORDS}) TO (?P<grantee>.+)", re.DOTALL)
ROLES_GRANTED = re.compile(rf"GRANT (?P<roles>{WORDS}) TO (?P<grantee>.+)", re.DOTALL)
ONE_PRIVILEGE = re.compile(rf"(?P<name>[^(),]+)(?:\((?P<columns>(?:[^`()]|{QUOTED})*)\))?(?:,|$)")
ONE_COLUMN = re.compile(r"`(?:[^`]|``)*`|[^`, ]+")  # old servers do not quote them
ONE_TABLE = re.compile(r"(?P<schema>`(?:[^`]|``)*`)\.(?P<name>`(?:[^`]|``)*`)")
ONE_ROLE = re.compile(r"(?P<role>`(?:[^`]|``)*`|PUBLIC)(?!@)")

# Without parameters the drivers take a % in a name as it is, so it must not be doubled here.
_quote = MySQLDialect(paramstyle="named").identifier_preparer


class _Target(NamedTuple):
    schema: str
    name: str
    column: str

    @classmethod
    def of(cls, url: URL, target: AdditionalMembersSettings) -> "_Target":
        schema, _, name = target.table.rpartition(".")
        return cls(schema or url.database or "", name, target.column)


def excess_privileges(url: URL, settings: PcrtSettings) -> list[str] | None:
    """What the account may do besides reading and updating the one configured column, one line each; empty when that is all.

    Roles count even while they are not switched on, because the account can do that itself. None where the database has no accounts
    (SQLite). Raises SettingsError for a refused account, SourceError, UnreachableError. No line holds a password or its hash.
    """
    if url.get_backend_name() == "sqlite":
        return None
    target = _Target.of(url, settings.additional_members)
    engine = pcrt_engine(url)
    with connect(engine).execution_options(pcrt_part="the grants of PCRT's database account") as connection:
        if _ask(connection, "SELECT @@lower_case_table_names") != ["0"]:  # grants then hold names in lower case
            target = target._replace(schema=target.schema.lower(), name=target.name.lower())
        grants = _grants(connection)
    return list(dict.fromkeys(line for grant in grants for line in _excess(grant, target)))


def needed_grant(url: URL, settings: PcrtSettings) -> str:
    """The one grant to write with that the account needs, as MariaDB and MySQL take it, up to its TO."""
    schema, name, column = map(_quote.quote_identifier, _Target.of(url, settings.additional_members))
    return f"GRANT UPDATE ({column}) ON {schema}.{name}"


def remedy(url: URL, settings: PcrtSettings) -> str:
    """What to do about an account that may do too much. It may be PCRT's own, so it is not said to revoke anything from it."""
    return (
        "give the pipeline an account of its own, with SELECT on the tables that [pcrt] reads and "
        f"{needed_grant(url, settings)} TO it, and put it into PCRT_DATABASE_URL (docs/tutorial.md, step 3)"
    )


def _grants(connection: Connection) -> list[str]:
    """Every grant to the account, to its roles and to PUBLIC, as the server writes them."""
    _do(connection, PLAIN_SESSION)
    if not getattr(connection.dialect, "is_mariadb", False):
        if (connection.dialect.server_version_info or ()) >= MYSQL_WITH_ROLES:
            _do(connection, "SET ROLE ALL")  # SHOW GRANTS then names the roles' privileges as the account's own
        return _ask(connection, SHOW_GRANTS)
    grants = _ask(connection, SHOW_GRANTS)
    for role in _ask(connection, ROLES):
        _do(connection, f"SET ROLE {_quote.quote_identifier(role)}")  # MariaDB has one on at a time, and shows no other
        grants += _ask(connection, SHOW_GRANTS)
    return grants


def _do(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def _ask(connection: Connection, statement: str) -> list[str]:
    rows = connection.exec_driver_sql(statement, execution_options={"no_parameters": True})
    return [str(row[0]) for row in rows]


def _excess(grant: str, target: _Target) -> Iterator[str]:
    """What one line of SHOW GRANTS gives beyond updating the target and reading."""
    if parts := PRIVILEGES_GRANTED.fullmatch(grant):
        place, through = _shown(parts["place"]), _through(parts["grantee"])
        table = ONE_TABLE.fullmatch(parts["place"])
        is_target = table is not None and tuple(map(_plain, table.groups())) == (target.schema, target.name)
        for privilege in ONE_PRIVILEGE.finditer(parts["privileges"]):
            name, columns = privilege["name"].strip(), privilege["columns"]
            if name in READING:
                continue
            if columns is None:
                whole = "all of " if is_target and name == "UPDATE" else ""
                yield f"{name} on {whole}{place}{through}"
                continue
            for column in map(_plain, ONE_COLUMN.findall(columns)):
                if not (is_target and name == "UPDATE" and column.casefold() == target.column.casefold()):
                    yield f"{name} on {place}.{_quote.quote(column)}{through}"
        if _has_option("GRANT OPTION", parts["grantee"]):
            yield f"GRANT OPTION on {place}{through}"
    elif parts := ROLES_GRANTED.fullmatch(grant):  # what a role may do has lines of its own
        if _has_option("ADMIN OPTION", parts["grantee"]):
            yield f"ADMIN OPTION on the role {_shown(parts['roles'])}{_through(parts['grantee'])}"
    elif not grant.startswith(("SET DEFAULT ROLE ", "REVOKE ")):  # MySQL's REVOKE lines only take away
        yield f"a grant that cannot be understood: {grant.partition(' TO ')[0]}"


def _through(grantee: str) -> str:
    role = ONE_ROLE.match(grantee)
    return f" through the role {_shown(role['role'])}" if role else ""


def _has_option(option: str, grantee: str) -> bool:
    return f"WITH {option}" in re.sub(QUOTED, "", grantee)


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _shown(names: str) -> str:
    """Names as a person writes them: quoted where they have to be."""
    return re.sub(r"`(?:[^`]|``)*`", lambda quoted: _quote.quote(_plain(quoted[0])), names)
