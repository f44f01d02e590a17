"""The reads of both systems, side by side: what is read by which thread or process, and what waits for what.

What belongs here: the order of the reads, and the columns that a rule adds to one at once. What must not: how a system is read
(`systems`), storing and checks (`source_tables`), a decision. PCRT's three tables are read in one go, in one consistent snapshot where
its engine can give one.

What takes longest is that one interpreter decodes one page of CWA after the other. So a large shop's PCRT is read by the second process,
and what this one does not get round to while it reads CWA's computers, by whichever of the two is free for it first; and when the second
has nothing else to read, it helps with the computers' pages.
"""

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Self

import pandas as pd

from cwa_pipeline.assets.second_process import SecondProcessResource
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.cwa.automate import Automate
from cwa_pipeline.cwa.shared_pages import SharedPages
from cwa_pipeline.pcrt.reader import Pcrt, PcrtSnapshot
from cwa_pipeline.rules.matching.plans import plans_of_groups, subscriptions_with_plans
from cwa_pipeline.rules.matching.serials import with_normalised_serial
from cwa_pipeline.rules.receipts import Reading

PCRT_TABLES = ("pcrt_groups", "pcrt_pcids", "pcrt_subscriptions")  # in the order of a PcrtSnapshot
BY_EITHER = ("cwa_group_members", "cwa_clients")
Call = Callable[..., Reading]  # of a function of `Automate` with its arguments
Readings = Sequence[Reading | None]  # None: read by another one


class SourceReads:
    """Reads the tables asked for once it is begun; leaving the `with` waits for what is under way."""

    def __init__(
        self,
        tables: Collection[str],
        automate: Automate,
        pcrt: Pcrt,
        second_process: SecondProcessResource,
        settings: Settings,
        stored_groups: Callable[[], pd.DataFrame],
    ) -> None:
        """`stored_groups` are CWA's groups for a run that does not read them."""
        self._tables, self._settings, self._stored_groups = tables, settings, stored_groups
        self._automate, self._pcrt, self._second = automate, pcrt, second_process
        self._reads_pcrt = not {*PCRT_TABLES}.isdisjoint(tables)
        # Taken by whoever reads the table, and never given back.
        self._by_either = {table: threading.Lock() for table in BY_EITHER if table in tables}
        self._computer_pages = SharedPages()
        self._failed_elsewhere = False
        self._of_cwa, self._of_pcrt = ThreadPoolExecutor(1, "read-cwa"), ThreadPoolExecutor(1, "read-pcrt")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._of_cwa.shutdown()
        self._of_pcrt.shutdown()

    def give_up(self) -> None:
        """Begin no read any more, and end those of the second process: after a failure there is no use in the rest."""
        for thread in (self._of_cwa, self._of_pcrt):
            thread.shutdown(wait=False, cancel_futures=True)
        self._computer_pages.end()
        self._second.end()

    def begin(self) -> dict[Future[Readings], Sequence[str]]:
        """Begin all reads: which tables each gives, in an order in which none comes before those that it is made of."""
        tables_of: dict[Future[Readings], Sequence[str]] = {}

        def read_cwa(table: str, read: Callable[[], Reading | None]) -> None:
            if table in self._tables:
                tables_of[self._of_cwa.submit(lambda: [read()])] = [table]

        self._pcrt_begun = self._of_pcrt.submit(self._begin_pcrt)
        # What others need comes early, and what takes long to be stored.
        read_cwa("cwa_groups", self._cwa_groups)
        self._cwa_groups_read = next(iter(tables_of), None)
        self._shared_automate = self._of_cwa.submit(self._share_automate)
        read_cwa("cwa_computers", self._cwa_computers)
        for table in self._by_either:
            read_cwa(table, partial(self._here, table))
        if self._reads_pcrt:
            tables_of[self._of_pcrt.submit(self._pcrt_tables)] = PCRT_TABLES
            for table in self._by_either:  # after PCRT's, for before that the second process is no help
                tables_of[self._of_pcrt.submit(self._elsewhere, table)] = [table]
            if "cwa_computers" in self._tables:
                self._of_pcrt.submit(self._help_with_computers)
        return tables_of

    # --- CWA -----------------------------------------------------------------------------------------------------------

    def _cwa_groups(self) -> Reading:
        reading = self._automate.groups()
        return reading._replace(frame=plans_of_groups(reading.frame, self._settings.cwa.plans))

    def _groups_with_plans(self) -> pd.DataFrame:
        if self._cwa_groups_read is None:
            return self._stored_groups()
        [reading] = self._cwa_groups_read.result()
        assert reading is not None  # noqa: S101 - nobody else reads them
        return reading.frame

    def _cwa_computers(self) -> Reading:
        try:
            reading = self._automate.computers(self._computer_pages)
        finally:
            self._computer_pages.end()
        return reading._replace(frame=with_normalised_serial(reading.frame))

    def _share_automate(self) -> Automate | None:
        """CWA for the second process, where there is one: over half of the connections, so before the computers are read."""
        may_be = (self._by_either or "cwa_computers" in self._tables) and self._automate.connections > 1
        return self._automate.split() if may_be and self._pcrt_begun.result() else None

    def _help_with_computers(self) -> None:
        """When the second process has nothing else to read, it gets pages of the computers from the last one back."""
        automate = self._shared_automate.result()
        if automate is None or self._failed_elsewhere:
            return
        for part in self._computer_pages.parts():
            try:
                part.give(self._second.submit(automate.pages, part.request, part.pages).result())
            except Exception as error:  # noqa: BLE001 - raised by who reads them
                part.fail(error)
                return

    def _here(self, table: str) -> Reading | None:
        return self._read_by_either(table, self._automate, lambda function, *arguments: function(*arguments))

    def _elsewhere(self, table: str) -> Readings:
        automate = self._shared_automate.result()
        if automate is None or self._failed_elsewhere:
            return [None]
        try:
            return [self._read_by_either(table, automate, lambda *work: self._second.submit(*work).result())]
        except Exception:
            self._failed_elsewhere = True  # one failure is enough: a log-in that was refused is not tried again
            raise

    def _read_by_either(self, table: str, automate: Automate, call: Call) -> Reading | None:
        if not self._by_either[table].acquire(blocking=False):
            return None
        if table == "cwa_clients":
            return call(automate.clients)
        groups = self._groups_with_plans()
        return call(automate.group_members, groups.loc[groups["plan"].notna(), "cwa_group_id"].tolist())

    # --- PCRT ----------------------------------------------------------------------------------------------------------

    def _begin_pcrt(self) -> Future[PcrtSnapshot] | None:
        """Its tables from the second process; None where they are not worth one, or not asked for."""
        return None

    def _pcrt_tables(self) -> list[Reading]:
        begun = self._pcrt_begun.result()
        groups, pcids, subscriptions = begun.result() if begun else self._pcrt.read()
        pcids = pcids._replace(frame=with_normalised_serial(pcids.frame))
        plans, prefix = self._settings.cwa.plans, self._settings.pcrt.bizcare_prefix
        with_plans = subscriptions_with_plans(
            subscriptions.frame, pcids.frame, self._groups_with_plans(), plans, prefix
        )
        return [groups, pcids, subscriptions._replace(frame=with_plans)]
