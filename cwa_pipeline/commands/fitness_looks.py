"""Each look at what a sync needs, in the order in which a person would put things right.

What belongs here: asking one system whether it is fit. What must not: the configuration (`fitness`), changing anything in PCRT.
"""

import os
from collections.abc import Callable, Iterator

from cwa_pipeline.commands.fitness import Mark
from cwa_pipeline.config.environment import CwaCredentials, nights_folder, page_path, pcrt_database_url, warehouse_url
from cwa_pipeline.config.settings import Settings
from cwa_pipeline.cwa.client import CwaClient
from cwa_pipeline.cwa.members import read_group_members
from cwa_pipeline.cwa.records import read_clients, read_groups
from cwa_pipeline.pcrt.privileges import excess_privileges, remedy
from cwa_pipeline.pcrt.reader import Pcrt
from cwa_pipeline.rules.matching.plans import plans_of_groups
from cwa_pipeline.warehouse import site
from cwa_pipeline.warehouse.store import Warehouse

NAMED_PRIVILEGES = 5  # of an account that may do far more than it needs; the remedy is the same for any number


def _automate(settings: Settings) -> Iterator[tuple[Mark, str]]:
    credentials = CwaCredentials.from_environment()
    with CwaClient(settings.cwa.url, credentials, connections=settings.cwa.connections) as cwa:
        cwa.log_in()
        yield "ok", f"logged in at {settings.cwa.url}"
        clients = read_clients(cwa).frame
        yield (
            ("FAIL", "sees no client; give it the right to")
            if clients.empty
            else ("ok", f"sees {len(clients)} clients")
        )
        groups = plans_of_groups(read_groups(cwa).frame, settings.cwa.plans)
        for plan in settings.cwa.plans:
            if not (groups["plan"] == plan).any():
                yield "FAIL", f"no CWA group is called {plan}; name the group so in CWA, or take it out of [cwa] plans"
        members = read_group_members(cwa, groups.loc[groups["plan"].notna(), "cwa_group_id"].tolist()).frame
        if members.empty:
            yield "FAIL", "sees no computer in any plan's CWA group; look at its rights and at [cwa] plans"
        else:
            yield "ok", f"sees {members['computer_id'].nunique()} computers in plans"


def _pcrt(settings: Settings) -> Iterator[tuple[Mark, str]]:
    url, target = pcrt_database_url(), settings.pcrt.additional_members
    with Pcrt(url, settings.pcrt) as pcrt:
        problems = pcrt.check()
    if problems:
        yield from (("FAIL", problem) for problem in problems)
        return
    yield "ok", f"its tables can be read, and {target.table}.{target.column} can be written"
    excess = excess_privileges(url, settings.pcrt)
    if excess == []:
        yield "ok", f"its account may update {target.table}.{target.column} and nothing else"
    elif excess:
        more = f" and {len(excess) - NAMED_PRIVILEGES} more" if len(excess) > NAMED_PRIVILEGES else ""
        allowed = ", ".join(excess[:NAMED_PRIVILEGES]) + more
        yield "warn", f"its account may do more than it needs: {allowed}; {remedy(url, settings.pcrt)}"


def _warehouse(_settings: Settings) -> Iterator[tuple[Mark, str]]:
    with Warehouse(warehouse_url()) as warehouse, warehouse.exclusive():
        site.claim(warehouse)
        yield "ok", f"its tables are there ({warehouse_url().render_as_string(hide_password=True)})"


def _page(settings: Settings) -> Iterator[tuple[Mark, str]]:
    path = page_path(settings, warehouse_url())
    if not path.parent.is_dir():
        yield "FAIL", f"{path.parent} is no folder; make it, or correct [page] path"
    elif not os.access(path.parent, os.W_OK | os.X_OK) or path.is_dir():
        yield "FAIL", f"{path} cannot be written; correct its folder's rights, or [page] path"
    else:
        yield "ok", f"it can be written ({path})"


def _nights(settings: Settings) -> Iterator[tuple[Mark, str]]:
    """Nothing when they can be kept, as nearly always; a sync goes on without."""
    folder = nights_folder(settings, warehouse_url())
    place = folder if folder.exists() else folder.parent
    if settings.history.nights and not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        yield (
            "warn",
            f"{folder} cannot be written, so what-if has no nights; correct its rights, or [history] nights_folder",
        )


def _alerts(settings: Settings) -> Iterator[tuple[Mark, str]]:
    from cwa_pipeline.commands.alert_trial import fit_to_alert  # noqa: PLC0415 - brings apprise along when there is an address

    yield from fit_to_alert(settings)


LOOKS: dict[str, Callable[[Settings], Iterator[tuple[Mark, str]]]] = {
    "CWA account": _automate,
    "PCRT database": _pcrt,
    "warehouse": _warehouse,
    "page": _page,
    "nights": _nights,
    "alerts": _alerts,
}
