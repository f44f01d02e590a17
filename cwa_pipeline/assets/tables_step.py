"""A step of the run that works out some tables, one after the other, with their checks.

What belongs here: how functions from tables to a table become one step of Dagster. What must not: anything about one particular table.

Each table stays an asset of its own, in the lineage and for who wants that one alone. But a step costs Dagster more than the rules of a
small shop do, and within one a table is stored while the next is worked out.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import Parameter, Signature, signature
from typing import Any, NamedTuple

import dagster as dg
import pandas as pd

from cwa_pipeline.assets import checks
from cwa_pipeline.assets.resources import WarehouseResource
from cwa_pipeline.assets.storing import Storing
from cwa_pipeline.assets.table_metadata import table_spec
from cwa_pipeline.tables import TABLES

KINDS = {"pandas"}
RULES = "rules"  # the step that works out all that the write waits for
_OWN = {  # what every step asks Dagster for
    "context": Parameter("context", Parameter.POSITIONAL_OR_KEYWORD, annotation=dg.AssetExecutionContext),
    "warehouse": Parameter("warehouse", Parameter.POSITIONAL_OR_KEYWORD, annotation=WarehouseResource),
}


class WithMetadata(NamedTuple):
    """A table, and what Dagster is to show beside it."""

    frame: pd.DataFrame
    metadata: Mapping[str, Any]


class NoTable(NamedTuple):
    """An asset of a step that is no table of the warehouse, and what makes it and tells Dagster of it."""

    spec: dg.AssetSpec
    make: Callable[..., Mapping[str, Any]]


Compute = Callable[..., pd.DataFrame | WithMetadata]


def tables_step(
    name: str,
    *grouped: tuple[str, *tuple[Compute, ...]],
    deps: Mapping[str, Sequence[dg.AssetKey]] | None = None,
    first: Callable[[WarehouseResource], None] | None = None,
    meanwhile: Sequence[NoTable] = (),
    priority: int = 0,
) -> dg.AssetsDefinition:
    """A step of the assets that the functions are named after; a parameter named as a table is that table, the others are Dagster's.

    The functions come in the order in which they are called, behind the name of their group. `deps` are assets that a table comes
    from besides its parameters. `first` is done before anything of this step, for a later one; `meanwhile` is made while the last
    tables are on their way into the warehouse. Of steps that may begin, the one of the highest priority does.
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
        selected = {key.path[-1]: key for key in context.selected_asset_keys}
        at_hand = {"context": context, "warehouse": warehouse, **others}

        no_tables: list[dg.MaterializeResult] = []
        with Storing(context, warehouse) as storing:
            try:
                if first:
                    first(warehouse)
                for table, compute in computes_of.items():
                    if table in selected:
                        made, seconds = warehouse.worked_out_ahead(table) or _made_by(compute, at_hand)
                        frame, metadata = made if isinstance(made, WithMetadata) else (made, {})
                        storing.add(table, frame, {**metadata, **seconds})
                    yield from storing.stored()
                    found = checks.results(context, [table], warehouse.frame)
                    yield from found
                    if any(map(checks.stops, found)):
                        break
                for other in meanwhile:
                    if (name := other.spec.key.path[-1]) in selected:
                        told, seconds = _made_by(other.make, at_hand)
                        no_tables.append(dg.MaterializeResult(asset_key=selected[name], metadata={**told, **seconds}))
            except Exception:
                yield from storing.stored_all_the_same()
                raise
            yield from storing.all_stored()
        yield from no_tables  # Dagster has to be told of them after the tables that they are made of

    every = [*parameters.values(), *(signature(other.make).parameters for other in meanwhile)]
    asked_for = {name: parameter for its in every for name, parameter in its.items() if name not in TABLES}
    # What Dagster goes by when it looks for resources and configuration.
    step.__signature__ = Signature([*(_OWN | asked_for).values()])  # type: ignore[attr-defined]
    return dg.multi_asset(
        name=name,
        specs=[*specs, *(other.spec for other in meanwhile)],
        check_specs=checks.specs(computes_of),
        can_subset=True,
        op_tags={"dagster/priority": str(priority)},
    )(step)


def work_out_ahead(computes: Iterable[Compute], warehouse: WarehouseResource, **others: Any) -> None:
    """Make tables of a later step already, while a step has nothing to do but to wait until its own are stored.

    The later step stores and checks them as if it had made them itself, and makes itself what failed here: it is that step's failure.
    """
    for compute in computes:
        try:
            made, seconds = _made_by(compute, {"warehouse": warehouse, **others})
            warehouse.keep_ahead(compute.__name__, made, seconds)
        except Exception:  # noqa: BLE001 - raised again, in its own step
            return


def _made_by(make: Callable[..., Any], at_hand: Mapping[str, Any]) -> tuple[Any, Mapping[str, float]]:
    """What a function makes of tables and of what Dagster has at hand, and how long that took."""
    warehouse, since = at_hand["warehouse"], time.perf_counter()
    made = make(
        **{name: warehouse.frame(name) if name in TABLES else at_hand[name] for name in signature(make).parameters}
    )
    return made, {"seconds_to_make": round(time.perf_counter() - since, 3)}
