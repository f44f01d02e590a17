"""What the steps share: the types of columns, and changes that leave alone what is there already.

A warehouse from before there were versions may have been brought half-way to a later release by hand, as the releases up to then asked
for: whatever such a step would add may be there.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text()
FLAG = sa.Boolean()
TIME = sa.TIMESTAMP(timezone=True)


def column(name: str, kind: "sa.types.TypeEngine[Any]", *, default: str | None = None) -> sa.Column[Any]:
    """A column that is never null; `default` is what the rows of before get."""
    return sa.Column(name, kind, nullable=False, server_default=None if default is None else sa.text(default))


def optional(name: str, kind: "sa.types.TypeEngine[Any]") -> sa.Column[Any]:
    """A column that may be null."""
    return sa.Column(name, kind, nullable=True)


def create_table(name: str, *columns: sa.Column[Any], key: tuple[str, ...] = ()) -> None:
    """Make a table, unless it is there."""
    constraints = [sa.PrimaryKeyConstraint(*key)] if key else []
    op.create_table(name, *columns, *constraints, if_not_exists=True)
    _there().setdefault(name, set()).update(made.name for made in columns)


def add_columns(table: str, *columns: sa.Column[Any]) -> None:
    """Add those columns that the table does not have. A table that is gone is made later, with all its columns."""
    there = _there().get(table)
    for added in columns if there is not None else ():
        if added.name in (there or ()):
            continue
        op.add_column(table, added)
        # The default was for the rows of before. SQLite cannot take it off again; nothing relies on it there.
        if added.server_default is not None and op.get_context().dialect.name == "postgresql":
            op.alter_column(table, added.name, server_default=None)


def _there() -> dict[str, set[str]]:
    """The columns of every table, as the database and the steps so far have them."""
    columns: dict[str, set[str]] = context.config.attributes["columns"]
    return columns
