"""Every table of the warehouse: its columns, their types, what they mean and what identifies a row.

What belongs here: one pandera model a table, and nothing else. The model validates a frame on its way into the warehouse, makes
the warehouse's DDL (`warehouse.store`) and the column schema that Dagster shows (`assets.table_metadata`). What must not: a rule or
a query. A change of a column or table needs a step in `migrations/` as well, which brings warehouses of before forward; a test holds
both together.

A frame is named after its table. Text is pandas' pyarrow-backed `str`; an id that can be missing is `Int64`; times are UTC.
"""

from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa

Id = int
MaybeId = pd.Int64Dtype
Text = str
Time = Annotated[pd.DatetimeTZDtype, "us", "UTC"]


def column(description: str, *, personal: bool = False, **checks: Any) -> Any:
    """A column with its description. `personal` columns name people, and are left out of Dagster's permanent event log."""
    return pa.Field(description=description, metadata={"personal": personal}, **checks)


def optional(description: str, **kwargs: Any) -> Any:
    """A column that may be null."""
    return column(description, nullable=True, **kwargs)


class Table(pa.DataFrameModel):
    """Base of all tables: exactly the declared columns, cast to the declared types."""

    class Config:
        strict = True
        coerce = True


# --- cwa: ConnectWise Automate as read ---------------------------------------------------------------------------------


class CwaClients(Table):
    """The clients (customers) of ConnectWise Automate."""

    client_id: Id = column("CWA's id of the client", unique=True, gt=0)
    name: Text = optional("The client's name in CWA", personal=True)
    external_id: Text = optional("External ID as read: the PCRT group id, when a technician has filled it in")


class CwaComputers(Table):
    """The computers that carry an agent in ConnectWise Automate."""

    computer_id: Id = column("CWA's id of the computer", unique=True, gt=0)
    name: Text = optional("The computer's name in CWA", personal=True)
    client_id: MaybeId = optional("The client it belongs to")
    serial_number: Text = optional("Serial number as read")
    serial_number_normalised: Text = column("Serial number as it is compared: trimmed, blanks collapsed, case-folded")
    asset_tag: Text = optional("Asset Tag as read: a PCID typed in by hand overrides the serial number")
    last_contact: Time = optional("When the agent was last in touch; null for never")
    last_user: Text = optional("Who was last logged in", personal=True)
    make: Text = optional("Who made it, as its BIOS says")


class CwaGroups(Table):
    """The groups of ConnectWise Automate, and which of them stand for a plan."""

    cwa_group_id: Id = column("CWA's id of the group", unique=True, gt=0)
    name: Text = optional("The group's name in CWA")
    plan: Text = optional("The plan it stands for, as the configuration spells it; null for a group that is no plan")


class CwaGroupMembers(Table):
    """Which computers are in the CWA groups that stand for a plan."""

    computer_id: Id = column("The computer", gt=0)
    cwa_group_id: Id = column("The CWA group it is in (plans only)", gt=0)

    class Config:
        unique = ("computer_id", "cwa_group_id")


# --- pcrt: PC Repair Tracker as read -----------------------------------------------------------------------------------


class PcrtGroups(Table):
    """The groups (customers) of PC Repair Tracker."""

    group_id: Id = column("PCRT's id of the group", unique=True, gt=0)
    name: Text = optional("The group's name in PCRT", personal=True)


class PcrtPcids(Table):
    """The machines of PC Repair Tracker, one PCID each for ever."""

    pcid: Id = column("The PCID", unique=True, gt=0)
    name: Text = optional("The machine's name as the shop typed it", personal=True)
    make: Text = optional("Make and model as the shop typed them")
    group_id: MaybeId = optional("The group it is in; null for none. It may name a group that does not exist")
    serial_number: Text = optional("Serial number as read; null when there is none or it could not be read")
    serial_number_normalised: Text = column("Serial number as it is compared: trimmed, blanks collapsed, case-folded")
    serial_problem: Text = optional("Why the serial number could not be read, else null")


class PcrtSubscriptions(Table):
    """The subscriptions of PC Repair Tracker, with the plan each one names."""

    subscription_id: Id = column("PCRT's id of the subscription", unique=True, gt=0)
    name: Text = optional("The subscription's name", personal=True)
    group_id: MaybeId = optional("The group it hangs on, as read; null for none")
    pcid: MaybeId = optional("The PCID it hangs on, as read; null for none")
    effective_group_id: MaybeId = optional("The group it counts for: its own, else that of its PCID")
    cwa_group: Text = optional("Its CWA Group field as read: a plan's name or CWA group id")
    plan: Text = optional("The valid plan that field names, else null")
    is_bizcare: bool = column("Whether it is a BizCare subscription: CWA Group filled, or the name starts so")
    active: bool = column("Whether it is active; only active ones count")
    additional_members: Text = optional("Additional Members as read")


# --- matching ----------------------------------------------------------------------------------------------------------


class SerialBlacklist(Table):
    """The generic serials: values that many machines share and that identify none."""

    serial_number: Text = column("The value as the maintainer's list has it")
    normalised: Text = column("The value as it is compared", unique=True)


class ClientGroups(Table):
    """Which PCRT group each CWA client is tied to, by its External ID."""

    client_id: Id = column("The client", unique=True)
    group_id: MaybeId = optional("The PCRT group it is tied to")
    reason: Text = optional("Why it is tied to none: external_id_missing, external_id_invalid, group_does_not_exist")


class ComputerMatches(Table):
    """Which PCID each computer is, and how that was found out; one row per computer."""

    computer_id: Id = column("The computer", unique=True)
    client_id: MaybeId = optional("Its client")
    expected_group_id: MaybeId = optional("The PCRT group its client is tied to")
    pcid: MaybeId = optional("The PCID it was matched to")
    matched_by: Text = optional("asset_tag or serial; null when not matched")
    reason: Text = optional("Why not: asset_tag_unknown, generic_serial, no_pcid_with_serial, duplicate_serial")
    pcid_group_id: MaybeId = optional("The group that PCID is in; null for none")


class MatchSuggestions(Table):
    """The likeliest PCIDs of each computer that was not matched. For a person to look at: never applied by itself."""

    computer_id: Id = column("The computer, which has no PCID yet", gt=0)
    rank: Id = column("1 for the likeliest", ge=1)
    pcid: Id = column("A PCID it may be", gt=0)
    score: Id = column("How much speaks for it, from 0 to 100", ge=0, le=100)
    confidence: Text = column("likely, or possible when a person has to know more", isin=["likely", "possible"])
    same_group: bool = column("Whether that PCID is in the group of the computer's client")
    evidence: Text = column("What speaks for it, in words")

    class Config:
        unique = ("computer_id", "rank")


# --- issues ------------------------------------------------------------------------------------------------------------

_KEY = "Names the issue, the same every night for the same issue about the same thing"
_ISSUE = "The kind of issue, a term of the rules"
_REASON = "Which case of that kind it is; null for a kind with one case only"
_SEVERITY = "error, or warning for what goes beyond the documented rules"


class _Issues(Table):
    """What the issue tables have in common."""

    issue_key: Text = column(_KEY, unique=True)
    issue: Text = column(_ISSUE)
    reason: Text = optional(_REASON)
    severity: Text = column(_SEVERITY, isin=["error", "warning"])


class ClientIssues(_Issues):
    """What does not line up about a client."""

    client_id: Id = column("The client")
    client_name: Text = optional("Its name in CWA", personal=True)
    external_id: Text = optional("Its External ID as read")


class ComputerIssues(_Issues):
    """What does not line up about a computer."""

    computer_id: Id = column("The computer")
    computer_name: Text = optional("Its name in CWA", personal=True)
    client_id: MaybeId = optional("Its client")
    client_name: Text = optional("The client's name in CWA", personal=True)
    serial_number: Text = optional("Its serial number as read")
    asset_tag: Text = optional("Its Asset Tag as read")
    pcid: MaybeId = optional("The PCID it was matched to")
    pcid_group_id: MaybeId = optional("The group that PCID is in")
    expected_group_id: MaybeId = optional("The group its client is tied to")


class GroupIssues(_Issues):
    """What does not line up about a group's subscriptions."""

    group_id: MaybeId = optional("The PCRT group")
    group_name: Text = optional("Its name in PCRT", personal=True)
    subscription_id: MaybeId = optional("The subscription; null when the issue is about the whole group")
    subscription_name: Text = optional("Its name", personal=True)
    cwa_group: Text = optional("Its CWA Group field as read")
    computer_plans: Text = optional(
        "How many of the group's computers are in each plan, as in 8 BizCare Plus, 2 BizCare Premium"
    )
    subscription_plans: Text = optional("The distinct valid plans of the group's subscriptions")


class IssueHistory(Table):
    """Every issue there ever was: when it was first and last seen, and when it was gone. One back again opens anew."""

    issue_key: Text = column(_KEY)
    area: Text = column("What it is about", isin=["client", "computer", "group"])
    issue: Text = column(_ISSUE)
    reason: Text = optional("Which case of that kind it was when last seen")
    first_seen: Time = column("The sync that saw it first")
    last_seen: Time = column("The sync that saw it last")
    resolved_at: Time = optional("The first sync that no longer saw it; null while open")

    class Config:
        unique = ("issue_key", "first_seen")


class IssueSnoozes(Table):
    """Append-only: which issues a technician marked as known, until when, and why; of an issue the last row counts."""

    issue_key: Text = column(_KEY)
    snoozed_at: Time = column("When that was said")
    snoozed_until: Time = column("When the issue comes back by itself, when it is still open then")
    note: Text = optional("Why, in the technician's words", personal=True)

    class Config:
        unique = ("issue_key", "snoozed_at")


class OpenIssues(Table):
    """Every open issue in one list."""

    issue_key: Text = column(_KEY, unique=True)
    area: Text = column("What it is about", isin=["client", "computer", "group"])
    issue: Text = column(_ISSUE)
    reason: Text = optional(_REASON)
    severity: Text = column(_SEVERITY, isin=["error", "warning"])
    customer: Text = optional("The client's or group's name", personal=True)
    subject: Text = optional("The computer, subscription, client or group it is about, by name", personal=True)
    first_seen: Time = column("The sync that saw it first")


# --- coverage ----------------------------------------------------------------------------------------------------------


class SubscriptionMembers(Table):
    """The Additional Members as they ought to be: one row per subscription and covered PCID."""

    subscription_id: Id = column("The subscription")
    group_id: Id = column("Its group")
    plan: Text = column("Its plan")
    pcid: Id = column("A covered PCID")

    class Config:
        unique = ("subscription_id", "pcid")


class _Lists(Table):
    """What the tables about changed lists have in common."""

    subscription_id: Id = column("The subscription", unique=True)
    group_id: Id = column("Its group")
    plan: Text = column("Its plan")
    before: Text = optional("Additional Members as read, in PCRT's own format")
    after: Text = optional("Additional Members as they ought to be, in PCRT's own format")
    listed: Id = column("How many PCIDs are listed as read", ge=0)
    added: Id = column("How many PCIDs that adds", ge=0)
    removed: Id = column("How many PCIDs that removes", ge=0)
    added_pcids: Text = optional("The PCIDs added, ascending, with a blank between; null for none")
    removed_pcids: Text = optional("The PCIDs removed, ascending, with a blank between; null for none")
    hand_edited: bool = column(
        "Whether the list as read is not the one we wrote last, so that somebody edited it in PCRT"
    )
    hand_added_pcids: Text = optional("The PCIDs that hand added to what we wrote last")
    hand_removed_pcids: Text = optional("The PCIDs that hand removed from what we wrote last")
    status: Text = column(
        "written; unchanged (was right already); held (deliberately not written); conflict (changed in PCRT meanwhile, left "
        "alone); planned (would be written, but this run does not write)",
        isin=["written", "unchanged", "held", "conflict", "planned"],
    )
    guard: Text = optional(
        "What holds it: unreadable, members_removed, undone, total_removals or source_drop; null for what is not held"
    )
    reason: Text = optional("Why it was held, was a conflict or was only planned, else null")


class MembersPlan(_Lists):
    """What this run is about to do to each subscription it judges: the guards have spoken, nothing is written yet."""


class AdditionalMembers(_Lists):
    """What the last run found, decided and did about each subscription it judged."""


class AdditionalMembersLedger(Table):
    """Append-only: every list we were about to write (`planned`, before PCRT is touched) and what became of it."""

    run_id: Text = column("The Dagster run that planned it")
    written_at: Time = column("When this row was made")
    subscription_id: Id = column("The subscription")
    group_id: MaybeId = optional("Its group")
    before: Text = optional("The list as read, to the letter")
    after: Text = optional("The list to be written, to the letter")
    status: Text = column(
        "planned; then written, conflict (somebody changed it meanwhile) or, after a crash, not_written",
        isin=["planned", "written", "conflict", "not_written"],
    )
    undo_of: Text = optional("The run that this write takes back; null for a sync")
    hand_edited: bool = column("Whether the list as read was edited by hand since we wrote it last")
    hand_added_pcids: Text = optional("The PCIDs that hand added; they are kept here when the list is overwritten")
    hand_removed_pcids: Text = optional("The PCIDs that hand removed")


class GroupHolds(Table):
    """Groups held after an undo, so that the next night does not just repeat what was taken back, until a person releases them."""

    group_id: Id = column("The group")
    held_since: Time = column("When the undo was")
    undone_run_id: Text = column("The run that was undone")
    released_at: Time = optional("When a person released the group; null while it is held")

    class Config:
        unique = ("group_id", "held_since")


class CoverageHistory(Table):
    """Which PCID was listed in which subscription, and when: "was this PC covered on 3 March?" is one query."""

    subscription_id: Id = column("The subscription")
    pcid: Id = column("The PCID")
    covered_from: Time = column("The sync that listed it, or that first saw it listed")
    covered_to: Time = optional("The sync that took it off, or found it gone; null while it is listed")

    class Config:
        unique = ("subscription_id", "pcid", "covered_from")


# --- the warehouse's own -----------------------------------------------------------------------------------------------


class SiteOwner(Table):
    """With `[site] name`: which systems' tables these are, so that a second site of the same name is noticed. One row."""

    site: Text = column("`[site] name`", unique=True)
    cwa_url: Text = column("`[cwa] url`")
    pcrt_database: Text = column("PCRT's database, without account and password")
    since: Time = column("When the site's first sync made these tables")


class TableLoads(Table):
    """Which run filled each table, so that a write can prove that all it rests on was read in one run."""

    table_name: Text = column("The table", unique=True)
    run_id: Text = column("The Dagster run that filled it")
    loaded_at: Time = column("When")
    row_count: Id = column("How many rows it has", ge=0)
    content_hash: Text = optional(
        "What names its rows: when the next run comes to the same ones, they are not written anew"
    )


class ReadReceipts(Table):
    """For each source table of each run: how many rows were read, and how many there are by an independent count."""

    run_id: Text = column("The Dagster run")
    table_name: Text = column("The table")
    counted_at: Time = column("When")
    rows_read: Id = column("How many rows were read", ge=0)
    rows_counted: Id = column("How many there are by the independent count", ge=0)
    counted_by: Text = column("How they were counted: Total-Count, SELECT COUNT(*) or a second read of the ids")

    class Config:
        unique = ("run_id", "table_name")


class SyncRuns(Table):
    """Every run that came to its end, and whether it was one that writes; the next one's sources are compared with the last that was."""

    run_id: Text = column("The Dagster run", unique=True)
    finished_at: Time = column("When it was done")
    wrote: bool = column("Whether PCRT was brought up to date; false for a dry run or one that was stopped")


class SyncFailures(Table):
    """Every run that failed, with the lines that say why; the integration page shows the last one until a sync succeeds."""

    run_id: Text = column("The Dagster run", unique=True)
    failed_at: Time = column("When")
    problem: Text = column("What went wrong, one line for each thing")


TABLES: dict[str, type[Table]] = {
    "cwa_clients": CwaClients,
    "cwa_computers": CwaComputers,
    "cwa_groups": CwaGroups,
    "cwa_group_members": CwaGroupMembers,
    "pcrt_groups": PcrtGroups,
    "pcrt_pcids": PcrtPcids,
    "pcrt_subscriptions": PcrtSubscriptions,
    "serial_blacklist": SerialBlacklist,
    "client_groups": ClientGroups,
    "computer_matches": ComputerMatches,
    "match_suggestions": MatchSuggestions,
    "client_issues": ClientIssues,
    "computer_issues": ComputerIssues,
    "group_issues": GroupIssues,
    "issue_history": IssueHistory,
    "open_issues": OpenIssues,
    "issue_snoozes": IssueSnoozes,
    "subscription_members": SubscriptionMembers,
    "members_plan": MembersPlan,
    "additional_members": AdditionalMembers,
    "additional_members_ledger": AdditionalMembersLedger,
    "coverage_history": CoverageHistory,
    "group_holds": GroupHolds,
    "site_owner": SiteOwner,
    "table_loads": TableLoads,
    "read_receipts": ReadReceipts,
    "sync_runs": SyncRuns,
    "sync_failures": SyncFailures,
}
