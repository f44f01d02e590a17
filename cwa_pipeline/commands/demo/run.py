"""The demo: one nightly sync of the invented shop, by the same job, client and writer as a real one.

What belongs here: setting the scene and telling what came of it. What must not: a short cut past the pipeline.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa
from rich.text import Text

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.pcrt_stand_in import fill_pcrt
from cwa_pipeline.commands.demo.stand_in import StandIn
from cwa_pipeline.commands.report import print_sync
from cwa_pipeline.commands.run import run_nightly_sync
from cwa_pipeline.commands.terminal import as_table, console
from cwa_pipeline.config.environment import DEFAULT_PAGE_FILE
from cwa_pipeline.warehouse.store import Warehouse

MARK = "made by cwa-pipeline demo"  # a folder with this file in it may be emptied; any other is left alone
DAGSTER_YAML = """telemetry:
  enabled: false
event_log_storage:
  module: cwa_pipeline.assets.event_log
  class: KeptConnectionsEventLog
"""
UI_PORT = 3000
READ_TABLES = ["cwa_clients", "cwa_computers", "pcrt_groups", "pcrt_pcids", "pcrt_subscriptions", "computer_matches"]


def run_demo(folder: Path, *, ui: bool) -> int:
    """Run the demo in `folder`; returns the exit status."""
    folder = folder.absolute()
    _empty(folder)
    cwa, pcrt = invented_msp()
    pcrt_url = sa.URL.create("sqlite", database=str(folder / "pcrt.db"))
    fill_pcrt(pcrt_url, pcrt)
    with StandIn(cwa) as stand_in:
        (folder / "cwa_pipeline.toml").write_text(f'[cwa]\nurl = "{stand_in.url}"\n', encoding="utf-8")
        warehouse = sa.URL.create("sqlite", database=str(folder / "cwa_warehouse.db"))
        variables = environment(folder, stand_in, pcrt_url, warehouse)
        for variable in variables:
            os.environ.pop(f"{variable}_FILE", None)  # a real shop's, from a .env file in the working folder
        os.environ |= variables
        os.environ["DAGSTER_HOME"] = str(folder / "dagster_home")
        outcome = run_nightly_sync()
        if not outcome.succeeded:
            return print_sync(outcome)
        _tell(folder)
        return _serve(folder) if ui else 0


def environment(folder: Path, stand_in: StandIn, pcrt_url: sa.URL, warehouse_url: sa.URL) -> dict[str, str]:
    """The environment that points the pipeline at a stand-in and two databases, with cwa_pipeline.toml in `folder`."""
    return {
        "CWA_PIPELINE_CONFIG": str(folder / "cwa_pipeline.toml"),
        "CWA_USERNAME": stand_in.credentials.username,
        "CWA_PASSWORD": stand_in.credentials.password.get_secret_value(),
        "CWA_CLIENT_ID": stand_in.credentials.client_id.get_secret_value(),
        "PCRT_DATABASE_URL": pcrt_url.render_as_string(hide_password=False),
        "WAREHOUSE_URL": warehouse_url.render_as_string(hide_password=False),
    }


def _empty(folder: Path) -> None:
    """Start from nothing, without ever emptying a folder that is not the demo's own."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise SystemExit(f"cwa-pipeline: {folder} is not empty and not a demo's; name another with --folder")
        shutil.rmtree(folder)
    home = folder / "dagster_home"
    home.mkdir(parents=True)
    (folder / MARK).touch()
    (home / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")


def _tell(folder: Path) -> None:
    """What it found, what it wrote, and where to look."""
    out = console()
    with Warehouse(sa.URL.create("sqlite", database=str(folder / "cwa_warehouse.db"))) as warehouse:
        read = {table: len(warehouse.read(table)) for table in READ_TABLES}
        matches, issues, members = (
            warehouse.read(table) for table in ("computer_matches", "open_issues", "additional_members")
        )
    out.print("\nWhat it found", style="bold")
    out.print(
        f"{read['cwa_clients']} clients and {read['cwa_computers']} computers in CWA; {read['pcrt_groups']} groups, "
        f"{read['pcrt_pcids']} PCIDs and {read['pcrt_subscriptions']} subscriptions in PCRT; "
        f"{matches['pcid'].notna().sum()} of {len(matches)} computers matched to a PCID.\n"
    )
    kinds = issues.groupby(["severity", "issue"], as_index=False).size().rename(columns={"size": "open"})
    out.print(as_table(kinds))
    out.print("\nWhat it wrote into Additional Members", style="bold")
    out.print(as_table(members[["subscription_id", "group_id", "plan", "before", "after", "status"]]))
    out.print("\nWhere to look", style="bold")
    for what, where in {
        "the page for the technicians": (folder / DEFAULT_PAGE_FILE).as_uri(),
        "the tables": f"{folder / 'cwa_warehouse.db'} (SQLite), the shop's PCRT beside it in pcrt.db",
        "the issues": f"WAREHOUSE_URL=sqlite:///{folder / 'cwa_warehouse.db'} cwa-pipeline issues",
        "the lineage and this run": "make demo-ui",
    }.items():
        out.print(Text(f"  {what}: {where}"), soft_wrap=True)


def _serve(folder: Path) -> int:
    """Leave Dagster's UI running on this run's history until it is interrupted; the stand-in goes on answering meanwhile."""
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-m",
        "cwa_pipeline.definitions",
        "-h",
        "127.0.0.1",
        "-p",
        str(UI_PORT),
    ]
    console().print(f"\nThe Dagster UI: http://127.0.0.1:{UI_PORT} (Ctrl-C ends it)", style="bold")
    try:
        return subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603 - our own command
    except KeyboardInterrupt:
        return 0
