"""Which CWA groups stand for a plan, which plan a subscription names, and which plans a computer or a group is in."""

from collections.abc import Sequence

import pandas as pd

from cwa_pipeline.rules.frames import as_table, lookup
from cwa_pipeline.rules.matching.numbers import whole_number
from cwa_pipeline.rules.matching.serials import normalise
from cwa_pipeline.tables import CwaGroups, PcrtSubscriptions

UNSET_FIELDS = ["", "0"]  # a CWA Group field, trimmed, that nobody filled in


def _plans_by_name(names: pd.Series, plans: Sequence[str]) -> pd.Series:
    """The plan, as the configuration spells it, whose normalised name a name has; null for any other name."""
    spelling = pd.Series(plans, dtype="str")
    return lookup(normalise(names), spelling.set_axis(normalise(spelling)))


def plans_of_groups(groups: pd.DataFrame, plans: Sequence[str]) -> pd.DataFrame:
    """A CWA group stands for a plan when their normalised names are equal; other CWA groups have no meaning here.

    Takes CWA groups (cwa_group_id, name), returns a `cwa_groups` table. Several CWA groups may stand for one plan.
    """
    return as_table(groups.assign(plan=_plans_by_name(groups["name"], plans)), CwaGroups)


def subscriptions_with_plans(
    subscriptions: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    plans: Sequence[str],
    bizcare_prefix: str,
) -> pd.DataFrame:
    """Say of each subscription which group it counts for, whether it is a BizCare one, and which valid plan it names.

    - A subscription's group is its own group id, or, when it hangs on a PCID, that PCID's group.
    - It is a BizCare subscription when its CWA Group field is filled or its name starts with the prefix.
    - Its plan is valid when the field names a plan, by name (normalised) or by CWA group id.

    Takes subscriptions as read (subscription_id, name, group_id, pcid, cwa_group, active, additional_members), returns
    a `pcrt_subscriptions` table.
    """
    field = subscriptions["cwa_group"]
    by_name = _plans_by_name(field, plans)
    by_id = lookup(whole_number(field), cwa_groups.set_index("cwa_group_id")["plan"])
    group_of_pcid = lookup(subscriptions["pcid"], pcrt_pcids.set_index("pcid")["group_id"])
    has_prefix = subscriptions["name"].fillna("").str.startswith(bizcare_prefix)
    return as_table(
        subscriptions.assign(
            effective_group_id=subscriptions["group_id"].fillna(group_of_pcid),
            is_bizcare=~normalise(field).isin(UNSET_FIELDS) | has_prefix,
            plan=by_name.fillna(by_id),
        ),
        PcrtSubscriptions,
    )


def computer_plans(cwa_group_members: pd.DataFrame, cwa_groups: pd.DataFrame) -> pd.DataFrame:
    """The plans each computer is in: computer_id and plan, distinct, sorted."""
    plans = cwa_groups.loc[cwa_groups["plan"].notna(), ["cwa_group_id", "plan"]]
    pairs = cwa_group_members.merge(plans, on="cwa_group_id")[["computer_id", "plan"]]
    return pairs.drop_duplicates().sort_values(["computer_id", "plan"], ignore_index=True)


def group_plans(
    cwa_computers: pd.DataFrame, client_groups: pd.DataFrame, cwa_group_members: pd.DataFrame, cwa_groups: pd.DataFrame
) -> pd.DataFrame:
    """P, the plans of all the computers of a group's clients, matched or not: group_id, plan and how many computers are in it."""
    pairs = computer_plans(cwa_group_members, cwa_groups)
    client_id = lookup(pairs["computer_id"], cwa_computers.set_index("computer_id")["client_id"])
    group_id = lookup(client_id, client_groups.set_index("client_id")["group_id"])
    sizes = pairs.assign(group_id=group_id).groupby(["group_id", "plan"], as_index=False).size()
    return sizes.rename(columns={"size": "computers"})
