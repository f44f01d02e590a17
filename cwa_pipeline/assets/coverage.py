"""Who is covered, what the guards let through, and the one write to PCRT."""

from collections.abc import Iterator
from functools import partial

import dagster as dg
import pandas as pd
from pydantic import Field

from cwa_pipeline.assets import checks, sources
from cwa_pipeline.assets.resources import PcrtResource, SettingsResource, WarehouseResource
from cwa_pipeline.assets.table_metadata import materialisation_metadata, table_spec
from cwa_pipeline.errors import GuardError
from cwa_pipeline.pcrt.write_back import undo, write_back
from cwa_pipeline.rules import guards
from cwa_pipeline.rules.members import ledger, membership
from cwa_pipeline.warehouse.nights import INPUTS
from cwa_pipeline.warehouse.sync_record import LEDGER, SyncRecord

GROUP = "coverage"

# All that a write rests on. Each of these tables has to have been filled by the very run that writes.
WRITE_RESTS_ON = (
    *INPUTS,
    "client_groups",
    "computer_matches",
    "subscription_members",
    "members_plan",
)


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


def subscription_members(
    settings: SettingsResource,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    computer_matches: pd.DataFrame,
    cwa_group_members: pd.DataFrame,
    cwa_groups: pd.DataFrame,
) -> pd.DataFrame:
    mode = settings.values.sync.additional_members
    return membership.subscription_members(
        pcrt_subscriptions, client_groups, computer_matches, cwa_group_members, cwa_groups, mode
    )


def members_plan(
    context: dg.AssetExecutionContext,
    config: MembersPlanConfig,
    settings: SettingsResource,
    warehouse: WarehouseResource,
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    subscription_members: pd.DataFrame,
) -> pd.DataFrame:
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
    return guards.guarded(plan, record.last_lists(), record.undone_groups(), drops, config.release, limits)


_UPSTREAM = {dg.AssetKey(table) for table in ("members_plan", "pcrt_subscriptions", "open_issues")}


@dg.multi_asset(
    name="additional_members",
    specs=[
        table_spec("additional_members_ledger", GROUP, {"pandas"}, _UPSTREAM),
        table_spec("coverage_history", GROUP, {"pandas"}, ["additional_members_ledger"]),
        table_spec(
            "additional_members",
            GROUP,
            {"mysql", "pandas"},
            [*_UPSTREAM, "coverage_history", sources.PCRT_SUBSCRIPTIONS],
        ),
    ],
    check_specs=checks.specs(["additional_members"]),
    can_subset=True,
)
def additional_members(
    context: dg.AssetExecutionContext,
    config: AdditionalMembersConfig,
    settings: SettingsResource,
    pcrt: PcrtResource,
    warehouse: WarehouseResource,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    run_id = context.run.run_id
    members_plan, pcrt_subscriptions = warehouse.frame("members_plan"), warehouse.frame("pcrt_subscriptions")
    record = SyncRecord(warehouse.warehouse)
    selected = {key.path[-1]: key for key in context.selected_asset_keys}
    if "additional_members" not in selected:  # the record alone: there is nothing to do but to show it
        lists = record.last_lists()
    elif config.undo_run_id:
        changes = ledger.undoing(record.ledger(), config.undo_run_id, config.undo_group_id)
        record.hold_groups(changes["group_id"], config.undo_run_id)
        undone = undo(changes, pcrt.database, partial(warehouse.warehouse.append, LEDGER), run_id)
        warehouse.show("coverage_history", record.keep_coverage(undone, settings.values.pcrt.additional_members.format))
        lists = record.last_lists()
    else:
        lists = _sync(context, config, settings, pcrt, warehouse, members_plan, pcrt_subscriptions)

    counts = {str(status): int(count) for status, count in lists["status"].value_counts().items()}
    if "additional_members_ledger" in selected:
        yield _materialised(selected["additional_members_ledger"], record.ledger())
    if "coverage_history" in selected:
        yield _materialised(selected["coverage_history"], warehouse.frame("coverage_history"))
    if "additional_members" in selected:
        yield _materialised(selected["additional_members"], lists, **counts, plan_id=membership.plan_id(members_plan))
    yield from checks.results(context, ["additional_members"], warehouse.frame)


def _sync(
    context: dg.AssetExecutionContext,
    config: AdditionalMembersConfig,
    settings: SettingsResource,
    pcrt: PcrtResource,
    warehouse: WarehouseResource,
    members_plan: pd.DataFrame,
    pcrt_subscriptions: pd.DataFrame,
) -> pd.DataFrame:
    """Write the plan, unless this run may not; what became of each list is published either way."""
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
        lists = write_back(members_plan, pcrt.database, partial(warehouse.warehouse.append, LEDGER), run_id)
        list_format = settings.values.pcrt.additional_members.format
        warehouse.show("coverage_history", record.keep_coverage_of_all(lists, pcrt_subscriptions, list_format))
        record.release_groups(lists)
    lists = warehouse.take("additional_members", lists)
    warehouse.store("additional_members", lists, run_id)
    record.finished(run_id, wrote=not (not_now or stopped))
    if stopped and not (config.dry_run or settings.values.sync.dry_run):
        raise GuardError(stopped)
    if moved_on:
        raise GuardError(f"{not_now}; nothing was written. Look at it again: cwa-pipeline plan")
    if not_now:
        context.log.warning("Nothing is written to PCRT: %s", not_now)
    return lists


def _materialised(asset: dg.AssetKey, frame: pd.DataFrame, **more: int | str) -> dg.MaterializeResult:
    return dg.MaterializeResult(asset_key=asset, metadata={**materialisation_metadata(asset, frame), **more})
