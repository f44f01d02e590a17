"""The command line. Each command is a few lines over the job or the warehouse; what is heavy is imported when it is asked for."""

import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cwa_pipeline.errors import PipelineError

EX_TEMPFAIL = 75  # sysexits.h: nothing is wrong, try again later

app = typer.Typer(
    name="cwa-pipeline",
    help="Ties ConnectWise Automate to PC Repair Tracker: matches computers to PCIDs, keeps Additional Members right and lists "
    "what does not line up.",
    epilog="Configuration: cwa_pipeline.toml in the working folder, or where CWA_PIPELINE_CONFIG says. Secrets: the environment, "
    "or a .env file in the working folder.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Area(StrEnum):
    """What an issue is about."""

    client = "client"
    computer = "computer"
    group = "group"


class Format(StrEnum):
    """How the issues are printed."""

    table = "table"
    csv = "csv"
    json = "json"


@app.callback()
def environment() -> None:
    from dotenv import load_dotenv

    load_dotenv(Path(".env"))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its databases; emptied at every start.")] = Path(
        ".demo"
    ),
    ui: Annotated[
        bool, typer.Option("--ui", help="Leave the Dagster UI on http://127.0.0.1:3000 with the run in it.")
    ] = False,
) -> None:
    """Run one nightly sync on an invented shop: a stand-in for CWA over HTTP, PCRT and the warehouse in SQLite.

    Nothing of yours is read or written. Prints what it found, what it wrote and where to look.
    """
    from cwa_pipeline.demo.run import run_demo

    _show_progress()
    raise typer.Exit(run_demo(folder, ui=ui))


@app.command()
def check() -> None:
    """Say whether the configuration, the CWA account and both databases are fit for a sync.

    One line each, with the remedy where one is not; exit status 1 then. Nothing is written to PCRT.
    """
    from cwa_pipeline.fitness import check_all
    from cwa_pipeline.report import print_fitness

    raise typer.Exit(print_fitness(check_all()))


@app.command()
def sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing to PCRT; the lists are marked `planned`.")
    ] = False,
) -> None:
    """Run the nightly_sync job once, in this process.

    The run is recorded where DAGSTER_HOME says, so that the UI shows it. Exit status 0 when it succeeded, 1 when it failed, 75 when
    another sync is using the warehouse.
    """
    from cwa_pipeline.report import print_sync
    from cwa_pipeline.run import run_nightly_sync
    from cwa_pipeline.settings import require_all

    require_all()
    _show_progress()
    outcome = run_nightly_sync(dry_run=dry_run)
    print_sync(outcome)
    raise typer.Exit(0 if outcome.succeeded else EX_TEMPFAIL if outcome.busy else 1)


@app.command()
def issues(
    area: Annotated[Area | None, typer.Option(help="Only the issues about one kind of thing.")] = None,
    format: Annotated[
        Format, typer.Option(help="table to read, csv for a spreadsheet, json for a program.")
    ] = Format.table,
) -> None:
    """List the open issues as the last sync left them."""
    from cwa_pipeline.report import print_issues

    print_issues(area, format)


def _show_progress() -> None:
    """Show the package's own log lines on standard error, so that standard output stays clean for what was asked for."""
    from rich.console import Console
    from rich.logging import RichHandler

    log = logging.getLogger("cwa_pipeline")
    log.setLevel(logging.INFO)
    log.addHandler(
        RichHandler(console=Console(stderr=True), show_path=False, show_level=False, markup=False, highlighter=None)
    )


def main() -> None:
    """Run the command line; an error of ours is its one line, without a stack trace."""
    try:
        app()
    except PipelineError as error:
        typer.echo(f"cwa-pipeline: {error}", err=True)
        sys.exit(1)
