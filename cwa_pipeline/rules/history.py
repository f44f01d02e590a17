"""Since when an issue has been open, and every open issue in one list."""

import numpy as np
import pandas as pd

from cwa_pipeline.rules.frames import as_table, lookup, typed
from cwa_pipeline.rules.issues.kinds import ISSUES
from cwa_pipeline.tables import IssueHistory, OpenIssues

_AREAS = pd.Series({issue: kind.area for issue, kind in ISSUES.items()}, dtype="str")


def issue_history(
    previous: pd.DataFrame,
    client_issues: pd.DataFrame,
    computer_issues: pd.DataFrame,
    group_issues: pd.DataFrame,
    now: pd.Timestamp,
) -> pd.DataFrame:
    """An issue seen again stays open with its current reason; one that is gone is resolved now; one that is back opens a new row.

    Returns an `issue_history` table. A second call with the same issues and the same `now` changes nothing.
    """
    columns = ["issue_key", "issue", "reason"]
    current = pd.concat([client_issues[columns], computer_issues[columns], group_issues[columns]], ignore_index=True)

    # A row that began at this moment is reopened even if it is resolved: a second one would have the same key.
    ongoing = previous["resolved_at"].isna() | (previous["first_seen"] == now)
    now_at = pd.Index(current["issue_key"]).get_indexer(pd.Index(previous["issue_key"]))
    seen_again = ongoing & (now_at >= 0)
    gone = previous["resolved_at"].isna() & ~seen_again
    reason_now = current["reason"].array.take(now_at, allow_fill=True)
    rows = previous.assign(
        last_seen=previous["last_seen"].mask(seen_again, now),
        reason=previous["reason"].mask(seen_again, pd.Series(reason_now, index=previous.index)),
        resolved_at=previous["resolved_at"].mask(seen_again, pd.NaT).mask(gone, now),
    )

    is_new = np.ones(len(current), dtype="bool")
    is_new[now_at[seen_again]] = False
    new = current[is_new]
    new = new.assign(area=lookup(new["issue"], _AREAS), first_seen=now, last_seen=now, resolved_at=None)
    kept = typed(rows, IssueHistory)
    return as_table(pd.concat([kept, new.astype(kept.dtypes)]), IssueHistory)


def open_counts(issue_history: pd.DataFrame, moments: pd.DatetimeIndex) -> pd.DataFrame:
    """How many issues of each kind were open at each moment: one row per issue there ever was, one column per moment.

    An issue is open from the sync that saw it first until just before the one that no longer saw it.
    """
    kind, issues = pd.factorize(issue_history["issue"])
    ended = issue_history[["first_seen", "resolved_at"]].max(axis="columns", skipna=False)
    opened = _until(moments, issue_history["first_seen"], kind, len(issues))
    counts = opened - _until(moments, ended, kind, len(issues))
    return pd.DataFrame(counts, index=pd.Index(issues, dtype="str"), columns=moments).sort_index()


def _until(moments: pd.DatetimeIndex, times: pd.Series, kind: np.ndarray, kinds: int) -> np.ndarray:
    """For each kind, how many times are before or at each of the ascending moments; null never counts."""
    known = times.notna().to_numpy()
    at = moments.searchsorted(times[known].array)  # the first moment that is not before it
    counted = np.bincount(kind[known] * (len(moments) + 1) + at, minlength=kinds * (len(moments) + 1))
    return counted.reshape(kinds, len(moments) + 1)[:, :-1].cumsum(axis=1)


def grown(issue_history: pd.DataFrame) -> pd.DataFrame:
    """The kinds with more open issues since the last sync than before it: issue, area, before and now.

    The first sync has nothing to compare with.
    """
    last = issue_history[["last_seen", "resolved_at"]].max().max()
    before = issue_history["first_seen"] < last
    was_open = before & ~(issue_history["resolved_at"] < last)
    counted = pd.DataFrame(
        {
            "before": issue_history.loc[was_open, "issue"].value_counts(),
            "now": issue_history.loc[issue_history["resolved_at"].isna(), "issue"].value_counts(),
        }
    )
    counted = counted.fillna(0).astype("int64").rename_axis("issue").reset_index()
    more = counted[(counted["now"] > counted["before"]) & before.any()].sort_values("issue", ignore_index=True)
    return more.assign(area=lookup(more["issue"], _AREAS))


def last_snoozes(issue_snoozes: pd.DataFrame) -> pd.DataFrame:
    """The last row of `issue_snoozes` for each issue."""
    return issue_snoozes.sort_values("snoozed_at").drop_duplicates("issue_key", keep="last")


def open_issues(
    client_issues: pd.DataFrame, computer_issues: pd.DataFrame, group_issues: pd.DataFrame, issue_history: pd.DataFrame
) -> pd.DataFrame:
    """Every open issue in one list, with customer, subject and since when it has been open.

    Returns an `open_issues` table; `issue_history` must hold these issues.
    """
    clients = client_issues.assign(
        area="client", customer=client_issues["client_name"], subject=client_issues["client_name"]
    )
    computers = computer_issues.assign(
        area="computer", customer=computer_issues["client_name"], subject=computer_issues["computer_name"]
    )
    groups = group_issues.assign(
        area="group",
        customer=group_issues["group_name"],
        subject=group_issues["subscription_name"].fillna(group_issues["group_name"]),
    )
    columns = ["issue_key", "area", "issue", "reason", "severity", "customer", "subject"]
    issues = pd.concat([clients[columns], computers[columns], groups[columns]], ignore_index=True)
    first_seen = issue_history[issue_history["resolved_at"].isna()].set_index("issue_key")["first_seen"]
    return as_table(issues.assign(first_seen=lookup(issues["issue_key"], first_seen)), OpenIssues)
