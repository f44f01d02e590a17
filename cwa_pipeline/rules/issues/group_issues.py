"""The issues of groups and of their subscriptions."""

import pandas as pd

from cwa_pipeline.rules.frames import as_table, join_texts, lookup
from cwa_pipeline.rules.guards import OF_A_GROUP
from cwa_pipeline.rules.issues.kinds import issue_rows
from cwa_pipeline.rules.matching.plans import group_plans
from cwa_pipeline.tables import GroupIssues


def group_issues(
    pcrt_groups: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    members_plan: pd.DataFrame,
) -> pd.DataFrame:
    """List the issues of all groups that a client is tied to, and `no_cwa_client` elsewhere; only active ones count.

    Each row tells the configuration found, as in computer_plans `8 BizCare Plus, 2 BizCare Premium` and subscription_plans
    `BizCare Plus`. `members_held` is of each group that a guard holds in `members_plan`; its reason is the guard.
    P are the plans of all the computers of the group's clients, S the distinct valid plans of its subscriptions.

    Returns a `group_issues` table.
    """
    in_p = group_plans(cwa_computers, client_groups, cwa_group_members, cwa_groups)
    plans_of_computers = in_p.groupby("group_id").size()

    subscriptions = _active_subscriptions(pcrt_subscriptions)
    subscriptions["group_name"] = lookup(subscriptions["group_id"], pcrt_groups.set_index("group_id")["name"])
    tied_groups = client_groups["group_id"].dropna().drop_duplicates()
    is_tied = subscriptions["group_id"].isin(tied_groups)
    judged, elsewhere = subscriptions[is_tied], subscriptions[~is_tied & subscriptions["group_id"].notna()]
    valid = judged[judged["plan"].notna()].merge(in_p.assign(plan_in_p=True), on=["group_id", "plan"], how="left")
    has_p = valid["group_id"].isin(in_p["group_id"])

    groups = pcrt_groups[pcrt_groups["group_id"].isin(tied_groups)].rename(columns={"name": "group_name"})
    groups = groups.assign(subscription_id=None, subscription_name=None, cwa_group=None)
    in_s = valid[["group_id", "plan"]].drop_duplicates()
    p_count = lookup(groups["group_id"], plans_of_computers).fillna(0)
    s_count = lookup(groups["group_id"], in_s.groupby("group_id").size()).fillna(0)
    has_bizcare = groups["group_id"].isin(judged.loc[judged["is_bizcare"], "group_id"])

    held = members_plan[members_plan["guard"].isin(OF_A_GROUP)].drop_duplicates("group_id").set_index("group_id")
    held_groups = groups[groups["group_id"].isin(held.index)]

    issues = pd.concat(
        [
            issue_rows(groups[(s_count == 0) & ~has_bizcare], "no_cwa_subscriptions", "missing"),
            issue_rows(groups[(s_count == 0) & has_bizcare], "no_cwa_subscriptions", "unlinked"),
            issue_rows(groups[(s_count > 0) & (p_count > s_count)], "too_few_subscriptions"),
            issue_rows(valid[has_p & valid["plan_in_p"].isna()], "wrong_cwa_group"),
            issue_rows(judged[judged["is_bizcare"] & judged["plan"].isna()], "no_valid_cwa_group"),
            issue_rows(valid[valid.duplicated(["group_id", "plan"])], "duplicate_subscription"),
            issue_rows(valid[~has_p], "subscription_without_computers"),
            issue_rows(held_groups, "members_held", lookup(held_groups["group_id"], held["guard"])),
            issue_rows(elsewhere[elsewhere["is_bizcare"] & elsewhere["plan"].notna()], "no_cwa_client"),
        ]
    )
    counted = in_p.assign(text=in_p["computers"].astype("str") + " " + in_p["plan"])
    subscribed = subscriptions[subscriptions["plan"].notna()].assign(text=subscriptions["plan"])
    return as_table(
        issues.assign(
            computer_plans=_listed(issues["group_id"], counted),
            subscription_plans=_listed(issues["group_id"], subscribed),
        ),
        GroupIssues,
    )


def _listed(group_ids: pd.Series, plans: pd.DataFrame) -> pd.Series:
    """For each group the distinct texts of its plans (group_id, plan, text) in one line, by plan; null for none."""
    wanted = plans[plans["group_id"].isin(group_ids.dropna())].drop_duplicates(["group_id", "plan"]).sort_values("plan")
    return lookup(group_ids, join_texts(wanted["group_id"], wanted["text"], ", "))


def _active_subscriptions(pcrt_subscriptions: pd.DataFrame) -> pd.DataFrame:
    """The active subscriptions by ascending id, with the group each counts for as group_id."""
    active = pcrt_subscriptions[pcrt_subscriptions["active"]].sort_values("subscription_id")
    columns = {"effective_group_id": "group_id", "name": "subscription_name"}
    return active.drop(columns="group_id").rename(columns=columns)
