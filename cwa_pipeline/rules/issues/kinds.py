"""Every kind of issue, and what the three issue tables have in common."""

from typing import Literal, NamedTuple

import pandas as pd


class Kind(NamedTuple):
    """One kind of issue."""

    area: Literal["client", "computer", "group"]
    about: Literal["client", "computer", "group", "subscription"]
    severity: Literal["error", "warning"]
    meaning: str


ISSUES: dict[str, Kind] = {
    "no_pcrt_group": Kind("client", "client", "error", "The client's External ID names no PCRT group"),
    "shared_external_id": Kind("client", "client", "warning", "Another client is tied to the same PCRT group"),
    "pcid_does_not_exist": Kind("computer", "computer", "error", "The Asset Tag is set, but names no PCID"),
    "no_matching_pcid": Kind("computer", "computer", "error", "The serial number leads to no PCID, or to several"),
    "not_in_group": Kind("computer", "computer", "error", "The PCID is in no PCRT group"),
    "in_wrong_group": Kind("computer", "computer", "error", "The PCID is in a PCRT group other than its client's"),
    "no_cwa_group": Kind("computer", "computer", "error", "The computer is in no plan"),
    "shared_pcid": Kind("computer", "computer", "warning", "Another computer is matched to the same PCID"),
    "override_disagrees": Kind(
        "computer", "computer", "warning", "The Asset Tag names one PCID, the serial number belongs to another"
    ),
    "suspected_generic_serial": Kind(
        "computer", "computer", "warning", "Computers of several clients have this serial number; it may be generic"
    ),
    "several_plans": Kind("computer", "computer", "warning", "The computer is in two or more plans"),
    "no_cwa_subscriptions": Kind("group", "group", "error", "The group has no subscription with a valid plan"),
    "too_few_subscriptions": Kind(
        "group", "group", "error", "The group's computers are in more plans than its subscriptions name"
    ),
    "wrong_cwa_group": Kind(
        "group", "subscription", "error", "None of the group's computers is in the plan that the subscription names"
    ),
    "no_valid_cwa_group": Kind("group", "subscription", "error", "The BizCare subscription's CWA Group names no plan"),
    "duplicate_subscription": Kind(
        "group", "subscription", "warning", "The group has an earlier active subscription of the same plan"
    ),
    "subscription_without_computers": Kind(
        "group", "subscription", "warning", "The subscription names a plan, but none of the group's computers is in any"
    ),
    "members_held": Kind(
        "group", "group", "warning", "The group's lists are held, since they would lose too many members"
    ),
    "no_cwa_client": Kind("group", "subscription", "warning", "No CWA client is tied to the subscription's group"),
}


def issue_key(about: str, ids: pd.Series, issue: str) -> pd.Series:
    """The key of an issue: the same every night for the same issue about the same thing, whatever its reason."""
    return f"{about}:" + ids.astype("str") + f":{issue}"


def issue_rows(things: pd.DataFrame, issue: str, reason: pd.Series | str | None = None) -> pd.DataFrame:
    """The things that have the issue, with issue_key, issue, reason and severity: rows of an issue table."""
    kind = ISSUES[issue]
    return things.assign(
        issue_key=issue_key(kind.about, things[f"{kind.about}_id"], issue),
        issue=issue,
        reason=pd.Series(reason, index=things.index, dtype="str"),
        severity=kind.severity,
    )
