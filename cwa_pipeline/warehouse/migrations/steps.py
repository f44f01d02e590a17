"""What the steps share: column types, and changes that leave existing tables and columns alone.

A warehouse from before there were versions may have been upgraded half-way by hand, as the releases up to then asked: a
table or column that a step adds may exist already.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text()
FLAG = sa.Boolean()
TIME = sa.TIMESTAMP(timezone=True)


def column(name: str, kind: "sa.types.TypeEngine[Any]", *, default: str | None = None) -> sa.Column[Any]:
    """A column that is never null; `default` is the value for existing rows."""
    return sa.Column(name, kind, nullable=False, server_default=None if default is None else sa.text(default))


def optional(name: str, kind: "sa.types.TypeEngine[Any]") -> sa.Column[Any]:
    """A column that may be null."""
    return sa.Column(name, kind, nullable=True)


def create_table(name: str, *columns: sa.Column[Any], key: tuple[str, ...] = ()) -> None:
    """Create a table unless it exists."""
    constraints = [sa.PrimaryKeyConstraint(*key)] if key else []
    op.create_table(name, *columns, *constraints, if_not_exists=True)
    _there().setdefault(name, set()).update(made.name for made in columns)


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add the columns that the table does not have. A missing table is created later, with all its columns."""
    there = _there().get(table)
    for added in columns if there is not None else ():
        if added.name in (there or ()):
            continue
        op.add_column(table, added)
        # The default was for existing rows. SQLite cannot drop it, which does no harm.
        if added.server_default is not None and op.get_context().dialect.name == "postgresql":
            op.alter_column(table, added.name, server_default=None)


def _there() -> dict[str, set[str]]:
    """The columns of every table, in the database and from the steps so far."""
    columns: dict[str, set[str]] = context.config.attributes["columns"]
    return columns
