"""The two source systems as external assets, so that the lineage shows where everything comes from and where the write goes."""

import dagster as dg

CWA_CLIENTS = dg.AssetKey(["connectwise_automate", "clients"])
CWA_COMPUTERS = dg.AssetKey(["connectwise_automate", "computers"])
CWA_GROUPS = dg.AssetKey(["connectwise_automate", "groups"])
CWA_GROUP_COMPUTERS = dg.AssetKey(["connectwise_automate", "group_computers"])
PCRT_GROUPS = dg.AssetKey(["pc_repair_tracker", "groups"])
PCRT_PCIDS = dg.AssetKey(["pc_repair_tracker", "pcids"])
PCRT_SUBSCRIPTIONS = dg.AssetKey(["pc_repair_tracker", "subscriptions"])
GENERIC_SERIALS = dg.AssetKey(["generic_serials"])

_DESCRIPTIONS = {
    CWA_CLIENTS: "Clients in ConnectWise Automate, read over its REST API.",
    CWA_COMPUTERS: "Computers with an agent in ConnectWise Automate, read over its REST API.",
    CWA_GROUPS: "Groups in ConnectWise Automate, read over its REST API.",
    CWA_GROUP_COMPUTERS: "Group membership in ConnectWise Automate, read over its REST API.",
    PCRT_GROUPS: "PCRT's groups, read with the SQL of `[pcrt] groups`.",
    PCRT_PCIDS: "PCRT's machines, read with the SQL of `[pcrt] pcids`.",
    PCRT_SUBSCRIPTIONS: "PCRT's subscriptions, read with the SQL of `[pcrt] subscriptions`. Their Additional Members column is the one "
    "thing the pipeline writes.",
    GENERIC_SERIALS: "The maintainer's list of generic serials: `generic_serials.txt` beside `cwa_pipeline.toml`, else the shipped one.",
}
_KINDS = {"connectwise_automate": {"api"}, "pc_repair_tracker": {"mysql"}, "generic_serials": {"txt"}}

source_systems = [
    dg.AssetSpec(
        key,
        description=description,
        group_name=key.path[0] if len(key.path) > 1 else "matching",
        kinds=_KINDS[key.path[0]],
    )
    for key, description in _DESCRIPTIONS.items()
]

KEYS = set(_DESCRIPTIONS)
