"""Whose tables these are, when many sites share a database server or a folder.

What belongs here: noticing that a site's place is taken by another program or by another site of the same name. What must not: where
that place is (`environment.warehouse_url`). Without `[site] name` there is nothing to notice, and everything is as it was.
"""

import logging
from typing import NamedTuple

import pandas as pd

from cwa_pipeline.config.environment import pcrt_database_url, warehouse_url
from cwa_pipeline.config.settings import Settings, configured_site
from cwa_pipeline.errors import SettingsError
from cwa_pipeline.warehouse.store import LOADS, Warehouse

OWNER = "site_owner"
NAMED_AT_MOST = 3  # tables of another program; enough to recognise it

log = logging.getLogger(__name__)


class _Owner(NamedTuple):
    """What tells two sites apart: the systems they sync. Where these two are the same, so is what a sync does."""

    site: str
    cwa_url: str
    pcrt_database: str

    def is_other(self, other: "_Owner") -> bool:
        """Whether these are two sites; a database that is not known, for want of its secret, tells nothing."""
        unknown = not (self.pcrt_database and other.pcrt_database)
        return self[:2] != other[:2] or not (unknown or self.pcrt_database == other.pcrt_database)


def own_warehouse() -> Warehouse:
    """The warehouse that WAREHOUSE_URL and `[site] name` mean; SettingsError when its tables are another site's."""
    warehouse = Warehouse(warehouse_url())
    refuse_another_sites_tables(warehouse)
    return warehouse


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
    if warehouse.read(OWNER).empty and _pcrt_database():
        owner = pd.DataFrame([{**_ours()._asdict(), "since": pd.Timestamp.now("UTC")}])
        warehouse.append(OWNER, owner)


def refuse_another_sites_tables(warehouse: Warehouse) -> None:
    """Raise SettingsError when the tables are those of a site of the same name with other systems."""
    if configured_site() is None or OWNER not in warehouse.tables():
        return
    ours = _ours()
    for owner in _owners(warehouse.read(OWNER)):
        if owner.is_other(ours):
            raise SettingsError(
                f"{warehouse.name} belongs to another site {owner.site}, of {owner.cwa_url} and {owner.pcrt_database}, while this one is "
                f"of {ours.cwa_url} and {ours.pcrt_database}; give one of the two another [site] name (if it is one site whose systems "
                f"have moved, empty the table {OWNER} there)"
            )


def tell_of_another_sites_backup(owners: pd.DataFrame) -> None:
    """Log whose rows a backup has when that is another site: as it ought to be where one was renamed, or where its systems have moved."""
    if configured_site() is None:
        return
    for owner in _owners(owners):
        if owner.is_other(_ours()):
            log.warning("The backup is of the site %s, of %s and %s", *owner)


def _owners(owners: pd.DataFrame) -> list[_Owner]:
    return [_Owner(*map(str, row)) for row in owners[list(_Owner._fields)].itertuples(index=False, name=None)]


def _ours() -> _Owner:
    settings = Settings.load()
    return _Owner(settings.site.name or "", settings.cwa.url, _pcrt_database())


def _pcrt_database() -> str:
    """Where PCRT's database is, without account and password; nothing while its secret cannot be had."""
    try:
        url = pcrt_database_url()
    except SettingsError:
        return ""
    return f"{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database}"
