"""Whether all is fit for a sync: the configuration, the CWA account, PCRT's database and the warehouse, one finding each.

What belongs here: asking each system, in the order in which a person would put things right. What must not: changing anything in PCRT.
"""

from collections.abc import Iterator
from typing import NamedTuple

from cwa_pipeline.errors import PipelineError, SettingsError
from cwa_pipeline.rules.plans import plans_of_groups
from cwa_pipeline.settings import CwaCredentials, Settings, config_path, pcrt_database_url, warehouse_url
from cwa_pipeline.systems.automate import Automate
from cwa_pipeline.systems.pcrt import Pcrt
from cwa_pipeline.systems.warehouse import Warehouse


class Finding(NamedTuple):
    """What was looked at, whether it is well, and what was seen or has to be done."""

    subject: str
    well: bool
    text: str


def check_all() -> Iterator[Finding]:
    """Look at everything; what is wrong with one does not keep the others from being looked at."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        yield from (Finding("configuration", False, line) for line in str(error).splitlines())
        return
    yield Finding("configuration", True, str(config_path()))
    for subject, look in {"CWA account": _automate, "PCRT database": _pcrt, "warehouse": _warehouse}.items():
        try:
            yield from (Finding(subject, well, text) for well, text in look(settings))
        except PipelineError as error:
            yield Finding(subject, False, str(error))


def _automate(settings: Settings) -> Iterator[tuple[bool, str]]:
    with Automate(settings.cwa.url, CwaCredentials.from_environment()) as automate:
        automate.log_in()
        yield True, f"logged in at {settings.cwa.url}"
        clients, groups = automate.clients(), automate.groups()
        yield (
            not clients.empty,
            f"sees {len(clients)} clients" if len(clients) else "sees no client; give it the right to",
        )
        groups = plans_of_groups(groups, settings.cwa.plans)
        for plan in settings.cwa.plans:
            if not (groups["plan"] == plan).any():
                yield False, f"no CWA group is called {plan}; name the group so in CWA, or take it out of [cwa] plans"
        members = automate.group_members(groups.loc[groups["plan"].notna(), "cwa_group_id"].tolist())
        yield (
            not members.empty,
            (
                f"sees {members['computer_id'].nunique()} computers in plans"
                if len(members)
                else "sees no computer in any plan's CWA group; look at its rights and at [cwa] plans"
            ),
        )


def _pcrt(settings: Settings) -> Iterator[tuple[bool, str]]:
    with Pcrt(pcrt_database_url(), settings.pcrt) as pcrt:
        problems = pcrt.check()
        yield from ((False, problem) for problem in problems)
        if not problems:
            target = settings.pcrt.additional_members
            yield True, f"its tables can be read; {target.table}.{target.column} is there to be written"


def _warehouse(_settings: Settings) -> Iterator[tuple[bool, str]]:
    with Warehouse(warehouse_url()) as warehouse, warehouse.exclusive():
        warehouse.create()
        yield True, f"its tables are there ({warehouse_url().render_as_string(hide_password=True)})"
