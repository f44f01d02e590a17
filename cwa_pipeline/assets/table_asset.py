"""The decorator of every table's asset. It adds what `tables.py` knows: description, columns, owner, IO manager."""

from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.checks import Check
from cwa_pipeline.assets.io_manager import KEY
from cwa_pipeline.assets.metadata import column_schema
from cwa_pipeline.rules.receipts import Reading
from cwa_pipeline.tables import TABLES
from cwa_pipeline.warehouse.schema import model, non_personal_columns

OWNERS = ["team:pcrt-maintainers"]
RULES_VERSION = version("cwa-pipeline")  # a rule may have changed with a release
TABLE = dg.PythonObjectDagsterType(
    (pd.DataFrame, Reading), name="Table", description="A table, or the reading that gives one."
)
PANDAS = frozenset({"pandas"})


def table_asset(
    group: str,
    *,
    checks: Iterable[Check] = (),
    kinds: Iterable[str] = PANDAS,
    deps: Iterable[dg.AssetKey | str] = (),
    code_version: str | None = RULES_VERSION,
) -> Callable[[Callable[..., dg.MaterializeResult]], dg.AssetsDefinition]:
    """`@dg.asset` for a table of the warehouse. The function is named after its table and returns it as a MaterializeResult.

    `deps` are assets that it rests on besides its parameters, such as the source systems.
    """

    def decorate(function: Callable[..., dg.MaterializeResult]) -> dg.AssetsDefinition:
        table = function.__name__
        return dg.asset(
            group_name=group,
            check_specs=[check.spec(table) for check in checks],
            kinds=set(kinds),
            deps=deps,
            code_version=code_version,
            io_manager_key=KEY,
            dagster_type=TABLE,
            **_of_table(table),
        )(function)

    return decorate


def table_spec(
    table: str,
    group: str,
    *,
    kinds: Iterable[str],
    deps: Iterable[dg.AssetKey | str],
    tags: dict[str, str] | None = None,
) -> dg.AssetSpec:
    """The same for one of several tables of a `@dg.multi_asset`. A run may leave the table out."""
    of_table = _of_table(table)
    of_table["tags"] = {**of_table["tags"], **(tags or {})}
    spec = dg.AssetSpec(table, group_name=group, kinds=set(kinds), deps=deps, skippable=True, **of_table)
    return spec.with_io_manager_key(KEY)


def _of_table(table: str) -> dict[str, Any]:
    names_people = len(non_personal_columns(table)) < len(model(table).columns)
    return {
        "description": TABLES[table].__doc__ or "",
        "metadata": {"dagster/table_name": table, "dagster/column_schema": column_schema(table)},
        "owners": OWNERS,
        "tags": {"pii": ""} if names_people else {},
    }
