"""What PCRT's database account may do beyond what the pipeline needs: to read, and to update one column of one table.

Whether it may write at all is another question; `target.verify_target` tries that.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.engine import URL, Connection

from cwa_pipeline.config.settings import AdditionalMembersSettings, PcrtSettings
from cwa_pipeline.pcrt.connection import AS_WRITTEN, connected, pcrt_engine

# Reading does no harm anywhere. Every other privilege, also one of a future server, changes or administers something.
READING = {
    *("USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES", "SHOW CREATE ROUTINE", "SHOW_ROUTINE"),
    *("PROCESS", "REPLICATION CLIENT", "BINLOG MONITOR", "SLAVE MONITOR", "REPLICA MONITOR"),
}
MYSQL_WITH_ROLES = (8,)  # MySQL 5.7 has no roles

# Grants then look the same on every server, whatever its modes are.
PLAIN_SESSION = "SET SESSION sql_mode = '', sql_quote_show_create = 1"
# information_schema leaves out routines, roles and bare grant options; SHOW GRANTS has all of them.
SHOW_GRANTS = "SHOW GRANTS"
ROLES = "SELECT role_name FROM information_schema.applicable_roles WHERE grantee = CURRENT_USER()"

QUOTED = r"`(?:[^`]|``)*`|'(?:[^']|'')*'"
WORDS = rf"(?:[^`']|{QUOTED})+?"
PRIVILEGES_GRANTED = re.compile(rf"GRANT (?P<privileges>{WORDS}) ON (?P<place>{WORDS}) TO (?P<grantee>.+)", re.DOTALL)
ROLES_GRANTED = re.compile(rf"GRANT (?P<roles>{WORDS}) TO (?P<grantee>.+)", re.DOTALL)
ONE_PRIVILEGE = re.compile(rf"(?P<name>[^(),]+)(?:\((?P<columns>(?:[^`()]|{QUOTED})*)\))?(?:,|$)")
ONE_COLUMN = re.compile(r"`(?:[^`]|``)*`|[^`, ]+")  # old servers do not quote column names
ONE_TABLE = re.compile(r"(?P<schema>`(?:[^`]|``)*`)\.(?P<name>`(?:[^`]|``)*`)")
ONE_ROLE = re.compile(r"(?P<role>`(?:[^`]|``)*`|PUBLIC)(?!@)")

# Statements run AS_WRITTEN, so a % in a name must not be doubled; this paramstyle leaves it alone.
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
    """What the account may do besides reading and updating the one configured column, one line each.

    Roles count even while they are off, because the account can switch them on itself. None if the database has no accounts (SQLite).
    Raises SettingsError for a refused account, SourceError, UnreachableError. No line has a password or its hash.
    """
    if url.get_backend_name() == "sqlite":
        return None
    target = _Target.of(url, settings.additional_members)
    with connected(pcrt_engine(url)) as connection:
        connection.execution_options(pcrt_part="the grants of PCRT's database account")
        if _run(connection, "SELECT @@lower_case_table_names") != ["0"]:  # grants then have names in lower case
            target = target._replace(schema=target.schema.lower(), name=target.name.lower())
        grants = _grants(connection)
    return list(dict.fromkeys(line for grant in grants for line in _excess(grant, target)))


def needed_grant(url: URL, settings: PcrtSettings) -> str:
    """The one grant that the account needs for writing, in SQL, without its TO."""
    schema, name, column = map(_quote.quote_identifier, _Target.of(url, settings.additional_members))
    return f"GRANT UPDATE ({column}) ON {schema}.{name}"


def remedy(url: URL, settings: PcrtSettings) -> str:
    """What to do about an account that may do too much. It may be PCRT's own, so nothing must be revoked from it."""
    return (
        "give the pipeline an account of its own, with SELECT on the tables that [pcrt] reads and "
        f"{needed_grant(url, settings)} TO it, and put it into PCRT_DATABASE_URL (docs/tutorial.md, step 3)"
    )


def _grants(connection: Connection) -> list[str]:
    """Every grant to the account, to its roles and to PUBLIC, as the server writes them."""
    _run(connection, PLAIN_SESSION)
    if not getattr(connection.dialect, "is_mariadb", False):
        if (connection.dialect.server_version_info or ()) >= MYSQL_WITH_ROLES:
            _run(connection, "SET ROLE ALL")  # SHOW GRANTS then lists the roles' privileges as the account's own
        return _run(connection, SHOW_GRANTS)
    grants = _run(connection, SHOW_GRANTS)
    for role in _run(connection, ROLES):
        _run(connection, f"SET ROLE {_quote.quote_identifier(role)}")  # MariaDB has one role on at a time
        grants += _run(connection, SHOW_GRANTS)
    return grants


def _run(connection: Connection, statement: str) -> list[str]:
    """The first column of what a statement gives."""
    result = connection.exec_driver_sql(statement, execution_options=AS_WRITTEN)
    return [str(row[0]) for row in result] if result.returns_rows else []


def _excess(grant: str, target: _Target) -> Iterator[str]:
    """What one line of SHOW GRANTS allows beyond reading and updating the target."""
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
    elif parts := ROLES_GRANTED.fullmatch(grant):  # a role's privileges have lines of their own
        if _has_option("ADMIN OPTION", parts["grantee"]):
            yield f"ADMIN OPTION on the role {_shown(parts['roles'])}{_through(parts['grantee'])}"
    elif not grant.startswith(("SET DEFAULT ROLE ", "REVOKE ")):  # MySQL's REVOKE lines only take rights away
        yield f"a grant that cannot be understood: {grant.partition(' TO ')[0]}"


def _through(grantee: str) -> str:
    role = ONE_ROLE.match(grantee)
    return f" through the role {_shown(role['role'])}" if role else ""


def _has_option(option: str, grantee: str) -> bool:
    return f"WITH {option}" in re.sub(QUOTED, "", grantee)


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _shown(names: str) -> str:
    """Names quoted only where they need quotes."""
    return re.sub(r"`(?:[^`]|``)*`", lambda quoted: _quote.quote(_plain(quoted[0])), names)
