"""A shop with so many lists to write that a sync can be disturbed between two of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cwa_pipeline.commands.demo.pcrt_stand_in import Pcid, PcrtGroup, PcrtWorld, Subscription
from cwa_pipeline.commands.demo.stand_in import Client, Computer, CwaWorld, Group
from cwa_pipeline.config.settings import DEFAULT_PLANS
from cwa_pipeline_tests.shop import Shop, open_shop

CUSTOMERS = 40  # 80 lists to write: enough that a sync is often caught between two of them
MACHINES = 3  # of each customer
LEDGER = "additional_members_ledger"

# Here every list changes at once, and a technician's edits add to it; what the guards hold has tests of its own.
NO_GUARDS = "guards.max_removed_share = 1.0\nguards.max_total_removed_share = 1.0\n"


@dataclass
class ManyLists:
    """Both systems' records, and each list as it is and as it ought to be."""

    cwa: CwaWorld = field(default_factory=CwaWorld)
    pcrt: PcrtWorld = field(default_factory=PcrtWorld)
    old: dict[int, str] = field(default_factory=dict)
    new: dict[int, str] = field(default_factory=dict)

    def subscription(self, subscription_id: int, group_id: int, plan: str, old: str, new: str, active: int = 1) -> None:
        self.pcrt.subscriptions.append(
            Subscription(subscription_id, plan, group_id, 0, plan, additional_members=old, active=active)
        )
        self.old[subscription_id], self.new[subscription_id] = old, new

    @property
    def changing(self) -> set[int]:
        """The subscriptions whose list a sync changes."""
        return {key for key, old in self.old.items() if self.new[key] != old}


def many_lists() -> ManyLists:
    """Customers with two lists each, empty, short or with a PCID that has to go; and some that are never touched."""
    lists = ManyLists()
    lists.cwa.groups = [Group(850 + number, plan) for number, plan in enumerate(DEFAULT_PLANS)]
    for customer in range(1, CUSTOMERS + 1):
        group_id, plan = 100 + customer, customer % len(DEFAULT_PLANS)
        pcids = [1000 + MACHINES * customer + number for number in range(MACHINES)]
        lists.cwa.clients.append(Client(customer, f"Customer {customer}", str(group_id)))
        lists.pcrt.groups.append(PcrtGroup(group_id, f"Customer {customer}"))
        for pcid in pcids:
            lists.cwa.computers.append(Computer(pcid, f"PC-{pcid}", customer, f"EX{pcid}Q"))
            lists.cwa.memberships.add((pcid, 850 + plan))
            lists.pcrt.pcids.append(Pcid(pcid, f"PC {pcid}", group_id, f"EX{pcid}Q"))
        right = "_" + "".join(f"{pcid}_" for pcid in pcids)
        first, second = 10 * customer, 10 * customer + 1
        lists.subscription(first, group_id, DEFAULT_PLANS[plan], "", right)
        lists.subscription(second, group_id, DEFAULT_PLANS[plan], f"_{pcids[0]}_{90_000 + customer}_", right)
        if customer % 10 == 0:
            lists.subscription(first + 2, group_id, DEFAULT_PLANS[plan], right, right)
            lists.subscription(first + 3, group_id, DEFAULT_PLANS[plan], "_4711_", "_4711_", active=0)
            lists.subscription(first + 4, group_id, DEFAULT_PLANS[plan], "call Ann first", "call Ann first")
    return lists


class DisturbedShop:
    """The shop of many lists; `restore` makes it as it was, with an empty warehouse, for the next disturbance."""

    def __init__(self, shop: Shop, lists: ManyLists) -> None:
        self.shop = shop
        self.lists = lists
        self._untouched = self._all_but_the_lists()

    def restore(self, warehouse_url: sa.URL) -> None:
        """Put the old lists back and start with a warehouse of its own."""
        engine = sa.create_engine(self.shop.pcrt_url)
        with engine.begin() as connection:
            connection.execute(
                sa.text("UPDATE subscriptions SET additionalmembers = :list WHERE subid = :subscription_id"),
                [{"list": text, "subscription_id": key} for key, text in self.lists.old.items()],
            )
        engine.dispose()
        self.shop.warehouse_url = warehouse_url
        self.shop.environment["WAREHOUSE_URL"] = warehouse_url.render_as_string(hide_password=False)

    def lost_or_mixed(self, edits: Mapping[int, str] | None = None) -> dict[int, str]:
        """The lists that are neither the old nor the new one, nor the edit that a person made of it."""
        edits = edits or {}
        return {
            key: text
            for key, text in self.shop.lists().items()
            if text not in (self.lists.old[key], self.lists.new[key], edits.get(key))
        }

    def assert_nothing_else_changed(self) -> None:
        """But for the one column, PCRT is to the letter what it was."""
        assert self._all_but_the_lists() == self._untouched

    def _all_but_the_lists(self) -> dict[str, list[tuple[Any, ...]]]:
        rows = self.shop.whole_pcrt()
        rows["subscriptions"] = [row[:5] + row[6:] for row in rows["subscriptions"]]
        return rows


@contextmanager
def disturbed_shop(folder: Path, **where: Any) -> Iterator[DisturbedShop]:
    """Open the shop of many lists; `where` are arguments of `open_shop`."""
    lists = many_lists()
    with open_shop(folder, lists.cwa, lists.pcrt, toml=NO_GUARDS, **where) as shop:
        yield DisturbedShop(shop, lists)
