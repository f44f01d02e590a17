"""The tables of ConnectWise Automate, as read."""

import dagster as dg
import pandas as pd

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.checks import COMPLETE, every_plan_has_a_cwa_group
from cwa_pipeline.assets.resources import CwaResource, SettingsResource
from cwa_pipeline.assets.table_asset import table_asset
from cwa_pipeline.cwa.members import read_group_members
from cwa_pipeline.cwa.records import read_clients, read_computers, read_groups
from cwa_pipeline.rules.matching.plans import plans_of_groups
from cwa_pipeline.rules.matching.serials import with_normalised_serial

GROUP = "cwa"
KINDS = {"api", "pandas"}


@table_asset(GROUP, kinds=KINDS, deps=[sources.CWA_CLIENTS], checks=[COMPLETE["cwa_clients"]])
def cwa_clients(cwa: CwaResource) -> dg.MaterializeResult:
    reading = read_clients(cwa.client)
    return dg.MaterializeResult(value=reading, check_results=[COMPLETE["cwa_clients"](reading)])


@table_asset(GROUP, kinds=KINDS, deps=[sources.CWA_COMPUTERS], checks=[COMPLETE["cwa_computers"]])
def cwa_computers(cwa: CwaResource) -> dg.MaterializeResult:
    reading = read_computers(cwa.client)
    reading = reading._replace(frame=with_normalised_serial(reading.frame))
    return dg.MaterializeResult(value=reading, check_results=[COMPLETE["cwa_computers"](reading)])


@table_asset(GROUP, kinds=KINDS, deps=[sources.CWA_GROUPS], checks=[COMPLETE["cwa_groups"], every_plan_has_a_cwa_group])
def cwa_groups(cwa: CwaResource, settings: SettingsResource) -> dg.MaterializeResult:
    plans = settings.values.cwa.plans
    reading = read_groups(cwa.client)
    reading = reading._replace(frame=plans_of_groups(reading.frame, plans))
    checks = [COMPLETE["cwa_groups"](reading), every_plan_has_a_cwa_group(reading.frame, plans)]
    return dg.MaterializeResult(value=reading, check_results=checks)


@table_asset(GROUP, kinds=KINDS, deps=[sources.CWA_GROUP_COMPUTERS], checks=[COMPLETE["cwa_group_members"]])
def cwa_group_members(cwa: CwaResource, cwa_groups: pd.DataFrame) -> dg.MaterializeResult:
    of_plans = cwa_groups.loc[cwa_groups["plan"].notna(), "cwa_group_id"].tolist()
    reading = read_group_members(cwa.client, of_plans)
    return dg.MaterializeResult(value=reading, check_results=[COMPLETE["cwa_group_members"](reading)])
