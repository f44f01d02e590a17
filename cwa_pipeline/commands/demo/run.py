"""`cwa-pipeline demo`: one nightly sync of the invented shop, with the same job, client and writer as a real one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.pcrt_stand_in import fill_pcrt
from cwa_pipeline.commands.demo.stand_in import StandIn
from cwa_pipeline.commands.printing import as_table, console, print_line, print_sync
from cwa_pipeline.commands.run import run_nightly_sync
from cwa_pipeline.config.environment import DEFAULT_PAGE_FILE
from cwa_pipeline.errors import SettingsError
from cwa_pipeline.warehouse.store import Warehouse

MARK = "made by cwa-pipeline demo"  # the demo empties a folder only if this file is in it
DAGSTER_YAML = """telemetry:
  enabled: false
event_log_storage:
  module: cwa_pipeline.assets.event_log
  class: KeptConnectionsEventLog
"""
UI_PORT = 3000
TABLES = [
    "cwa_clients",
    "cwa_computers",
    "pcrt_groups",
    "pcrt_pcids",
    "pcrt_subscriptions",
    "computer_matches",
    "open_issues",
    "additional_members",
]


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
            os.environ.pop(f"{variable}_FILE", None)  # of a real shop, from a .env file in the working folder
        os.environ |= variables
        os.environ["DAGSTER_HOME"] = str(folder / "dagster_home")
        outcome = run_nightly_sync()
        if not outcome.succeeded:
            return print_sync(outcome)
        _print_results(folder)
        return _serve(folder) if ui else 0


def environment(folder: Path, stand_in: StandIn, pcrt_url: sa.URL, warehouse_url: sa.URL) -> dict[str, str]:
    """The environment of a pipeline that uses a stand-in, two databases and the cwa_pipeline.toml in `folder`."""
    return {
        "CWA_PIPELINE_CONFIG": str(folder / "cwa_pipeline.toml"),
        "CWA_USERNAME": stand_in.credentials.username,
        "CWA_PASSWORD": stand_in.credentials.password.get_secret_value(),
        "CWA_CLIENT_ID": stand_in.credentials.client_id.get_secret_value(),
        "PCRT_DATABASE_URL": pcrt_url.render_as_string(hide_password=False),
        "WAREHOUSE_URL": warehouse_url.render_as_string(hide_password=False),
    }


def _empty(folder: Path) -> None:
    """Empty the demo's folder. A folder that is not the demo's own is an error."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise SettingsError(f"{folder} is not empty and not a demo's; name another with --folder")
        shutil.rmtree(folder)
    home = folder / "dagster_home"
    home.mkdir(parents=True)
    (folder / MARK).touch()
    (home / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")


def _print_results(folder: Path) -> None:
    """Print what the sync found, what it wrote, and where to look."""
    out = console()
    with Warehouse(sa.URL.create("sqlite", database=str(folder / "cwa_warehouse.db"))) as warehouse:
        tables = {table: warehouse.read(table) for table in TABLES}
    rows = {table: len(frame) for table, frame in tables.items()}
    issues, members = tables["open_issues"], tables["additional_members"]
    out.print("\nWhat it found", style="bold")
    out.print(
        f"{rows['cwa_clients']} clients and {rows['cwa_computers']} computers in CWA; {rows['pcrt_groups']} groups, "
        f"{rows['pcrt_pcids']} PCIDs and {rows['pcrt_subscriptions']} subscriptions in PCRT; "
        f"{tables['computer_matches']['pcid'].notna().sum()} of {rows['computer_matches']} computers matched to a PCID.\n"
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
        print_line(out, f"  {what}: {where}")


def _serve(folder: Path) -> int:
    """Run Dagster's UI on this run's history until Ctrl-C. The stand-in keeps answering."""
    options = f"dev -m cwa_pipeline.definitions -h 127.0.0.1 -p {UI_PORT}"
    command = [sys.executable, "-m", "dagster", *options.split()]
    console().print(f"\nThe Dagster UI: http://127.0.0.1:{UI_PORT} (Ctrl-C ends it)", style="bold")
    try:
        return subprocess.run(command, cwd=folder, check=False).returncode  # noqa: S603 - our own command
    except KeyboardInterrupt:
        return 0
