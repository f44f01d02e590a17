"""Whose tables these are, when many sites share a database server or a folder.

What belongs here: noticing that a site's place is taken by another program or by another site of the same name. What must not: where
that place is (`environment.warehouse_url`). Without `[site] name` there is nothing to notice, and everything is as it was.
"""

from typing import NamedTuple

import pandas as pd

from cwa_pipeline.environment import pcrt_database_url
from cwa_pipeline.errors import SettingsError
from cwa_pipeline.settings import Settings, configured_site
from cwa_pipeline.systems.warehouse import LOADS, Warehouse

OWNER = "site_owner"
NAMED_AT_MOST = 3  # tables of another program; enough to recognise it


class _Owner(NamedTuple):
    """What tells two sites apart: the systems they sync. Where these two are the same, so is what a sync does."""

    site: str
    cwa_url: str
    pcrt_database: str


def claim(warehouse: Warehouse) -> None:
    """Make the warehouse's tables when they are missing, and put on record whose they are. To be called with its lock held.

    Raises SettingsError when the site's schema or file holds another program's tables, or another site's.
    """
    if configured_site() is None:
        warehouse.create()
        return
    there = warehouse.tables(create=True)
    if there and LOADS not in there:
        named = ", ".join(sorted(there)[:NAMED_AT_MOST])
        raise SettingsError(
            f"{warehouse.name} holds another program's tables ({named}); give the site another [site] name"
        )
    warehouse.create()
    refuse_another_sites_tables(warehouse)
    if warehouse.read(OWNER).empty:
        owner = pd.DataFrame([{**_ours()._asdict(), "since": pd.Timestamp.now("UTC")}])
        warehouse.append(OWNER, owner)


def refuse_another_sites_tables(warehouse: Warehouse) -> None:
    """Raise SettingsError when the tables are those of a site of the same name with other systems."""
    if configured_site() is None or OWNER not in warehouse.tables():
        return
    ours = _ours()
    for row in warehouse.read(OWNER)[list(_Owner._fields)].itertuples(index=False, name=None):
        owner = _Owner(*map(str, row))
        if owner != ours:
            raise SettingsError(
                f"{warehouse.name} belongs to another site {owner.site}, of {owner.cwa_url} and {owner.pcrt_database}, while this one is "
                f"of {ours.cwa_url} and {ours.pcrt_database}; give one of the two another [site] name (if it is one site whose systems "
                f"have moved, empty the table {OWNER} there)"
            )


def _ours() -> _Owner:
    settings, pcrt = Settings.load(), pcrt_database_url()
    place = f"{pcrt.host or ''}{f':{pcrt.port}' if pcrt.port else ''}/{pcrt.database}"
    return _Owner(settings.site.name or "", settings.cwa.url, place)
