"""Every table of the warehouse: its columns, their types, what they mean and what identifies a row.

Each table is one pandera model. It validates a frame on its way into the warehouse, and the DDL, the column schema in Dagster
and the reference in the docs are made from it. A change of a table or column also needs a step in `warehouse/migrations/`.

A frame is named after its table. Text is pandas' pyarrow-backed `str`, an id that can be missing is `Int64`, times are UTC.
"""

from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa

Id = int
MaybeId = pd.Int64Dtype
Text = str
Time = Annotated[pd.DatetimeTZDtype, "us", "UTC"]


def column(description: str, *, personal: bool = False, **checks: Any) -> Any:
    """A column with its description. `personal` columns name people and stay out of Dagster's permanent event log."""
    return pa.Field(description=description, metadata={"personal": personal}, **checks)


def optional(description: str, **kwargs: Any) -> Any:
    """A column that may be null."""
    return column(description, nullable=True, **kwargs)


class Table(pa.DataFrameModel):
    """Base of all tables: exactly the declared columns, with the declared types."""

    class Config:
        strict = True
        coerce = True


# --- cwa: ConnectWise Automate, as read ---------------------------------------------------------------------------------


class CwaClients(Table):
    """The clients (customers) of ConnectWise Automate."""

    client_id: Id = column("CWA's id of the client", unique=True, gt=0)
    name: Text = optional("The client's name in CWA", personal=True)
    external_id: Text = optional("External ID as read: the PCRT group id, if a technician has entered it")


class CwaComputers(Table):
    """The computers with an agent in ConnectWise Automate."""

    computer_id: Id = column("CWA's id of the computer", unique=True, gt=0)
    name: Text = optional("The computer's name in CWA", personal=True)
    client_id: MaybeId = optional("The client it belongs to")
    serial_number: Text = optional("Serial number as read")
    serial_number_normalised: Text = column(
        "Serial number for comparison: trimmed, repeated spaces collapsed, case-folded"
    )
    asset_tag: Text = optional("Asset Tag as read: a PCID entered by hand, which overrides the serial number")
    last_contact: Time = optional("When the agent last checked in; null for never")
    last_user: Text = optional("The user who logged in last", personal=True)
    make: Text = optional("Manufacturer, from the BIOS")


class CwaGroups(Table):
    """The groups of ConnectWise Automate, and the plan that each stands for."""

    cwa_group_id: Id = column("CWA's id of the group", unique=True, gt=0)
    name: Text = optional("The group's name in CWA")
    plan: Text = optional("The plan it stands for, spelled as in the configuration; null if it is not a plan")


class CwaGroupMembers(Table):
    """Which computers are in the CWA groups that stand for a plan."""

    computer_id: Id = column("The computer", gt=0)
    cwa_group_id: Id = column("The CWA group it is in (plans only)", gt=0)

    class Config:
        unique = ("computer_id", "cwa_group_id")


# --- pcrt: PC Repair Tracker, as read -----------------------------------------------------------------------------------


class PcrtGroups(Table):
    """The groups (customers) of PC Repair Tracker."""

    group_id: Id = column("PCRT's id of the group", unique=True, gt=0)
    name: Text = optional("The group's name in PCRT", personal=True)


class PcrtPcids(Table):
    """The machines of PC Repair Tracker; each has one permanent PCID."""

    pcid: Id = column("The PCID", unique=True, gt=0)
    name: Text = optional("The machine's name as the shop entered it", personal=True)
    make: Text = optional("Make and model as the shop entered them")
    group_id: MaybeId = optional("Its group; null for none. The group may not exist")
    serial_number: Text = optional("Serial number as read; null if there is none or it could not be read")
    serial_number_normalised: Text = column(
        "Serial number for comparison: trimmed, repeated spaces collapsed, case-folded"
    )
    serial_problem: Text = optional("Why the serial number could not be read, else null")


class PcrtSubscriptions(Table):
    """The subscriptions of PC Repair Tracker, with the plan each one names."""

    subscription_id: Id = column("PCRT's id of the subscription", unique=True, gt=0)
    name: Text = optional("The subscription's name", personal=True)
    group_id: MaybeId = optional("The group it belongs to, as read; null for none")
    pcid: MaybeId = optional("The PCID it belongs to, as read; null for none")
    effective_group_id: MaybeId = optional("The group it counts for: its own, or else the group of its PCID")
    cwa_group: Text = optional("Its CWA Group field as read: a plan's name or CWA group id")
    plan: Text = optional("The valid plan in that field, else null")
    is_bizcare: bool = column(
        "Whether it is a BizCare subscription: CWA Group is filled in, or the name starts with the BizCare prefix"
    )
    active: bool = column("Whether it is active; only active ones count")
    additional_members: Text = optional("Additional Members as read")


# --- matching ----------------------------------------------------------------------------------------------------------


class SerialBlacklist(Table):
    """Generic serial numbers: values that many machines share, so they identify none."""

    serial_number: Text = column("The value as it is in the list")
    normalised: Text = column("The value for comparison", unique=True)


class ClientGroups(Table):
    """The PCRT group of each CWA client, found by its External ID."""

    client_id: Id = column("The client", unique=True)
    group_id: MaybeId = optional("Its PCRT group")
    reason: Text = optional("Why it has no group: external_id_missing, external_id_invalid, group_does_not_exist")


class ComputerMatches(Table):
    """The PCID of each computer, and how it was found; one row per computer."""

    computer_id: Id = column("The computer", unique=True)
    client_id: MaybeId = optional("Its client")
    expected_group_id: MaybeId = optional("The PCRT group of its client")
    pcid: MaybeId = optional("The PCID it was matched to")
    matched_by: Text = optional("asset_tag or serial; null if not matched")
    reason: Text = optional(
        "Why it was not matched: asset_tag_unknown, generic_serial, no_pcid_with_serial, duplicate_serial"
    )
    pcid_group_id: MaybeId = optional("The group of that PCID; null for none")


class MatchSuggestions(Table):
    """The most likely PCIDs of each computer that was not matched. Only for a person to review; never applied automatically."""

    computer_id: Id = column("The computer without a PCID", gt=0)
    rank: Id = column("1 for the most likely", ge=1)
    pcid: Id = column("A PCID it may be", gt=0)
    score: Id = column("How strong the evidence is, from 0 to 100", ge=0, le=100)
    confidence: Text = column("likely, or possible if a person must check further", isin=["likely", "possible"])
    same_group: bool = column("Whether that PCID is in the group of the computer's client")
    evidence: Text = column("The evidence, in words")

    class Config:
        unique = ("computer_id", "rank")


# --- issues ------------------------------------------------------------------------------------------------------------

_KEY = "Identifies the issue; the same every night for the same issue about the same thing"
_ISSUE = "The kind of issue"
_REASON = "Which case of that kind; null if the kind has only one case"
_SEVERITY = "error, or warning for issues beyond the documented rules"


class _Issues(Table):
    """Columns that the three issue tables share."""

    issue_key: Text = column(_KEY, unique=True)
    issue: Text = column(_ISSUE)
    reason: Text = optional(_REASON)
    severity: Text = column(_SEVERITY, isin=["error", "warning"])


class ClientIssues(_Issues):
    """Issues about clients."""

    client_id: Id = column("The client")
    client_name: Text = optional("Its name in CWA", personal=True)
    external_id: Text = optional("Its External ID as read")


class ComputerIssues(_Issues):
    """Issues about computers."""

    computer_id: Id = column("The computer")
    computer_name: Text = optional("Its name in CWA", personal=True)
    client_id: MaybeId = optional("Its client")
    client_name: Text = optional("The client's name in CWA", personal=True)
    serial_number: Text = optional("Its serial number as read")
    asset_tag: Text = optional("Its Asset Tag as read")
    pcid: MaybeId = optional("The PCID it was matched to")
    pcid_group_id: MaybeId = optional("The group of that PCID")
    expected_group_id: MaybeId = optional("The group of its client")


class GroupIssues(_Issues):
    """Issues about the subscriptions of groups."""

    group_id: MaybeId = optional("The PCRT group")
    group_name: Text = optional("Its name in PCRT", personal=True)
    subscription_id: MaybeId = optional("The subscription; null if the issue is about the whole group")
    subscription_name: Text = optional("Its name", personal=True)
    cwa_group: Text = optional("Its CWA Group field as read")
    computer_plans: Text = optional(
        "How many of the group's computers are in each plan, for example 8 BizCare Plus, 2 BizCare Premium"
    )
    subscription_plans: Text = optional("The distinct valid plans of the group's subscriptions")


class IssueHistory(Table):
    """Every issue there ever was: when it was first and last seen, and when it was resolved. If one comes back, it gets a new row."""

    issue_key: Text = column(_KEY)
    area: Text = column("What it is about", isin=["client", "computer", "group"])
    issue: Text = column(_ISSUE)
    reason: Text = optional("Which case of that kind, when it was last seen")
    first_seen: Time = column("The sync that saw it first")
    last_seen: Time = column("The sync that saw it last")
    resolved_at: Time = optional("The first sync that no longer saw it; null while open")

    class Config:
        unique = ("issue_key", "first_seen")


class IssueSnoozes(Table):
    """Append-only: which issues a technician snoozed, until when, and why. The last row of an issue counts."""

    issue_key: Text = column(_KEY)
    snoozed_at: Time = column("When it was snoozed")
    snoozed_until: Time = column("When the issue comes back, if it is still open")
    note: Text = optional("The technician's reason", personal=True)

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
    subject: Text = optional("The name of the computer, subscription, client or group it is about", personal=True)
    first_seen: Time = column("The sync that saw it first")


# --- coverage ----------------------------------------------------------------------------------------------------------


class SubscriptionMembers(Table):
    """The correct Additional Members: one row per subscription and covered PCID."""

    subscription_id: Id = column("The subscription")
    group_id: Id = column("Its group")
    plan: Text = column("Its plan")
    pcid: Id = column("A covered PCID")

    class Config:
        unique = ("subscription_id", "pcid")


class _Lists(Table):
    """Columns that the plan and the result of a write share."""

    subscription_id: Id = column("The subscription", unique=True)
    group_id: Id = column("Its group")
    plan: Text = column("Its plan")
    before: Text = optional("Additional Members as read, in PCRT's own format")
    after: Text = optional("The correct Additional Members, in PCRT's own format")
    listed: Id = column("How many PCIDs the list as read has", ge=0)
    added: Id = column("How many PCIDs the change adds", ge=0)
    removed: Id = column("How many PCIDs the change removes", ge=0)
    added_pcids: Text = optional("The PCIDs added, ascending, separated by spaces; null for none")
    removed_pcids: Text = optional("The PCIDs removed, ascending, separated by spaces; null for none")
    hand_edited: bool = column("Whether somebody edited the list in PCRT: it differs from the one we wrote last")
    hand_added_pcids: Text = optional("The PCIDs that were added by hand since we wrote last")
    hand_removed_pcids: Text = optional("The PCIDs that were removed by hand since we wrote last")
    status: Text = column(
        "written; unchanged (was already correct); held (deliberately not written); conflict (changed in PCRT meanwhile and "
        "left alone); planned (would be written, but this run does not write)",
        isin=["written", "unchanged", "held", "conflict", "planned"],
    )
    guard: Text = optional(
        "The guard that holds it: unreadable, members_removed, undone, total_removals or source_drop; null if it is not held"
    )
    reason: Text = optional("Why it is held, in conflict or only planned, else null")


class MembersPlan(_Lists):
    """What this run plans to do with each subscription, after the guards and before anything is written."""


class AdditionalMembers(_Lists):
    """What the last run found, decided and did for each subscription."""


class AdditionalMembersLedger(Table):
    """Append-only: every list we were about to write (`planned`, recorded before PCRT is changed) and the outcome."""

    run_id: Text = column("The Dagster run that planned it")
    written_at: Time = column("When this row was added")
    subscription_id: Id = column("The subscription")
    group_id: MaybeId = optional("Its group")
    before: Text = optional("The exact list as read")
    after: Text = optional("The exact list to write")
    status: Text = column(
        "planned; then written, conflict (somebody changed it meanwhile) or, after a crash, not_written",
        isin=["planned", "written", "conflict", "not_written"],
    )
    undo_of: Text = optional("The run that this write undoes; null for a sync")
    hand_edited: bool = column("Whether somebody edited the list in PCRT since we wrote it last")
    hand_added_pcids: Text = optional("The PCIDs that were added by hand; kept here because the list is overwritten")
    hand_removed_pcids: Text = optional("The PCIDs that were removed by hand")


class GroupHolds(Table):
    """Groups held after an undo, so that the next night does not repeat what was undone, until a person releases them."""

    group_id: Id = column("The group")
    held_since: Time = column("When the undo ran")
    undone_run_id: Text = column("The run that was undone")
    released_at: Time = optional("When the hold ended; null while the group is held")

    class Config:
        unique = ("group_id", "held_since")


class CoverageHistory(Table):
    """When each PCID was listed in a subscription. "Was this PC covered on 3 March?" is one query."""

    subscription_id: Id = column("The subscription")
    pcid: Id = column("The PCID")
    covered_from: Time = column("The sync that added it to the list, or first saw it there")
    covered_to: Time = optional("The sync that removed it, or first saw it gone; null while it is listed")

    class Config:
        unique = ("subscription_id", "pcid", "covered_from")


# --- the warehouse's own -----------------------------------------------------------------------------------------------


class SiteOwner(Table):
    """With `[site] name`: the site that owns these tables, so that a second site of the same name is noticed. One row."""

    site: Text = column("`[site] name`", unique=True)
    cwa_url: Text = column("`[cwa] url`")
    pcrt_database: Text = column("PCRT's database, without account and password")
    since: Time = column("When the site's first sync created these tables")


class TableLoads(Table):
    """Which run filled each table. A write checks here that one run read all its inputs."""

    table_name: Text = column("The table", unique=True)
    run_id: Text = column("The Dagster run that filled it")
    loaded_at: Time = column("When")
    row_count: Id = column("How many rows it has", ge=0)
    content_hash: Text = optional("A hash of its rows; if the next run has the same rows, they are not written again")


class ReadReceipts(Table):
    """For each source table of each run: how many rows were read, and how many an independent count found."""

    run_id: Text = column("The Dagster run")
    table_name: Text = column("The table")
    counted_at: Time = column("When")
    rows_read: Id = column("How many rows were read", ge=0)
    rows_counted: Id = column("How many rows the independent count found", ge=0)
    counted_by: Text = column("How they were counted: Total-Count, SELECT COUNT(*), or a second read of the ids")

    class Config:
        unique = ("run_id", "table_name")


class SyncRuns(Table):
    """Every run that finished, and whether it wrote to PCRT. The guards compare a run's sources with the last run that wrote."""

    run_id: Text = column("The Dagster run", unique=True)
    finished_at: Time = column("When it finished")
    wrote: bool = column("Whether PCRT was brought up to date; false for a dry run or a run that was stopped")


class SyncFailures(Table):
    """Every run that failed, and why. The integration page shows the last failure until a sync succeeds."""

    run_id: Text = column("The Dagster run", unique=True)
    failed_at: Time = column("When")
    problem: Text = column("What went wrong, one line per problem")


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
