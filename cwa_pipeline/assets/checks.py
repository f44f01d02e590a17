"""What must hold of the tables before a write may rest on them (blocking), and what a person should look at (warnings).

Each check is a function from tables to a result, and is made in the step that fills its table: of the source tables when all are read, of
another as soon as it is worked out. Nothing that comes after a blocking one that fails is worked out. A check made alone, of what the
warehouse has, needs what its step needs. That keys are unique and columns have their types is not checked here: `tables.py`
refuses such a frame before it is a table.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import NamedTuple

import dagster as dg
import pandas as pd

from cwa_pipeline.config.settings import Settings
from cwa_pipeline.rules import history
from cwa_pipeline.rules.frames import lookup, same_text
from cwa_pipeline.rules.matching.serials import normalise

Read = Callable[[str], pd.DataFrame]  # a table, as this run filled it or as the warehouse has it

# From each of these, no rows means that a system did not answer properly: a sync rests on nothing then.
NEVER_EMPTY = {
    "cwa_clients": "CWA shows no client; give the CWA account the right to see them all",
    "cwa_computers": "CWA shows no computer; give the CWA account the right to see them all",
    "cwa_groups": "CWA shows no group; give the CWA account the right to see them all",
    "cwa_group_members": "No computer is in a plan's CWA group; look at the CWA account's rights and at [cwa] plans",
    "pcrt_groups": "PCRT gave no group; look at [pcrt] groups",
    "pcrt_pcids": "PCRT gave no PCID; look at [pcrt] pcids",
    "pcrt_subscriptions": "PCRT gave no subscription; look at [pcrt] subscriptions",
}
NAMED_AT_MOST = 10  # ids named in a message; the table has them all


class Result(NamedTuple):
    """Whether a check passed, and what it saw."""

    passed: bool
    description: str


class Check(NamedTuple):
    """A check of one asset: its name, whether it stops what comes after, what it says in the UI, and how it looks."""

    asset: str
    name: str
    blocking: bool
    description: str
    look: Callable[[Read], Result]


# --- the checks -------------------------------------------------------------------------------------------------------


def complete(table: str, read: Read) -> Result:
    """There are rows, and as many as an independent count says: an empty answer is a failed reading, no reason to empty lists."""
    if read(table).empty:
        return Result(False, NEVER_EMPTY[table])
    receipts = read("read_receipts")
    receipts = receipts[receipts["table_name"] == table].sort_values("counted_at")
    if receipts.empty:
        return Result(False, "it was never counted; materialise it first")
    rows_read, rows_counted, counted_by = receipts[["rows_read", "rows_counted", "counted_by"]].iloc[-1]
    is_complete = bool(rows_read == rows_counted)
    remedy = "all are there" if is_complete else "nothing is written from a short reading, run the sync again"
    return Result(is_complete, f"{rows_read} rows were read and {rows_counted} counted ({counted_by}); {remedy}")


def every_plan_has_a_cwa_group(plans: Callable[[], tuple[str, ...]], read: Read) -> Result:
    """A plan's CWA group that was renamed or is hidden from the account would look as if nobody had that plan."""
    groups = read("cwa_groups")
    missing = [plan for plan in plans() if not (groups["plan"] == plan).any()]
    return _nothing_odd(
        missing, "no CWA group is called {}; name the group so in CWA, or take the plan out of [cwa] plans"
    )


def one_row_per_client(read: Read) -> Result:
    """Every client is judged exactly once."""
    odd = _only_in_one(read("client_groups")["client_id"], read("cwa_clients")["client_id"])
    return _nothing_odd(odd, "clients {} are in only one of client_groups and cwa_clients")


def one_row_per_computer(read: Read) -> Result:
    """Every computer is judged exactly once."""
    odd = _only_in_one(read("computer_matches")["computer_id"], read("cwa_computers")["computer_id"])
    return _nothing_odd(odd, "computers {} are in only one of computer_matches and cwa_computers")


def serial_matches_have_the_same_serial(read: Read) -> Result:
    """A computer matched by serial and its PCID bear the same serial, and no generic one, when looked up anew."""
    matches = read("computer_matches")
    by_serial = matches.loc[matches["matched_by"] == "serial", ["computer_id", "pcid"]]
    of_computer = lookup(by_serial["computer_id"], read("cwa_computers").set_index("computer_id")["serial_number"])
    of_pcid = lookup(by_serial["pcid"], read("pcrt_pcids").set_index("pcid")["serial_number"])
    serial, differs = normalise(of_computer), ~same_text(of_computer, of_pcid)
    differs[differs] = serial[differs] != normalise(of_pcid[differs])
    generic = serial.isin(read("serial_blacklist")["normalised"].tolist())
    odd = by_serial.loc[differs | generic, "computer_id"]
    return _nothing_odd(odd, "computers {} were matched by a serial that their PCID does not bear")


def members_are_in_their_group(read: Read) -> Result:
    """A PCID is only ever listed in a subscription of the group it is in."""
    members = read("subscription_members")
    group_of_pcid = members["pcid"].map(read("pcrt_pcids").set_index("pcid")["group_id"])
    odd = members.loc[~(group_of_pcid == members["group_id"]).fillna(False), "pcid"]
    return _nothing_odd(odd, "PCIDs {} would be listed in a subscription of another group")


def computers_have_a_known_client(read: Read) -> Result:
    """A computer of a client that CWA did not show: the client was deleted, or is hidden from the account."""
    computers = read("cwa_computers")
    odd = computers.loc[~computers["client_id"].isin(read("cwa_clients")["client_id"]), "computer_id"]
    return _nothing_odd(odd, "computers {} belong to a client that CWA does not show; look at the CWA account's rights")


def group_members_are_known_computers(read: Read) -> Result:
    """A member that is no computer: it was retired, or is hidden from the account."""
    members = read("cwa_group_members")
    odd = members.loc[~members["computer_id"].isin(read("cwa_computers")["computer_id"]), "computer_id"]
    return _nothing_odd(
        odd, "computers {} are in a plan's CWA group, but CWA does not show them; look at the CWA account's rights"
    )


def serials_can_be_read(read: Read) -> Result:
    """A PCID whose serial cannot be read matches nothing."""
    pcids = read("pcrt_pcids")
    odd = pcids.loc[pcids["serial_problem"].notna(), "pcid"]
    return _nothing_odd(odd, "the serial numbers of PCIDs {} cannot be read; save these machines anew in PCRT")


def issues_did_not_grow(area: str, read: Read) -> Result:
    """No kind of issue has more open than before this sync."""
    grown = history.grown(read("issue_history"))
    told = [f"{row.issue} from {row.before} to {row.now}" for row in grown[grown["area"] == area].itertuples()]
    return _nothing_odd(told, "more are open than before: {}; the integration page says what to do")


def nothing_was_held(read: Read) -> Result:
    """Every list that had to be written could be; the others are named with the reason in the table."""
    lists = read("additional_members")
    odd = lists.loc[lists["status"].isin(["held", "conflict"]), "subscription_id"]
    return _nothing_odd(odd, "subscriptions {} were left alone; additional_members.reason says why")


def _only_in_one(some: pd.Series, others: pd.Series) -> pd.Series:
    if some.equals(others):  # as they are, for both come by their key
        return some.head(0)
    both = pd.concat([some, others])
    return both[~both.duplicated(keep=False)]


def _nothing_odd(odd: pd.Series | list[str], message: str) -> Result:
    """Pass when nothing is odd, else name the first few."""
    found = pd.Series(odd).drop_duplicates().tolist()
    names = ", ".join(str(name) for name in found[:NAMED_AT_MOST])
    more = f" and {len(found) - NAMED_AT_MOST} more" if len(found) > NAMED_AT_MOST else ""
    return Result(not found, message.format(f"{names}{more}") if found else "as it should be")


# --- which table has which -------------------------------------------------------------------------------------------


def _plans() -> tuple[str, ...]:
    return Settings.load().cwa.plans


def _check(asset: str, name: str, look: Callable[[Read], Result], *, blocking: bool) -> Check:
    said = look.func if isinstance(look, partial) else look
    return Check(asset, name, blocking, said.__doc__ or "", look)


CHECKS = (
    *(_check(table, f"{table}_complete", partial(complete, table), blocking=True) for table in NEVER_EMPTY),
    _check("cwa_groups", "every_plan_has_a_cwa_group", partial(every_plan_has_a_cwa_group, _plans), blocking=True),
    _check("cwa_computers", "computers_have_a_known_client", computers_have_a_known_client, blocking=False),
    _check("cwa_group_members", "group_members_are_known_computers", group_members_are_known_computers, blocking=False),
    _check("pcrt_pcids", "serials_can_be_read", serials_can_be_read, blocking=False),
    _check("client_groups", "one_row_per_client", one_row_per_client, blocking=True),
    _check("computer_matches", "one_row_per_computer", one_row_per_computer, blocking=True),
    _check(
        "computer_matches", "serial_matches_have_the_same_serial", serial_matches_have_the_same_serial, blocking=True
    ),
    _check("subscription_members", "members_are_in_their_group", members_are_in_their_group, blocking=True),
    *(
        _check("issue_history", f"{area}_issues_did_not_grow", partial(issues_did_not_grow, area), blocking=False)
        for area in ("client", "computer", "group")
    ),
    _check("additional_members", "nothing_was_held", nothing_was_held, blocking=False),
)


# --- for Dagster ------------------------------------------------------------------------------------------------------


def specs(tables: Iterable[str]) -> list[dg.AssetCheckSpec]:
    """The checks of these tables, for the step that fills them."""
    wanted = set(tables)
    return [
        dg.AssetCheckSpec(check.name, asset=check.asset, blocking=check.blocking, description=check.description)
        for check in CHECKS
        if check.asset in wanted
    ]


def results(context: dg.AssetExecutionContext, tables: Iterable[str], read: Read) -> list[dg.AssetCheckResult]:
    """Make the checks of these tables that the run asks for."""
    wanted, selected = set(tables), {key.name: key.asset_key for key in context.selected_asset_check_keys}
    read = cache(read)  # many look at the same table
    made = []
    for check in CHECKS:
        if check.asset in wanted and check.name in selected:
            found = check.look(read)
            made.append(
                dg.AssetCheckResult(
                    passed=found.passed,
                    asset_key=selected[check.name],  # with the site in front
                    check_name=check.name,
                    severity=dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN,
                    description=found.description,
                )
            )
    return made


def stops(result: dg.AssetCheckResult) -> bool:
    """Whether nothing may rest on what was checked; Dagster stops the run after the step."""
    return not result.passed and result.severity == dg.AssetCheckSeverity.ERROR
