"""Which site a warehouse belongs to, when many sites share a database server or a folder.

It notices when a site's schema or file is already used by another program, or by another site of the same name. Without
`[site] name` nothing is checked.
"""

import logging
from typing import NamedTuple

import pandas as pd

from cwa_pipeline.config.environment import pcrt_database_url, warehouse_url
from cwa_pipeline.config.settings import Settings, configured_site
from cwa_pipeline.errors import SettingsError
from cwa_pipeline.warehouse.store import LOADS, Warehouse

OWNER = "site_owner"
NAMED_AT_MOST = 3  # tables of another program; enough to recognize it

log = logging.getLogger(__name__)


class _Owner(NamedTuple):
    """A site: its name and the systems it syncs."""

    site: str
    cwa_url: str
    pcrt_database: str

    def is_other(self, other: "_Owner") -> bool:
        """Whether these are two sites; a PCRT database that is unknown, because its secret is missing, is no difference."""
        unknown = not (self.pcrt_database and other.pcrt_database)
        return self[:2] != other[:2] or not (unknown or self.pcrt_database == other.pcrt_database)


def own_warehouse() -> Warehouse:
    """The warehouse of WAREHOUSE_URL and `[site] name`. Raises SettingsError if its tables belong to another site."""
    warehouse = Warehouse(warehouse_url())
    refuse_another_sites_tables(warehouse)
    return warehouse


def claim(warehouse: Warehouse) -> None:
    """Create the warehouse's tables if they are missing, and record which site they belong to. The caller holds its lock.

    Raises SettingsError if the schema or file holds the tables of another program or another site.
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
    """Raise SettingsError if the tables belong to a site of the same name with other systems."""
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


def warn_about_another_sites_backup(owners: pd.DataFrame) -> None:
    """Log which site a backup came from if it was another one; that is normal after a site was renamed or its systems moved."""
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
    """Where PCRT's database is, without account and password; empty if its secret is missing."""
    try:
        url = pcrt_database_url()
    except SettingsError:
        return ""
    return f"{url.host or ''}{f':{url.port}' if url.port else ''}/{url.database}"
