"""What must hold of the tables before a write may rest on them (blocking), and what a person should look at (warnings).

A check is a function of frames that returns the problem, or None. The asset that it guards calls it and returns the result with its
table. After a blocking check that fails, nothing that rests on the table is made. Unique keys and column types are not checked here:
the IO manager refuses a frame that is not as `tables.py` says.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from cwa_pipeline.rules import history
from cwa_pipeline.rules.frames import lookup, same_text
from cwa_pipeline.rules.matching.serials import normalise
from cwa_pipeline.rules.receipts import Reading

# No rows from one of these means that a system did not answer properly. Nothing may rest on that.
NEVER_EMPTY = {
    "cwa_clients": "CWA shows no client; give the CWA account the right to see them all",
    "cwa_computers": "CWA shows no computer; give the CWA account the right to see them all",
    "cwa_groups": "CWA shows no group; give the CWA account the right to see them all",
    "cwa_group_members": "No computer is in a plan's CWA group; check the CWA account's rights and [cwa] plans",
    "pcrt_groups": "PCRT gave no group; check [pcrt] groups",
    "pcrt_pcids": "PCRT gave no PCID; check [pcrt] pcids",
    "pcrt_subscriptions": "PCRT gave no subscription; check [pcrt] subscriptions",
}
MOST_NAMED = 10  # ids named in a message; the table has them all


@dataclass(frozen=True)
class Check:
    """A check: its name, whether it stops what comes after, its description, what it says when it passes, and how it looks."""

    name: str
    blocking: bool
    description: str
    passed_text: str
    find_problem: Callable[..., str | None]

    def spec(self, asset: str) -> dg.AssetCheckSpec:
        """The check as Dagster knows it before any run."""
        return dg.AssetCheckSpec(self.name, asset=asset, blocking=self.blocking, description=self.description)

    def __call__(self, *frames: object, asset_key: dg.AssetKey | None = None) -> dg.AssetCheckResult:
        """Make the check. `asset_key` is needed where several assets are made in one step."""
        problem = self.find_problem(*frames)
        return dg.AssetCheckResult(
            passed=problem is None,
            asset_key=asset_key,
            check_name=self.name,
            severity=dg.AssetCheckSeverity.ERROR if self.blocking else dg.AssetCheckSeverity.WARN,
            description=problem or self.passed_text,
        )


def _check(passed_text: str, *, blocking: bool) -> Callable[[Callable[..., str | None]], Check]:
    """Make a function a check of the same name; its docstring is the description."""
    return lambda function: Check(function.__name__, blocking, function.__doc__ or "", passed_text, function)


# --- what was read ----------------------------------------------------------------------------------------------------


def _completeness(table: str) -> Check:
    def find_problem(reading: Reading) -> str | None:
        if reading.frame.empty:
            return NEVER_EMPTY[table]
        if reading.is_whole:
            return None
        return (
            f"{len(reading.frame)} rows were read and {reading.counted} counted ({reading.counted_by}); nothing is written from a "
            "short reading, run the sync again"
        )

    description = "There are rows, as many as an independent count says. An empty answer is a failed reading, no reason to empty lists."
    return Check(f"{table}_complete", True, description, "As many rows were read as were counted.", find_problem)


COMPLETE = {table: _completeness(table) for table in NEVER_EMPTY}


@_check("Every plan has a CWA group.", blocking=True)
def every_plan_has_a_cwa_group(cwa_groups: pd.DataFrame, plans: Iterable[str]) -> str | None:
    """Every plan has a CWA group. If the group is renamed or hidden from the account, it looks as if nobody had that plan."""
    missing = [plan for plan in plans if not (cwa_groups["plan"] == plan).any()]
    return _named(missing, "no CWA group is called {}; name the group so in CWA, or take the plan out of [cwa] plans")


@_check("Every serial number in PCRT can be read.", blocking=False)
def serials_can_be_read(pcrt_pcids: pd.DataFrame) -> str | None:
    """A PCID whose serial number cannot be read matches nothing."""
    odd = pcrt_pcids.loc[pcrt_pcids["serial_problem"].notna(), "pcid"]
    return _named(odd, "the serial numbers of PCIDs {} cannot be read; save these machines again in PCRT")


# --- matching ---------------------------------------------------------------------------------------------------------


@_check("Every client has exactly one row.", blocking=True)
def one_row_per_client(client_groups: pd.DataFrame, cwa_clients: pd.DataFrame) -> str | None:
    """Every client is judged exactly once."""
    odd = _only_in_one(client_groups["client_id"], cwa_clients["client_id"])
    return _named(odd, "clients {} are in only one of client_groups and cwa_clients")


@_check("Every computer has exactly one row.", blocking=True)
def one_row_per_computer(computer_matches: pd.DataFrame, cwa_computers: pd.DataFrame) -> str | None:
    """Every computer is judged exactly once."""
    odd = _only_in_one(computer_matches["computer_id"], cwa_computers["computer_id"])
    return _named(odd, "computers {} are in only one of computer_matches and cwa_computers")


@_check("Both sides of every match by serial number have the same serial number.", blocking=True)
def serial_matches_have_the_same_serial(
    computer_matches: pd.DataFrame,
    cwa_computers: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
    serial_blacklist: pd.DataFrame,
) -> str | None:
    """A computer matched by serial number and its PCID have the same serial number, looked up again, and it is not generic."""
    by_serial = computer_matches.loc[computer_matches["matched_by"] == "serial", ["computer_id", "pcid"]]
    of_computer = lookup(by_serial["computer_id"], cwa_computers.set_index("computer_id")["serial_number"])
    of_pcid = lookup(by_serial["pcid"], pcrt_pcids.set_index("pcid")["serial_number"])
    serial, differs = normalise(of_computer), ~same_text(of_computer, of_pcid)
    differs[differs] = serial[differs] != normalise(of_pcid[differs])
    generic = serial.isin(serial_blacklist["normalised"].tolist())
    odd = by_serial.loc[differs | generic, "computer_id"]
    return _named(odd, "computers {} were matched by a serial number that their PCID does not have")


@_check("CWA shows the client of every computer.", blocking=False)
def computers_have_a_known_client(cwa_computers: pd.DataFrame, client_groups: pd.DataFrame) -> str | None:
    """A computer whose client CWA does not show: the client was deleted, or is hidden from the account."""
    odd = cwa_computers.loc[~cwa_computers["client_id"].isin(client_groups["client_id"]), "computer_id"]
    return _named(odd, "computers {} belong to a client that CWA does not show; check the CWA account's rights")


@_check("CWA shows every computer that is in a plan's group.", blocking=False)
def group_members_are_known_computers(cwa_group_members: pd.DataFrame, cwa_computers: pd.DataFrame) -> str | None:
    """A member that CWA does not show as a computer: it was retired, or is hidden from the account."""
    odd = cwa_group_members.loc[~cwa_group_members["computer_id"].isin(cwa_computers["computer_id"]), "computer_id"]
    return _named(
        odd, "computers {} are in a plan's CWA group, but CWA does not show them; check the CWA account's rights"
    )


# --- coverage and issues ----------------------------------------------------------------------------------------------


@_check("Every PCID would be listed in its own group only.", blocking=True)
def members_are_in_their_group(subscription_members: pd.DataFrame, pcrt_pcids: pd.DataFrame) -> str | None:
    """A PCID is only ever listed in a subscription of the group it is in."""
    group_of_pcid = subscription_members["pcid"].map(pcrt_pcids.set_index("pcid")["group_id"])
    odd = subscription_members.loc[~(group_of_pcid == subscription_members["group_id"]).fillna(False), "pcid"]
    return _named(odd, "PCIDs {} would be listed in a subscription of another group")


def _growth(area: str) -> Check:
    def find_problem(issue_history: pd.DataFrame) -> str | None:
        grown = history.grown(issue_history)
        kinds = [f"{row.issue} from {row.before} to {row.now}" for row in grown[grown["area"] == area].itertuples()]
        return _named(kinds, "more are open than before: {}; the integration page says what to do")

    description = "No kind of issue has more open than before this sync."
    return Check(f"{area}_issues_did_not_grow", False, description, "No kind of issue has grown.", find_problem)


DID_NOT_GROW = [_growth(area) for area in ("client", "computer", "group")]


@_check("No list was held or in conflict.", blocking=False)
def nothing_was_held(additional_members: pd.DataFrame) -> str | None:
    """Every list that had to be written could be. The others are named, with the reason in the table."""
    odd = additional_members.loc[additional_members["status"].isin(["held", "conflict"]), "subscription_id"]
    return _named(odd, "subscriptions {} were left alone; additional_members.reason says why")


def _only_in_one(some: pd.Series, others: pd.Series) -> pd.Series:
    both = pd.concat([some, others])
    return both[~both.duplicated(keep=False)]


def _named(odd: pd.Series | list[str], message: str) -> str | None:
    """None when nothing is odd, else the message with the first few named."""
    found = pd.Series(odd).drop_duplicates().tolist()
    if not found:
        return None
    names = ", ".join(str(name) for name in found[:MOST_NAMED])
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return message.format(f"{names}{more}")
