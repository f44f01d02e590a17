"""The command line. Each command is a few lines over the job or the warehouse; what is heavy is imported when it is asked for."""

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cwa_pipeline.errors import PipelineError, SettingsError

if TYPE_CHECKING:
    from cwa_pipeline.commands.run import SyncOutcome

app = typer.Typer(
    name="cwa-pipeline",
    help="Ties ConnectWise Automate to PC Repair Tracker: matches computers to PCIDs, keeps Additional Members right and lists "
    "what does not line up.",
    epilog="Configuration: cwa_pipeline.toml in the working folder, or where CWA_PIPELINE_CONFIG says. Secrets: the environment, "
    "or a .env file in the working folder or beside it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Area(StrEnum):
    """What an issue is about."""

    client = "client"
    computer = "computer"
    group = "group"


class AdditionalMembers(StrEnum):
    """Which PCIDs a subscription lists."""

    every_plan = "every_plan"
    by_plan = "by_plan"


class Format(StrEnum):
    """How the issues are printed."""

    table = "table"
    csv = "csv"
    json = "json"


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("cwa-pipeline"))
        raise typer.Exit


@app.callback()
def environment(
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Say which version this is.")
    ] = False,
) -> None:
    from dotenv import load_dotenv

    from cwa_pipeline.config.settings import config_path

    for path in (Path(".env").absolute(), config_path().with_name(".env")):
        try:
            load_dotenv(path)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read ({error}); save it as UTF-8 text") from None


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
    from cwa_pipeline.commands.demo.run import run_demo

    _show_progress()
    raise typer.Exit(run_demo(folder, ui=ui))


@app.command()
def check(
    alert: Annotated[
        bool, typer.Option("--alert", help="Only send a test message to each address of CWA_ALERT_URLS.")
    ] = False,
) -> None:
    """Say whether the configuration, the CWA account and both databases are fit for a sync.

    One line each, with the remedy where one is not; exit status 1 then. Nothing is written to PCRT.
    """
    from cwa_pipeline.commands.report_fitness import print_fitness

    if alert:
        from cwa_pipeline.commands.alert_trial import try_addresses

        raise typer.Exit(print_fitness(try_addresses()))
    from cwa_pipeline.commands.fitness import check_all

    raise typer.Exit(print_fitness(check_all()))


@app.command()
def sync(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing to PCRT; the lists are marked `planned`.")
    ] = False,
    plan: Annotated[
        str | None, typer.Option(metavar="ID", help="Write exactly the plan with this id (see `plan`), or nothing.")
    ] = None,
    release: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GROUP_ID|all", help="Let what a guard held be written, after you looked. May be repeated."
        ),
    ] = None,
) -> None:
    """Run the nightly_sync job once, in this process.

    The run is recorded where DAGSTER_HOME says, so that the UI shows it. Exit status 0 when it succeeded, 1 when it
    failed, 75 when another sync is using the warehouse.
    """
    outcome = _nightly_sync(dry_run=dry_run, plan_id=plan, release=release or [])
    from cwa_pipeline.commands.report import print_sync

    if outcome.succeeded and not dry_run:
        from cwa_pipeline.alerts.after_sync import ping_after_success

        ping_after_success()
    raise typer.Exit(print_sync(outcome))


@app.command()
def plan(
    release: Annotated[
        list[str] | None, typer.Option(metavar="GROUP_ID|all", help="As if this had been released. May be repeated.")
    ] = None,
) -> None:
    """Show what a sync would change in PCRT, per subscription and by name, and the id of that plan.

    Reads both systems and fills the tables like a dry run; nothing is written to PCRT.
    """
    outcome = _nightly_sync(dry_run=True, release=release or [])
    from cwa_pipeline.commands.report import print_plan

    raise typer.Exit(print_plan(outcome))


@app.command()
def undo(
    run_id: Annotated[str, typer.Argument(help="The run to take back, as `sync` printed it and the ledger has it.")],
    group: Annotated[int | None, typer.Option(metavar="GROUP_ID", help="Only the lists of this PCRT group.")] = None,
) -> None:
    """Put Additional Members back as they were before a run.

    A list that changed since is left alone and reported. What was put back is held until it is released with
    `sync --release GROUP_ID`, so that the next night does not just repeat it.
    """
    from cwa_pipeline.commands.report import print_undo
    from cwa_pipeline.commands.run import run_undo

    _prepare()
    raise typer.Exit(print_undo(run_undo(run_id, group)))


@app.command()
def covered(
    pcid: Annotated[int, typer.Argument(help="The PCID.")],
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Only on this day (UTC).")
    ] = None,
) -> None:
    """Say when a PCID was covered, or whether it was on a day; exit status 1 when it was not."""
    from cwa_pipeline.commands.report import print_covered

    raise typer.Exit(print_covered(pcid, on and on.replace(tzinfo=UTC)))


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="COMPUTER|PCID|SERIAL", help="An id, a name or a serial number.")],
) -> None:
    """Say why a computer is covered or why not, link by link, with the smallest fix of the first broken one.

    COMPUTER is CWA's id of it or its name. A number that is several of these shows them all. Exit status 1 when nothing has it.
    """
    from cwa_pipeline.commands.explain import print_explanation

    raise typer.Exit(print_explanation(what))


@app.command()
def snooze(
    issue_key: Annotated[str, typer.Argument(help="The issue, as `issues` and the integration page name it.")],
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The day it comes back; today ends a snooze at once."),
    ],
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever looks next.")],
) -> None:
    """Mark an issue as known: it folds away on the integration page until a day, and then comes back by itself.

    It stays open in every table all the while, and is gone for good only when it is resolved.
    """
    from cwa_pipeline.commands.snooze import snooze

    typer.echo(f"{issue_key} is snoozed until {until:%Y-%m-%d}; the page: {snooze(issue_key, until.date(), note)}")


@app.command()
def page() -> None:
    """Write the integration page anew from the tables as they are, and say where it is. A sync does that by itself."""
    from cwa_pipeline.page.renew import renew_page

    typer.echo(renew_page())


@app.command()
def issues(
    area: Annotated[Area | None, typer.Option(help="Only the issues about one kind of thing.")] = None,
    format: Annotated[
        Format, typer.Option(help="table to read, csv for a spreadsheet, json for a program.")
    ] = Format.table,
) -> None:
    """List the open issues as the last sync left them."""
    from cwa_pipeline.commands.report import print_issues

    print_issues(area, format)


@app.command("what-if")
def what_if(
    night: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The night; else the last one kept.")
    ] = None,
    generic_serials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="As if this were the list of generic serials, one value a line."),
    ] = None,
    additional_members: Annotated[
        AdditionalMembers | None, typer.Option(help="As if the configuration said this.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Name every difference, not only the first of each kind.")
    ] = False,
) -> None:
    """Replay the rules on the inputs of a past night, and say what would differ in issues and lists.

    It is held against what the rules made of that night with its own generic serials and `additional_members`. What is not given here
    is as it is now, so without any option it says what has changed since. Nothing is read from CWA or PCRT, and nothing is written.
    Guards, holds and edits by hand are not replayed.
    """
    from cwa_pipeline.commands.report_what_if import print_what_if

    print_what_if(night and night.date(), generic_serials, additional_members, every=every)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
) -> None:
    """Back up the warehouse into one file, as it is at one moment; a sync may be running meanwhile.

    The file is the same for SQLite and PostgreSQL, so `restore` also moves a warehouse from one to the other.
    """
    from cwa_pipeline.warehouse.backup import back_up
    from cwa_pipeline.warehouse.site import own_warehouse

    _show_progress()
    made = back_up(own_warehouse(), file)
    typer.echo(f"{file}: {made.rows:,} rows of {len(made.tables)} tables, as of {made.made_at:%Y-%m-%d %H:%M:%S} UTC")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote, by this version or an earlier one.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Also when the warehouse has rows: they are all replaced, the ledger too.")
    ] = False,
) -> None:
    """Restore the warehouse from a backup: all of it, or nothing when anything goes wrong.

    Refuses a damaged file, one of a newer version, and a warehouse that has rows, unless --replace is given.
    """
    from cwa_pipeline.config.environment import warehouse_url
    from cwa_pipeline.warehouse.backup import restore
    from cwa_pipeline.warehouse.store import Warehouse

    _show_progress()
    made = restore(Warehouse(warehouse_url()), file, replace=replace)
    typer.echo(f"restored {made.rows:,} rows of {len(made.tables)} tables, as of {made.made_at:%Y-%m-%d %H:%M:%S} UTC")


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Forget what is over and older than [history] says, as the pruning job does every week.

    Of the warehouse and, with DAGSTER_HOME, of Dagster's runs. The ledger and what is still open is kept for ever. Exit status 0 when
    it succeeded, 1 when it failed, 75 when a sync is using the warehouse.
    """
    from cwa_pipeline.commands.report import print_pruning
    from cwa_pipeline.commands.run import run_pruning

    raise typer.Exit(print_pruning(run_pruning(dry_run=dry_run), dry_run=dry_run))


def _nightly_sync(*, dry_run: bool, release: list[str], plan_id: str | None = None) -> "SyncOutcome":
    """Run the job once."""
    from cwa_pipeline.commands.run import run_nightly_sync

    _prepare()
    return run_nightly_sync(dry_run=dry_run, plan_id=plan_id, release=release)


def _prepare() -> None:
    """What is missing in the configuration is said before anything is read."""
    from cwa_pipeline.config.environment import require_all

    require_all()
    _show_progress()


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
