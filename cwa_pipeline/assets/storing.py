"""Storing the tables of a step: one after the other, beside whatever the step does next.

What belongs here: the order in which it is stored, and what Dagster is told of each table once it is in the warehouse. What must not: how
a table is made, or stored.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from typing import Any, NamedTuple, Self

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.resources import WarehouseResource
from cwa_pipeline.assets.table_metadata import materialisation_metadata
from cwa_pipeline.rules.receipts import Reading


class _UnderWay(NamedTuple):
    """A table that is being stored, or waits for it: how long it took, in the end."""

    asset: dg.AssetKey
    metadata: Mapping[str, Any]
    seconds: Future[float]

    def result(self) -> dg.MaterializeResult:
        seconds = round(self.seconds.result(), 3)
        return dg.MaterializeResult(asset_key=self.asset, metadata={**self.metadata, "seconds_to_store": seconds})


class Storing:
    """What a step has on its way into the warehouse. Leaving the `with` waits for what is being stored and drops the rest.

    After a table that cannot be stored no other is: it may be made of that one.
    """

    def __init__(self, context: dg.AssetExecutionContext, warehouse: WarehouseResource) -> None:
        self._log, self._run_id, self._warehouse = context.log, context.run.run_id, warehouse
        self._assets = {key.path[-1]: key for key in context.selected_asset_keys}  # with the site in front
        self._under_way: deque[_UnderWay] = deque()
        self._last: Future[float] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        wait([table.seconds for table in self._under_way if not table.seconds.cancel()])

    def add(self, table: str, frame: pd.DataFrame, metadata: Mapping[str, Any]) -> None:
        """Have a table stored; whatever comes after it in this run sees it at once.

        Raises WarehouseError for a frame that is not as its model says.
        """
        frame = self._warehouse.take(table, frame)
        self._submit(table, frame, metadata, self._warehouse.store, table, frame, self._run_id)

    def add_reading(self, table: str, reading: Reading, metadata: Mapping[str, Any]) -> None:
        """Have what was read stored, with its receipt; of a reading that is not whole the receipt alone."""
        metadata = {"rows_counted": reading.counted, "counted_by": reading.counted_by, **metadata}
        receipts = _receipts(table, reading, self._run_id)
        # For the checks, which are made while it is on its way.
        self._warehouse.take("read_receipts", pd.concat([self._warehouse.frame("read_receipts"), receipts]))
        if reading.is_whole:
            frame = self._warehouse.take(table, reading.frame)
            self._submit(
                table, frame, metadata, self._warehouse.store, table, frame, self._run_id, {"read_receipts": receipts}
            )
        else:
            self._log.warning("%s keeps the rows of before: what was read is empty or not as counted", table)
            self._warehouse.show(table, reading.frame)  # for the blocking check to see
            append = self._warehouse.warehouse.append
            self._submit(table, reading.frame, metadata, append, "read_receipts", receipts)

    def stored(self) -> Iterator[dg.MaterializeResult]:
        """What is in the warehouse by now and was not told of. Raises WarehouseError for what could not be stored."""
        while self._under_way and self._under_way[0].seconds.done():
            yield self._under_way.popleft().result()

    def not_told(self) -> set[dg.AssetKey]:
        """The tables of which Dagster was not told yet."""
        return {table.asset for table in self._under_way}

    def all_stored(self) -> Iterator[dg.MaterializeResult]:
        """As `stored`, once everything is in the warehouse."""
        while self._under_way:
            yield self._under_way.popleft().result()

    def stored_all_the_same(self) -> Iterator[dg.MaterializeResult]:
        """After a failure: what came into the warehouse before it."""
        while self._under_way:
            table = self._under_way.popleft()
            if table.seconds.exception() is None:
                yield table.result()

    def _submit(
        self, table: str, frame: pd.DataFrame, metadata: Mapping[str, Any], store: Callable[..., object], *what: object
    ) -> None:
        asset = self._assets[table]
        told = {**materialisation_metadata(asset, frame), **metadata}
        self._last = self._warehouse.meanwhile(_timed, self._last, store, *what)
        self._under_way.append(_UnderWay(asset, told, self._last))


def _timed(before: Future[float] | None, work: Callable[..., object], *arguments: object) -> float:
    """The seconds that some work takes; raises what the work before it raised, instead of being done."""
    if before is not None:
        before.result()
    since = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - since


def _receipts(table: str, reading: Reading, run_id: str) -> pd.DataFrame:
    """The row of `read_receipts` for a reading."""
    row = {
        "run_id": run_id,
        "table_name": table,
        "counted_at": pd.Timestamp.now("UTC"),
        "rows_read": len(reading.frame),
        "rows_counted": reading.counted,
        "counted_by": reading.counted_by,
    }
    return pd.DataFrame([row])
