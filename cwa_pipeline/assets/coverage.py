"""Who is covered, and the one write to PCRT."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd
from pydantic import Field

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.io import (
    OWNERS,
    WarehouseIOManager,
    definition_metadata,
    materialisation_metadata,
    table_asset,
    table_description,
)
from cwa_pipeline.assets.resources import PcrtResource, SettingsResource
from cwa_pipeline.rules import membership
from cwa_pipeline.write_back import inputs_of_other_runs, write_back

GROUP = "coverage"

# All that a write rests on. Each of these tables has to have been filled by the very run that writes.
WRITE_RESTS_ON = (
    "cwa_clients",
    "cwa_computers",
    "cwa_groups",
    "cwa_group_members",
    "pcrt_groups",
    "pcrt_pcids",
    "pcrt_subscriptions",
    "serial_blacklist",
    "client_groups",
    "computer_matches",
    "subscription_members",
)


class AdditionalMembersConfig(dg.Config):
    """What a person may ask of one run in the launchpad."""

    dry_run: bool = Field(default=False, description="Write nothing to PCRT; only show what would be written.")


@table_asset(group=GROUP, kinds={"pandas"})
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


_INPUTS = ("pcrt_subscriptions", "client_groups", "computer_matches", "subscription_members")
_UPSTREAM = {dg.AssetKey(table) for table in (*_INPUTS, "open_issues")}


@dg.multi_asset(
    name="additional_members",
    specs=[
        dg.AssetSpec(
            table,
            deps=deps,
            description=table_description(table),
            metadata=definition_metadata(table),
            group_name=GROUP,
            kinds={"mysql", "pandas"},
            owners=OWNERS,
        ).with_io_manager_key("warehouse")
        for table, deps in {
            "additional_members_ledger": _UPSTREAM,
            "additional_members": {*_UPSTREAM, dg.AssetKey("additional_members_ledger"), sources.PCRT_SUBSCRIPTIONS},
        }.items()
    ],
    ins={table: dg.AssetIn(table, input_manager_key="warehouse") for table in _INPUTS},
)
def additional_members(
    context: dg.AssetExecutionContext,
    config: AdditionalMembersConfig,
    settings: SettingsResource,
    pcrt: PcrtResource,
    warehouse: dg.ResourceParam[WarehouseIOManager],
    pcrt_subscriptions: pd.DataFrame,
    client_groups: pd.DataFrame,
    computer_matches: pd.DataFrame,
    subscription_members: pd.DataFrame,
) -> Iterator[dg.MaterializeResult]:
    run_id = context.run.run_id
    list_format = settings.values.pcrt.additional_members.format
    plan = membership.planned_members(
        pcrt_subscriptions, client_groups, computer_matches, subscription_members, list_format
    )

    not_now = inputs_of_other_runs(warehouse.warehouse.loads(), WRITE_RESTS_ON, run_id)
    if config.dry_run or settings.values.sync.dry_run:
        not_now = "dry run"
    if not_now:
        context.log.warning("Nothing is written to PCRT: %s", not_now)
        outcome = membership.only_planned(plan, not_now)
    else:
        outcome = write_back(plan, pcrt.database, warehouse.warehouse, run_id)

    published = warehouse.publish("additional_members", outcome, run_id)
    ledger = warehouse.warehouse.read("additional_members_ledger")
    yield dg.MaterializeResult(asset_key="additional_members_ledger", metadata={"dagster/row_count": len(ledger)})
    yield dg.MaterializeResult(
        asset_key="additional_members",
        metadata={
            **materialisation_metadata("additional_members", published),
            **{str(status): int(count) for status, count in published["status"].value_counts().items()},
        },
    )
