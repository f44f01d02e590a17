"""Who is covered, what the guards let through, and the one write to PCRT."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd
from pydantic import Field

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.checks import members_are_in_their_group, nothing_was_held
from cwa_pipeline.assets.metadata import materialisation_metadata
from cwa_pipeline.assets.resources import PcrtResource, SettingsResource, WarehouseResource
from cwa_pipeline.assets.table_asset import table_asset, table_spec
from cwa_pipeline.errors import GuardError
from cwa_pipeline.pcrt.write_back import undo, write_back
from cwa_pipeline.rules import guards
from cwa_pipeline.rules.members import ledger, membership
from cwa_pipeline.warehouse.nights import INPUTS
from cwa_pipeline.warehouse.sync_record import SyncRecord

GROUP = "coverage"

# All that a write rests on. The run that writes must have filled each of these tables itself.
WRITE_RESTS_ON = (
    *INPUTS,
    "client_groups",
    "computer_matches",
    "subscription_members",
    "members_plan",
)
WAITED_FOR = ("members_plan", "pcrt_subscriptions", "open_issues")  # issues are told even when the write fails


class MembersPlanConfig(dg.Config):
    """What a person may release for one run in the launchpad."""

    release: list[str] = Field(
        default=[],
        description='What was held and may be written now: PCRT group ids, or "all". It is released for what was held when you '
        "looked, not for whatever came later.",
    )


class AdditionalMembersConfig(dg.Config):
    """What a person may ask of one run in the launchpad."""

    dry_run: bool = Field(default=False, description="Write nothing to PCRT; only show what would be written.")
    plan_id: str | None = Field(default=None, description="Write only if the plan is exactly the one with this id.")
    undo_run_id: str | None = Field(default=None, description="Instead of syncing, take back what this run wrote.")
    undo_group_id: int | None = Field(default=None, description="With undo_run_id: only this PCRT group.")


@table_asset(GROUP, checks=[members_are_in_their_group])
def subscription_members(
    settings: SettingsResource,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    computer_matches: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
    pcrt_pcids: pd.DataFrame,
) -> dg.MaterializeResult:
    mode = settings.values.sync.additional_members
    members = membership.subscription_members(
        pcrt_subscriptions, client_groups, computer_matches, cwa_group_members, cwa_groups, mode
    )
    return dg.MaterializeResult(value=members, check_results=[members_are_in_their_group(members, pcrt_pcids)])


@table_asset(GROUP)
def members_plan(
    context: dg.AssetExecutionContext,
    config: MembersPlanConfig,
    settings: SettingsResource,
    warehouse: WarehouseResource,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    subscription_members: pd.DataFrame,
) -> dg.MaterializeResult:
    record = SyncRecord(warehouse.warehouse)
    plan = membership.planned_members(
        pcrt_subscriptions,
        client_groups,
        subscription_members,
        ledger.last_written(record.settled_ledger(pcrt_subscriptions)),
        settings.values.pcrt.additional_members.format,
    )
    limits = settings.values.guards
    drops = guards.source_drops(*record.source_counts(context.run.run_id), limits)
    guarded = guards.guarded(plan, record.last_lists(), record.undone_groups(), drops, config.release, limits)
    return dg.MaterializeResult(value=guarded)


@dg.multi_asset(
    name="additional_members",
    specs=[
        table_spec("additional_members_ledger", GROUP, kinds={"pandas"}, deps=WAITED_FOR),
        table_spec("coverage_history", GROUP, kinds={"pandas"}, deps=["additional_members_ledger"]),
        table_spec(
            "additional_members",
            GROUP,
            kinds={"mysql", "pandas"},
            deps=[*WAITED_FOR, "coverage_history", sources.PCRT_SUBSCRIPTIONS],
            tags={"writes": "pcrt"},
        ),
    ],
    check_specs=[nothing_was_held.spec("additional_members")],
    can_subset=True,
)
def additional_members(
    context: dg.AssetExecutionContext,
    config: AdditionalMembersConfig,
    settings: SettingsResource,
    pcrt: PcrtResource,
    warehouse: WarehouseResource,
    members_plan: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
) -> Iterator[dg.MaterializeResult]:
    """The one write to PCRT. Its ledger and the history of coverage grow in the same step, so they are shown by it."""
    record = SyncRecord(warehouse.warehouse)
    keys = {key.path[-1]: key for key in context.selected_asset_keys}
    if "additional_members" not in keys:  # a person picked the records alone, so there is nothing to write
        lists = record.last_lists()
    elif config.undo_run_id:
        lists = _undo(context, config, settings, pcrt, warehouse)
    else:
        lists = _sync(context, config, settings, pcrt, warehouse, members_plan, pcrt_subscriptions)
    shown = {
        "additional_members_ledger": record.ledger,
        "coverage_history": lambda: warehouse.warehouse.read("coverage_history"),
        "additional_members": lambda: lists,
    }
    for table in [table for table in shown if table in keys]:
        metadata, checks = materialisation_metadata(keys[table], shown[table]()), []
        if table == "additional_members":
            counts = {str(status): int(count) for status, count in lists["status"].value_counts().items()}
            metadata |= {**counts, "plan_id": membership.plan_id(members_plan)}
            checks = [nothing_was_held(lists, asset_key=keys[table])]
        yield dg.MaterializeResult(asset_key=keys[table], metadata=metadata, check_results=checks)


def _undo(
    context: dg.AssetExecutionContext,
    config: AdditionalMembersConfig,
    settings: SettingsResource,
    pcrt: PcrtResource,
    warehouse: WarehouseResource,
) -> pd.DataFrame:
    """Take back what a run wrote, and hold its groups so that the next night does not write the same again."""
    record = SyncRecord(warehouse.warehouse)
    changes = ledger.undoing(record.ledger(), str(config.undo_run_id), config.undo_group_id)
    record.hold_groups(changes["group_id"], str(config.undo_run_id))
    undone = undo(changes, pcrt.database, record.append_to_ledger, context.run.run_id)
    record.keep_coverage(undone, settings.values.pcrt.additional_members.format)
    return record.last_lists()


def _sync(
    context: dg.AssetExecutionContext,
    config: AdditionalMembersConfig,
    settings: SettingsResource,
    pcrt: PcrtResource,
    warehouse: WarehouseResource,
    members_plan: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
) -> pd.DataFrame:
    """Write the plan, unless this run may not. What became of each list is published either way."""
    run_id = context.run.run_id
    record = SyncRecord(warehouse.warehouse)
    stopped = guards.stopped_by(members_plan)
    moved_on = config.plan_id and config.plan_id != membership.plan_id(members_plan)
    not_now = guards.inputs_of_other_runs(warehouse.warehouse.loads(), WRITE_RESTS_ON, run_id)
    if config.dry_run or settings.values.sync.dry_run:
        not_now = "dry run"
    elif moved_on:
        not_now = f"the plan is no longer {config.plan_id}: it is {membership.plan_id(members_plan)} now"
    if not_now or stopped:
        lists = membership.only_planned(members_plan, not_now or str(stopped))
    else:
        record.settle(pcrt_subscriptions)
        lists = write_back(members_plan, pcrt.database, record.append_to_ledger, run_id)
        record.keep_coverage_of_all(lists, pcrt_subscriptions, settings.values.pcrt.additional_members.format)
        record.release_groups(lists)
    lists = warehouse.warehouse.replace({"additional_members": lists}, run_id)["additional_members"]
    record.finished(run_id, wrote=not (not_now or stopped))
    if stopped and not (config.dry_run or settings.values.sync.dry_run):
        raise GuardError(stopped)
    if moved_on:
        raise GuardError(f"{not_now}; nothing was written. Look at it again: cwa-pipeline plan")
    if not_now:
        context.log.warning("Nothing is written to PCRT: %s", not_now)
    return lists
