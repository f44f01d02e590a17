"""A step of the run that works out some tables, one after the other, with their checks.

What belongs here: how functions from tables to a table become one step of Dagster. What must not: anything about one particular table.

Each table stays an asset of its own, in the lineage and for who wants that one alone. But a step costs Dagster more than the rules of a
small shop do, and within one a table is stored while the next is worked out.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import Parameter, Signature, signature
from typing import Any, NamedTuple

import dagster as dg
import pandas as pd

from cwa_pipeline import checks
from cwa_pipeline.assets.resources import WarehouseResource
from cwa_pipeline.assets.storing import Storing
from cwa_pipeline.assets.table_metadata import table_spec
from cwa_pipeline.tables import TABLES

KINDS = {"pandas"}
_OWN = {  # what every step asks Dagster for
    "context": Parameter("context", Parameter.POSITIONAL_OR_KEYWORD, annotation=dg.AssetExecutionContext),
    "warehouse": Parameter("warehouse", Parameter.POSITIONAL_OR_KEYWORD, annotation=WarehouseResource),
}


class WithMetadata(NamedTuple):
    """A table, and what Dagster is to show beside it."""

    frame: pd.DataFrame
    metadata: Mapping[str, Any]


Compute = Callable[..., pd.DataFrame | WithMetadata]


def tables_step(
    name: str,
    *grouped: tuple[str, *tuple[Compute, ...]],
    deps: Mapping[str, Sequence[dg.AssetKey]] | None = None,
    priority: int = 0,
) -> dg.AssetsDefinition:
    """A step of the assets that the functions are named after; a parameter named as a table is that table, the others are Dagster's.

    The functions come in the order in which they are called, behind the name of their group. `deps` are assets that a table comes
    from besides its parameters. Of steps that may begin, the one of the highest priority does.
    """
    group_of = {compute.__name__: group for group, *computes in grouped for compute in computes}
    computes_of = {compute.__name__: compute for _, *computes in grouped for compute in computes}
    parameters = {table: signature(compute).parameters for table, compute in computes_of.items()}
    specs = [
        table_spec(
            table, group_of[table], KINDS, [*(name for name in its if name in TABLES), *(deps or {}).get(table, [])]
        )
        for table, its in parameters.items()
    ]

    def step(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource, **others: Any
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        selected = {key.path[-1] for key in context.selected_asset_keys}
        at_hand = {"context": context, "warehouse": warehouse, **others}

        def argument(name: str) -> Any:
            return warehouse.frame(name) if name in TABLES else at_hand[name]

        with Storing(context, warehouse) as storing:
            try:
                for table, compute in computes_of.items():
                    if table in selected:
                        since = time.perf_counter()
                        made = compute(**{name: argument(name) for name in parameters[table]})
                        frame, metadata = made if isinstance(made, WithMetadata) else (made, {})
                        seconds = round(time.perf_counter() - since, 3)
                        storing.add(table, frame, {**metadata, "seconds_to_make": seconds})
                    yield from storing.stored()
                    found = checks.results(context, [table], warehouse.frame)
                    yield from found
                    if any(map(checks.stops, found)):
                        break
            except Exception:
                yield from storing.stored_all_the_same()
                raise
            yield from storing.all_stored()

    asked_for = {
        name: parameter for its in parameters.values() for name, parameter in its.items() if name not in TABLES
    }
    # What Dagster goes by when it looks for resources and configuration.
    step.__signature__ = Signature([*(_OWN | asked_for).values()])  # type: ignore[attr-defined]
    return dg.multi_asset(
        name=name,
        specs=specs,
        check_specs=checks.specs(computes_of),
        can_subset=True,
        op_tags={"dagster/priority": str(priority)},
    )(step)
