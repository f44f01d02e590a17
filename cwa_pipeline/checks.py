"""What must hold of the tables before a write may rest on them (blocking), and what a person should look at (warnings).

That keys are unique and columns have their types is not checked here: `tables.py` refuses such a frame before it is a table.
"""

import dagster as dg
import pandas as pd

from cwa_pipeline.assets.io import WarehouseIOManager
from cwa_pipeline.assets.resources import SettingsResource
from cwa_pipeline.rules import history
from cwa_pipeline.rules.serials import normalise

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


def _not_empty(table: str, remedy: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table,
        name=f"{table}_not_empty",
        blocking=True,
        description="An empty answer is a failed reading, never a reason to empty lists.",
    )
    def check(frame: pd.DataFrame) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=not frame.empty, description=remedy if frame.empty else f"{len(frame)} rows")

    return check


not_empty = [_not_empty(table, remedy) for table, remedy in NEVER_EMPTY.items()]


def _complete(table: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table,
        name=f"{table}_complete",
        blocking=True,
        description="As many rows were read as an independent count says there are.",
    )
    def check(warehouse: dg.ResourceParam[WarehouseIOManager]) -> dg.AssetCheckResult:
        receipts = warehouse.warehouse.read("read_receipts")
        receipts = receipts[receipts["table_name"] == table].sort_values("counted_at")
        if receipts.empty:
            return dg.AssetCheckResult(passed=False, description="it was never counted; materialise it first")
        rows_read, rows_counted, counted_by = receipts[["rows_read", "rows_counted", "counted_by"]].iloc[-1]
        complete = bool(rows_read == rows_counted)
        remedy = "all are there" if complete else "nothing is written from a short reading, run the sync again"
        return dg.AssetCheckResult(
            passed=complete,
            description=f"{rows_read} rows were read and {rows_counted} counted ({counted_by}); {remedy}",
        )

    return check


complete = [_complete(table) for table in NEVER_EMPTY]


@dg.asset_check(asset="cwa_groups", blocking=True)
def every_plan_has_a_cwa_group(cwa_groups: pd.DataFrame, settings: SettingsResource) -> dg.AssetCheckResult:
    """A plan's CWA group that was renamed or is hidden from the account would look as if nobody had that plan."""
    plans = settings.values.cwa.plans
    missing = [plan for plan in plans if not (cwa_groups["plan"] == plan).any()]
    return _result(
        missing,
        "no CWA group is called {}; name the group so in CWA, or take the plan out of [cwa] plans",
        blocking=True,
    )


@dg.asset_check(asset="client_groups", additional_ins={"cwa_clients": dg.AssetIn("cwa_clients")}, blocking=True)
def one_row_per_client(client_groups: pd.DataFrame, cwa_clients: pd.DataFrame) -> dg.AssetCheckResult:
    """Every client is judged exactly once."""
    odd = _only_in_one(client_groups["client_id"], cwa_clients["client_id"])
    return _result(odd, "clients {} are in only one of client_groups and cwa_clients", blocking=True)


@dg.asset_check(asset="computer_matches", additional_ins={"cwa_computers": dg.AssetIn("cwa_computers")}, blocking=True)
def one_row_per_computer(computer_matches: pd.DataFrame, cwa_computers: pd.DataFrame) -> dg.AssetCheckResult:
    """Every computer is judged exactly once."""
    odd = _only_in_one(computer_matches["computer_id"], cwa_computers["computer_id"])
    return _result(odd, "computers {} are in only one of computer_matches and cwa_computers", blocking=True)


@dg.asset_check(
    asset="computer_matches",
    additional_ins={
        "serial_blacklist": dg.AssetIn("serial_blacklist"),
        "pcrt_pcids": dg.AssetIn("pcrt_pcids"),
        "cwa_computers": dg.AssetIn("cwa_computers"),
    },
    blocking=True,
)
def serial_matches_have_the_same_serial(
    computer_matches: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> dg.AssetCheckResult:
    """A computer matched by serial and its PCID bear the same serial, and no generic one, when looked up anew."""
    by_serial = computer_matches[computer_matches["matched_by"] == "serial"]
    of_computer = by_serial["computer_id"].map(cwa_computers.set_index("computer_id")["serial_number"])
    of_pcid = by_serial["pcid"].map(pcrt_pcids.set_index("pcid")["serial_number"])
    same = normalise(of_computer) == normalise(of_pcid)
    generic = normalise(of_computer).isin(serial_blacklist["normalised"].tolist())
    odd = by_serial.loc[~same | generic, "computer_id"]
    return _result(odd, "computers {} were matched by a serial that their PCID does not bear", blocking=True)


@dg.asset_check(asset="subscription_members", additional_ins={"pcrt_pcids": dg.AssetIn("pcrt_pcids")}, blocking=True)
def members_are_in_their_group(subscription_members: pd.DataFrame, pcrt_pcids: pd.DataFrame) -> dg.AssetCheckResult:
    """A PCID is only ever listed in a subscription of the group it is in."""
    group_of_pcid = subscription_members["pcid"].map(pcrt_pcids.set_index("pcid")["group_id"])
    odd = subscription_members.loc[~(group_of_pcid == subscription_members["group_id"]).fillna(False), "pcid"]
    return _result(odd, "PCIDs {} would be listed in a subscription of another group", blocking=True)


@dg.asset_check(asset="cwa_computers", additional_ins={"cwa_clients": dg.AssetIn("cwa_clients")})
def computers_have_a_known_client(cwa_computers: pd.DataFrame, cwa_clients: pd.DataFrame) -> dg.AssetCheckResult:
    """A computer of a client that CWA did not show: the client was deleted, or is hidden from the account."""
    odd = cwa_computers.loc[~cwa_computers["client_id"].isin(cwa_clients["client_id"]), "computer_id"]
    return _result(odd, "computers {} belong to a client that CWA does not show; look at the CWA account's rights")


@dg.asset_check(asset="cwa_group_members", additional_ins={"cwa_computers": dg.AssetIn("cwa_computers")})
def group_members_are_known_computers(
    cwa_group_members: pd.DataFrame, cwa_computers: pd.DataFrame
) -> dg.AssetCheckResult:
    """A member that is no computer: it was retired, or is hidden from the account."""
    odd = cwa_group_members.loc[~cwa_group_members["computer_id"].isin(cwa_computers["computer_id"]), "computer_id"]
    return _result(
        odd, "computers {} are in a plan's CWA group, but CWA does not show them; look at the CWA account's rights"
    )


@dg.asset_check(asset="pcrt_pcids")
def serials_can_be_read(pcrt_pcids: pd.DataFrame) -> dg.AssetCheckResult:
    """A PCID whose serial cannot be read matches nothing."""
    odd = pcrt_pcids.loc[pcrt_pcids["serial_problem"].notna(), "pcid"]
    return _result(odd, "the serial numbers of PCIDs {} cannot be read; save these machines anew in PCRT")


@dg.asset_check(asset="additional_members")
def nothing_was_held(additional_members: pd.DataFrame) -> dg.AssetCheckResult:
    """Every list that had to be written could be; the others are named with the reason in the table."""
    odd = additional_members.loc[additional_members["status"].isin(["held", "conflict"]), "subscription_id"]
    return _result(odd, "subscriptions {} were left alone; additional_members.reason says why")


def _did_not_grow(area: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="issue_history",
        name=f"{area}_issues_did_not_grow",
        description="No kind of issue has more open than before this sync.",
    )
    def check(issue_history: pd.DataFrame) -> dg.AssetCheckResult:
        grown = history.grown(issue_history)
        of_area = grown[grown["area"] == area]
        told = [f"{row.issue} from {row.before} to {row.now}" for row in of_area.itertuples()]
        return _result(told, "more are open than before: {}; the integration page says what to do")

    return check


did_not_grow = [_did_not_grow(area) for area in ("client", "computer", "group")]


def _only_in_one(some: pd.Series, others: pd.Series) -> pd.Series:
    both = pd.concat([some, others])
    return both[~both.duplicated(keep=False)]


def _result(odd: pd.Series | list[str], message: str, *, blocking: bool = False) -> dg.AssetCheckResult:
    """Pass when nothing is odd, else name the first few."""
    found = pd.Series(odd).drop_duplicates().tolist()
    names = ", ".join(str(name) for name in found[:NAMED_AT_MOST])
    more = f" and {len(found) - NAMED_AT_MOST} more" if len(found) > NAMED_AT_MOST else ""
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=message.format(f"{names}{more}") if found else "as it should be",
        metadata={"found": len(found)},
    )
