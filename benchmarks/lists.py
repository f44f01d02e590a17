"""Additional Members of an invented world as PCRT has them on an ordinary night: right, but for a few.

What belongs here: which lists are wrong, and how. What must not: what a right list is (`benchmarks.polars_rules`, checked against
the pipeline's own in every run).
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl

from benchmarks import polars_rules
from benchmarks.polars_rules import Sources
from benchmarks.worlds import World
from cwa_pipeline.config.settings import DEFAULT_PLANS, generic_serials
from cwa_pipeline.rules.matching.serials import normalise

WRONG = (
    0.025  # of the lists; less those that nobody judges or that are empty, 2 % of the subscriptions have to be written
)


def sources(world: World) -> Sources:
    """The world as the rules in Polars take it."""
    pcids = world.pc_owner.rename(columns={"pcgroupid": "group_id", "serial": "serial_number"})
    subscriptions = world.subscriptions.rename(
        columns={
            "subid": "subscription_id",
            "subname": "name",
            "pcgroupid": "group_id",
            "cwagroup": "cwa_group",
            "additionalmembers": "additional_members",
        }
    )
    lines = pd.Series([*generic_serials(), ""], dtype="str")
    return Sources(
        clients=pl.from_pandas(world.clients),
        computers=pl.from_pandas(world.computers),
        cwa_groups=pl.from_pandas(world.groups),
        members=pl.from_pandas(world.members),
        groups=pl.from_pandas(world.pc_group).rename({"pcgroupid": "group_id", "pcgroupname": "name"}),
        pcids=pl.from_pandas(pcids[["pcid", "group_id", "serial_number"]]).with_columns(
            group_id=pl.when(pl.col("group_id") > 0).then("group_id")
        ),
        subscriptions=pl.from_pandas(subscriptions).with_columns(active=pl.col("subactive") == 1),
        blacklist=normalise(lines).drop_duplicates().tolist(),
        plans=list(DEFAULT_PLANS),
    )


def with_lists_nearly_right(world: World, seed: int = 1) -> World:
    """The same world with every list right, but one in fifty that lacks its last PCID or has one too many."""
    given = sources(world)
    tied = polars_rules.client_groups(given)
    wanted = polars_rules.members(given, tied, polars_rules.matches(given, tied))
    right = polars_rules.lists(given, tied, wanted).to_pandas().set_index("subscription_id")["after"]
    listed = world.subscriptions["subid"].map(right)
    rng = np.random.default_rng(seed)
    chance = rng.random(len(listed))
    lacking = listed.str.replace(r"[0-9]+_$", "", regex=True)
    too_many = listed + "900000000_"  # above every PCID there is, so the list stays ascending
    listed = listed.mask(chance < WRONG / 2, lacking).mask((chance >= WRONG / 2) & (chance < WRONG), too_many)
    kept = listed.fillna("")  # a subscription that is not judged has an old list, which nobody touches
    return replace(world, subscriptions=world.subscriptions.assign(additionalmembers=kept.to_numpy()))
