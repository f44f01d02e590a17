"""The tables of ConnectWise Automate as read. Columns that a rule adds are added here; nothing is decided here."""

import pandas as pd

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.io import table_asset
from cwa_pipeline.assets.resources import AutomateResource, SettingsResource
from cwa_pipeline.rules.plans import plans_of_groups
from cwa_pipeline.rules.serials import with_normalised_serial

GROUP = "cwa"
KINDS = {"api", "pandas"}


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_CLIENTS])
def cwa_clients(automate: AutomateResource) -> pd.DataFrame:
    return automate.client.clients()


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_COMPUTERS])
def cwa_computers(automate: AutomateResource) -> pd.DataFrame:
    return with_normalised_serial(automate.client.computers())


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_GROUPS])
def cwa_groups(automate: AutomateResource, settings: SettingsResource) -> pd.DataFrame:
    return plans_of_groups(automate.client.groups(), settings.values.cwa.plans)


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_GROUP_COMPUTERS])
def cwa_group_members(automate: AutomateResource, cwa_groups: pd.DataFrame) -> pd.DataFrame:
    plan_groups = cwa_groups.loc[cwa_groups["plan"].notna(), "cwa_group_id"]
    return automate.client.group_members(plan_groups.tolist())
