"""The tables of ConnectWise Automate as read, each with its count. Columns that a rule adds are added here; nothing is decided here."""

import pandas as pd

from cwa_pipeline.assets import sources
from cwa_pipeline.assets.io import table_asset
from cwa_pipeline.assets.resources import AutomateResource, SettingsResource
from cwa_pipeline.rules.plans import plans_of_groups
from cwa_pipeline.rules.serials import with_normalised_serial
from cwa_pipeline.systems.reading import Reading

GROUP = "cwa"
KINDS = {"api", "pandas"}


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_CLIENTS])
def cwa_clients(automate: AutomateResource) -> Reading:
    return automate.client.clients()


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_COMPUTERS])
def cwa_computers(automate: AutomateResource) -> Reading:
    reading = automate.client.computers()
    return reading._replace(frame=with_normalised_serial(reading.frame))


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_GROUPS])
def cwa_groups(automate: AutomateResource, settings: SettingsResource) -> Reading:
    reading = automate.client.groups()
    return reading._replace(frame=plans_of_groups(reading.frame, settings.values.cwa.plans))


@table_asset(group=GROUP, kinds=KINDS, deps=[sources.CWA_GROUP_COMPUTERS])
def cwa_group_members(automate: AutomateResource, cwa_groups: pd.DataFrame) -> Reading:
    plan_groups = cwa_groups.loc[cwa_groups["plan"].notna(), "cwa_group_id"]
    return automate.client.group_members(plan_groups.tolist())
