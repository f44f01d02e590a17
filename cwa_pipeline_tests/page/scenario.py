"""The shops whose pages the tests open, each built from a real warehouse (the big one from frames). Everything in them is invented."""

import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

from cwa_pipeline.commands.demo.msp import PLAN_GROUPS, PLUS, invented_msp
from cwa_pipeline.commands.demo.pcrt_stand_in import Pcid
from cwa_pipeline.commands.demo.stand_in import Computer
from cwa_pipeline.commands.snooze import snooze
from cwa_pipeline.config.settings import CwaSettings, Settings
from cwa_pipeline.page import renew
from cwa_pipeline.tables import IssueSnoozes
from cwa_pipeline.warehouse.store import Warehouse
from cwa_pipeline_tests import worlds
from cwa_pipeline_tests.page import hostile_texts
from cwa_pipeline_tests.page.big import big_world, first_sync
from cwa_pipeline_tests.shop import Shop, open_shop, served

LINKS = {
    "client": "https://cwa.example.com/clients/{client_id}",
    "computer": "https://cwa.example.com/computers/{computer_id}?tab=1&x=2",
    "pcid": "https://pcrt.example.com/pc.php?pcid={pcid}",
    "group": "https://pcrt.example.com/group.php?id={group_id}",
    "subscription": "https://pcrt.example.com/sub.php?id={subscription_id}",
}
LINKS_TOML = "\n".join(["[links]", *(f'{name} = "{url}"' for name, url in LINKS.items())])
AGES = (0.001, 2, 5, 9, 14, 21, 28.5, 40, 80)  # days that the demo's open issues are old, in turn
SNOOZED = "computer:44:no_cwa_group"
SNOOZED_UNTIL = date(2999, 12, 31)
SNOOZE_NOTE = "Ann is <b>away</b> until spring"
MISTYPED = Computer(36, "FRONTDESK-36", 5, "EX00036Q", "", datetime(2026, 11, 3, tzinfo=UTC), "paula")
ITS_MACHINE = Pcid(1138, "Frontdesk", 104, "EX0OO36Q", "Examplebook 14")


@dataclass(frozen=True)
class BuiltPage:
    """A page, the tables it was made from, and when."""

    path: Path
    tables: Mapping[str, pd.DataFrame]
    made_at: datetime

    def open_issues(self) -> pd.DataFrame:
        """Every open issue, by its key."""
        return self.tables["open_issues"].set_index("issue_key")

    def first_seen(self) -> pd.Series:
        """Since when each open issue has been open."""
        rows = self.tables["issue_history"]
        return rows[rows["resolved_at"].isna()].set_index("issue_key")["first_seen"]


def demo_page(folder: Path) -> BuiltPage:
    """The invented shop, one machine with a mistyped serial number more, 30 days of history and a snoozed issue."""
    cwa, pcrt = invented_msp()
    cwa.computers.append(MISTYPED)
    cwa.memberships.add((MISTYPED.id, 850))
    pcrt.pcids.append(ITS_MACHINE)
    with open_shop(folder, cwa, pcrt, toml=LINKS_TOML) as shop:
        assert shop.sync().succeeded
        _give_a_past(shop)
        snooze(SNOOZED, SNOOZED_UNTIL, SNOOZE_NOTE)
        return _built(shop, renew.renew_page())


def pages_of_each_state(folder: Path) -> dict[str, BuiltPage]:
    """One shop after a dry run, a sync that wrote, one that held a group, one that could not read PCRT and one that read no computer."""
    pages: dict[str, BuiltPage] = {}

    def keep(name: str) -> None:
        pages[name] = _built(shop, Path(shutil.copy(shop.folder / "integration_page.html", folder / f"{name}.html")))

    with open_shop(folder, *invented_msp()) as shop:
        assert shop.sync(dry_run=True).succeeded
        keep("planned")
        assert shop.sync().succeeded
        keep("wrote")
        shop.configure("[guards]\nmin_removed = 0\nmax_removed_share = 0.1")
        shop.server.world.memberships -= {(number, PLAN_GROUPS[PLUS]) for number in (1, 2, 3)}
        assert shop.sync().succeeded
        keep("held")
        shop.pcrt("ALTER TABLE pc_owner RENAME TO pc_owner_elsewhere")
        assert not shop.sync().succeeded
        keep("failed")
        shop.pcrt("ALTER TABLE pc_owner_elsewhere RENAME TO pc_owner")
        shop.server.world.computers.clear()
        assert not shop.sync().succeeded
        keep("failed half-way")
    return pages


def messy_page(folder: Path) -> BuiltPage:
    """A messy world, without what makes a sync stop: a plan without a CWA group, a client that CWA hides."""
    world = worlds.messy_world(11, clients=40)
    known = {client.client_id for client in world.clients}
    computers = [
        each if each.client_id in known else replace(each, client_id=None, name=each.name) for each in world.computers
    ]
    plans = sorted(set(world.cwa_groups["plan"].dropna()))
    cwa, pcrt = served(replace(world, computers=computers))
    there = {computer.computer_id for computer in computers}
    cwa.memberships = {pair for pair in cwa.memberships if pair[0] in there}
    with open_shop(folder, cwa, pcrt) as shop:
        listed = ", ".join(f'"{plan}"' for plan in plans)
        shop.configure(f"cwa.plans = [{listed}]\n[guards]\nmax_total_removed_share = 1.0")
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        return _built(shop, shop.folder / "integration_page.html")


def hostile_page(folder: Path) -> BuiltPage:
    """A shop in which every text of both systems is hostile, and the last sync failed with hostile words."""
    cwa, pcrt = hostile_texts.shop()
    with open_shop(folder, cwa, pcrt) as shop:
        outcome = shop.sync()
        assert outcome.succeeded, outcome.problems
        keys = shop.table("open_issues")["issue_key"]
        now, until = datetime.now(UTC), datetime(2999, 12, 31, 5, tzinfo=UTC)
        notes = [(key, now, until, text) for key, text in zip(keys, hostile_texts.ALL, strict=False)]
        failure = {"run_id": "x", "failed_at": now, "problem": "\n".join(hostile_texts.ALL)}
        with Warehouse(shop.warehouse_url) as warehouse:
            warehouse.append("issue_snoozes", pd.DataFrame(notes, columns=list(IssueSnoozes.to_schema().columns)))
            warehouse.append("sync_failures", pd.DataFrame([failure]))
        return _built(shop, renew.renew_page())


def big_page(folder: Path) -> BuiltPage:
    """At least 10,000 issues of 9,000 computers, made from frames."""
    tables, now = first_sync(big_world()), datetime.now(UTC)
    settings = Settings(cwa=CwaSettings(url="https://cwa.example.com"))
    path = folder / "integration_page.html"
    path.write_text(renew.page(tables.__getitem__, settings, now), encoding="utf-8")
    return BuiltPage(path, tables, now)


def pages_without_tables(folder: Path, synced: Path) -> dict[str, Path]:
    """The pages of a shop that was never synced, with an empty warehouse, without one table, and with another file in its place."""

    def create(warehouse_file: Path) -> None:
        with Warehouse(sa.URL.create("sqlite", database=str(warehouse_file))) as warehouse:
            warehouse.create()

    def drop_a_table(warehouse_file: Path) -> None:
        shutil.copy(synced / warehouse_file.name, warehouse_file)
        with sqlite3.connect(warehouse_file) as connection:
            connection.execute("DROP TABLE computer_matches")

    spoils = {
        "no warehouse": lambda _: None,
        "empty": create,
        "a table is missing": drop_a_table,
        "another file": lambda file: file.write_text("this is a letter and no database\n" * 100, encoding="utf-8"),
    }
    pages = {}
    for name, spoil in spoils.items():
        with open_shop(folder / name, *invented_msp()) as shop:
            spoil(Path(shop.warehouse_url.database))
            pages[name] = renew.renew_page()
    return pages


def _built(shop: Shop, path: Path) -> BuiltPage:
    names = {*renew.PAGE_TABLES, "open_issues"}
    with Warehouse(shop.warehouse_url) as warehouse:
        tables = {name: warehouse.read(name, or_empty=True) for name in names}
    return BuiltPage(path, tables, datetime.now(UTC))


def _give_a_past(shop: Shop) -> None:
    """Give open issues the AGES in turn, and resolve one issue every second day for sixty days."""
    now = pd.Timestamp.now(tz="UTC").floor("s")
    rows = shop.table("issue_history")
    rows["first_seen"] = [now - timedelta(days=AGES[number % len(AGES)]) for number in range(len(rows))]
    resolved = [
        {
            "issue_key": f"computer:{9000 + day}:in_wrong_group",
            "area": "computer",
            "issue": "in_wrong_group",
            "reason": None,
            "first_seen": now - timedelta(days=day + 6),
            "last_seen": now - timedelta(days=day + 1),
            "resolved_at": now - timedelta(days=day),
        }
        for day in range(1, 60, 2)
    ]
    with Warehouse(shop.warehouse_url) as warehouse:
        past = pd.DataFrame(resolved).astype(rows.dtypes)
        warehouse.replace({"issue_history": pd.concat([rows, past], ignore_index=True)}, "invented")
