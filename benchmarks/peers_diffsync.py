"""The second peer: DiffSync, the engine behind Nautobot SSoT, for the membership diff.

What belongs here: subscriptions with their PCIDs as children, in two adapters, and our own functions on the same frames beside it. What
must not: how the frames came to be.
"""

import time
from collections.abc import Mapping, Sequence

import pandas as pd
from diffsync import Adapter, DiffSyncModel

from cwa_pipeline.rules.members.lists import parse
from cwa_pipeline.rules.members.membership import planned_members, subscription_members
from cwa_pipeline.tables import AdditionalMembersLedger


class _Member(DiffSyncModel):
    _modelname = "member"
    _identifiers = ("subscription_id", "pcid")

    subscription_id: int
    pcid: int


class _Subscription(DiffSyncModel):
    _modelname = "subscription"
    _identifiers = ("subscription_id",)
    _children = {"member": "members"}  # noqa: RUF012 - DiffSync's own way of saying it

    subscription_id: int
    members: list[_Member] = []  # noqa: RUF012


class _Side(Adapter):
    subscription = _Subscription
    member = _Member
    top_level = ["subscription"]  # noqa: RUF012

    def load_lists(self, lists: Mapping[int, Sequence[int]]) -> None:
        """One subscription each, and a child for each of its PCIDs."""
        for subscription_id, pcids in lists.items():
            subscription = self.subscription(subscription_id=subscription_id)
            self.add(subscription)
            for pcid in pcids:
                member = self.member(subscription_id=subscription_id, pcid=pcid)
                self.add(member)
                subscription.add_child(member)


def seconds_of_the_diff(frames: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Seconds of our two functions, and of DiffSync's tree for what they take and give; both have to find the same changes."""
    start = time.perf_counter()
    wanted = subscription_members(
        frames["pcrt_subscriptions"],
        frames["client_groups"],
        frames["computer_matches"],
        frames["cwa_group_members"],
        frames["cwa_groups"],
        "every_plan",
    )
    nothing_written = AdditionalMembersLedger.empty()[["subscription_id", "after"]]
    plan = planned_members(frames["pcrt_subscriptions"], frames["client_groups"], wanted, nothing_written, "underscore")
    ours = time.perf_counter() - start

    start = time.perf_counter()
    wanted_lists: dict[int, list[int]] = {subscription_id: [] for subscription_id in plan["subscription_id"].tolist()}
    for subscription_id, pcid in zip(wanted["subscription_id"].tolist(), wanted["pcid"].tolist(), strict=True):
        wanted_lists[subscription_id].append(pcid)
    texts = zip(plan["subscription_id"].tolist(), plan["before"].tolist(), strict=True)
    pcrt, right = _Side("pcrt"), _Side("right")
    pcrt.load_lists({subscription_id: parse(text, "underscore") or () for subscription_id, text in texts})
    right.load_lists(wanted_lists)
    built = time.perf_counter() - start
    summary = pcrt.diff_from(right).summary()
    theirs = time.perf_counter() - start
    found = summary["create"] + summary["delete"]
    changes = int(plan["added"].sum() + plan["removed"].sum())
    assert found == changes, f"DiffSync found {found} changes, we {changes}"  # noqa: S101
    return {"membership by our functions": ours, "membership by DiffSync": theirs, "of that, its tree": built}
