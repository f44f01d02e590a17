"""The reference of the warehouse's tables: every column with its type, its key and its description, from `cwa_pipeline.tables`."""

from sqlalchemy.dialects import postgresql

import cwa_pipeline.definitions
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.schema import key, model, sql_table
from documentation.markdown import code, table

OWN = "the warehouse's own"
HEAD = """# Tables and columns

The tables of the warehouse, by the group of the lineage that fills them. A table is emptied and filled in one transaction and never
dropped: your views, indexes and grants last, and a reader sees the old rows or the new ones. Ids are integers, times UTC. Types are those
of PostgreSQL; SQLite has the same columns. **Bold** columns identify a row. On PostgreSQL the descriptions are the comments of table and
column.
[Queries to begin with](../how-to/query.md).
"""


def tables_page() -> str:
    """The whole page."""
    groups = groups_of_tables()
    overview = table(
        ("group", "tables"),
        ((group, ", ".join(f"[`{one}`](#{one})" for one in names)) for group, names in groups.items()),
    )
    sections = (f"\n## {group}\n" + "".join(map(_table, names)) for group, names in groups.items())
    return f"{HEAD}\n{overview}{''.join(sections)}"


def groups_of_tables() -> dict[str, list[str]]:
    """The tables of each group of the lineage; those that are no asset are the warehouse's own."""
    graph = cwa_pipeline.definitions.defs.resolve_asset_graph()
    group_of = {asset.path[-1]: graph.get(asset).group_name for asset in graph.get_all_asset_keys()}
    groups: dict[str, list[str]] = {}
    for name in sorted(TABLES, key=lambda name: group_of.get(name) is None):
        groups.setdefault(group_of.get(name) or OWN, []).append(name)
    return groups


def _table(name: str) -> str:
    keys, described = key(name), sql_table(name)
    rows = (
        (
            f"**`{column}`**" if column in keys else code(column),
            str(described.columns[column].type.compile(postgresql.dialect())).lower(),
            "yes" if each.nullable else "",
            each.description or "",
        )
        for column, each in model(name).columns.items()
    )
    return f"\n### {name}\n\n{TABLES[name].__doc__}\n\n" + table(("column", "type", "may be null", "what it is"), rows)
