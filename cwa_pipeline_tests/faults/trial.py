"""One fault, one sync, one verdict: what PCRT and the ledger may hold afterwards.

Every fault is judged by the same invariants. `mysql_proxy`, `warehouse_faults` and the stand-in's `faults` make the faults.
"""

import os
import random
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from cwa_pipeline.commands.run import SyncOutcome
from cwa_pipeline.rules.members.ledger import unsettled
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline.warehouse.sync_record import LEDGER
from cwa_pipeline_tests.faults.conftest import Tally
from cwa_pipeline_tests.shop import Shop

SEED = 3  # of the short form's choices; any number works, and a fixed one repeats a failure
LISTS_BEHIND = (501, 511, 561)  # enough to fail before, between and after; each more costs a full run a minute
BARE_ERROR = re.compile(r"[\w.]*(Error|Exception|Warning|Failure)\b: ")  # the start of an error that is not ours

Pcrt = dict[str, list[tuple[Any, ...]]]
MayHaveWritten = Literal[
    "nothing", "all", "some"
]  # which lists a run that failed may have written: none, none or all, any
Choice = TypeVar("Choice")


@dataclass(eq=False)
class Trial:
    """A shop in which three lists are behind, and what an undisturbed sync makes of it."""

    shop: Shop
    before: Pcrt
    after: Pcrt
    empty_warehouse: Path | None  # a copy of the file with nothing in its tables; None on PostgreSQL

    @classmethod
    def prepare(cls, shop: Shop, right_lists: Mapping[int, str]) -> "Trial":
        """Put all but three lists of a shop right, before its first sync."""
        copy = None
        with Warehouse(shop.warehouse_url) as warehouse:
            warehouse.create()
        if shop.warehouse_url.get_backend_name() == "sqlite":
            copy = shop.folder / "empty_warehouse.db"
            shutil.copy(shop.warehouse_url.database or "", copy)
        trial = cls(shop, {}, {}, copy)
        old = shop.lists()
        trial._write_lists({**right_lists})
        trial.after = shop.whole_pcrt()
        trial._write_lists({key: old[key] for key in LISTS_BEHIND})
        trial.before = shop.whole_pcrt()
        assert len(trial.changed(trial.before)) == len(LISTS_BEHIND)
        return trial

    def sync_undisturbed(self) -> None:
        """Sync without a fault, which has to write the three lists."""
        self.reset()
        outcome = self.shop.sync()
        assert outcome.succeeded, outcome.problems
        assert self.shop.whole_pcrt() == self.after

    def reset(self) -> None:
        """Restore PCRT and an empty warehouse, and the environment, which another shop of the test module may have changed."""
        os.environ.update(self.shop.environment)
        self._write_lists(_lists(self.before))
        assert self.shop.whole_pcrt() == self.before
        if self.empty_warehouse:
            database = Path(self.shop.warehouse_url.database or "")
            for leftover in ("-wal", "-shm"):
                Path(f"{database}{leftover}").unlink(missing_ok=True)
            shutil.copy(self.empty_warehouse, database)
        else:
            _truncate_all(self.shop.warehouse_url)

    def changed(self, pcrt: Pcrt) -> list[int]:
        """The subscriptions whose list is not what an undisturbed sync leaves."""
        now, new = _lists(pcrt), _lists(self.after)
        return [subscription_id for subscription_id in new if now.get(subscription_id) != new[subscription_id]]

    def lost(self, pcrt: Pcrt) -> list[str]:
        """Every list that is neither the old nor the new one, and every table of which anything else changed."""
        old, new, now = _lists(self.before), _lists(self.after), _lists(pcrt)
        mixed = [f"list of {one}: {now.get(one)!r}" for one in new if now.get(one) not in (old[one], new[one])]
        others = [table for table in self.before if _without_lists(table, pcrt) != _without_lists(table, self.before)]
        return mixed + others

    def judge(
        self, kind: str, tally: Tally, fault: str, outcome: SyncOutcome, may_have_written: MayHaveWritten
    ) -> None:
        """Check a disturbed sync against the invariants and count it.

        A sync that succeeded must end like the undisturbed one. One that failed leaves PCRT byte for byte as it was, unless it
        `may_have_written`. In that case the ledger has every new list as planned.
        """
        pcrt = self.shop.whole_pcrt()
        lost = self.lost(pcrt)
        tally.add(kind, survived=not lost, lost=len(lost))
        context = f"{fault}: succeeded={outcome.succeeded} {outcome.problems}"
        assert not lost, f"{context}: {lost}"
        self._assert_fit_for_a_person(outcome, context)
        assert outcome.succeeded or outcome.problems, context
        if outcome.succeeded:
            assert pcrt == self.after, context
        elif may_have_written != "some":
            assert pcrt in ([self.before, self.after] if may_have_written == "all" else [self.before]), context
        known = self._known_to_the_ledger("planned") if pcrt != self.before else set()
        old, now = _lists(self.before), _lists(pcrt)
        for subscription_id in LISTS_BEHIND:
            if now[subscription_id] != old[subscription_id]:
                change = (subscription_id, old[subscription_id], now[subscription_id])
                assert change in known, f"{context}: the ledger does not know of {change}"

    def assert_the_next_sync_puts_it_right(self, fault: str) -> None:
        """Sync once more, undisturbed: PCRT ends right, and the ledger has every change and leaves nothing open."""
        outcome = self.shop.sync()
        assert outcome.succeeded, f"after {fault}: {outcome.problems}"
        assert self.shop.whole_pcrt() == self.after, f"after {fault}"
        assert unsettled(self.shop.table(LEDGER)).empty, f"after {fault}: the ledger leaves a planned write open"
        old, new = _lists(self.before), _lists(self.after)
        told = {(one, old[one], new[one]) for one in LISTS_BEHIND}
        assert told <= self._known_to_the_ledger("written"), f"after {fault}: the ledger does not tell every change"

    def _known_to_the_ledger(self, status: str) -> set[tuple[int, str, str]]:
        ledger = self.shop.table(LEDGER)
        rows = ledger[ledger["status"] == status]
        # PCRT's lists here are never null, and the ledger's empty texts are texts
        return set(zip(rows["subscription_id"], rows["before"], rows["after"], strict=True))

    def _assert_fit_for_a_person(self, outcome: SyncOutcome, context: str) -> None:
        secrets = [
            *(self.shop.environment[name] for name in ("CWA_PASSWORD", "CWA_CLIENT_ID")),
            *(url.password for url in (self.shop.pcrt_url, self.shop.warehouse_url) if url.password),
        ]
        for problem in outcome.problems:
            assert not any(secret in problem for secret in secrets), f"{self.shop.folder.name}: a secret in a problem"
            assert "\n" not in problem, context
            assert "Traceback" not in problem, context
            assert not BARE_ERROR.match(problem), context

    def _write_lists(self, lists: Mapping[int, str]) -> None:
        now = self.shop.lists()
        for key, members in lists.items():
            if now[key] != members:
                self.shop.pcrt(
                    "UPDATE subscriptions SET additionalmembers = :members WHERE subid = :key", members=members, key=key
                )


def sample(choices: Sequence[Choice], count: int, name: str, *, full: bool) -> list[Choice]:
    """All of them in the full form; in the short form a few, and for the same name always the same ones."""
    return list(choices) if full else random.Random(f"{SEED} {name}").sample(list(choices), min(count, len(choices)))


def _lists(pcrt: Pcrt) -> dict[int, str]:
    return {row[0]: row[5] for row in pcrt["subscriptions"]}


def _without_lists(table: str, pcrt: Pcrt) -> list[tuple[Any, ...]]:
    return [row[:5] + row[6:] for row in pcrt[table]] if table == "subscriptions" else pcrt[table]


def _truncate_all(url: sa.URL) -> None:
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"))
    try:
        with engine.begin() as connection:
            tables = sa.inspect(connection).get_table_names()
            connection.exec_driver_sql(f"TRUNCATE {', '.join(tables)}")
    finally:
        engine.dispose()
