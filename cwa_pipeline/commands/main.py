"""The command line, a Typer application. Each command imports what it needs itself, so that `--help` answers quickly."""

from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from dotenv import load_dotenv
from typer.core import TyperGroup

from cwa_pipeline.errors import PipelineError, SettingsError


class OneLineErrors(TyperGroup):
    """Shows one of our errors as one line, without a stack trace, and exits with status 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            typer.echo(f"cwa-pipeline: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="cwa-pipeline",
    cls=OneLineErrors,
    help="Connects ConnectWise Automate to PC Repair Tracker: matches computers to PCIDs, keeps Additional Members correct and "
    "lists what does not line up.",
    epilog="Configuration: cwa_pipeline.toml in the working folder, or the file that CWA_PIPELINE_CONFIG names. Secrets: the "
    "environment, or a .env file in the working folder or next to cwa_pipeline.toml.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # Rich's own markup would swallow [history]
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_of("cwa-pipeline"))
        raise typer.Exit


@app.callback()
def load_environment(
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    from cwa_pipeline.config.settings import config_path

    for path in (Path(".env").absolute(), config_path().with_name(".env")):
        try:
            load_dotenv(path)
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: cannot be read ({error}); save it as UTF-8 text") from None


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="The demo's folder. Every start empties it.")] = Path(".demo"),
    ui: Annotated[bool, typer.Option("--ui", help="Then keep the Dagster UI open on http://127.0.0.1:3000.")] = False,
) -> None:
    """Run one nightly sync on an invented shop: a stand-in for CWA over HTTP, PCRT and the warehouse in SQLite.

    None of your own systems is read or written. Prints what the sync found, what it wrote and where to look.
    """
    from cwa_pipeline.commands.demo.run import run_demo
    from cwa_pipeline.commands.printing import show_progress

    show_progress()
    raise typer.Exit(run_demo(folder, ui=ui))


@app.command()
def check(
    alert: Annotated[bool, typer.Option("--alert", help="Only send a test message to each alert address.")] = False,
) -> None:
    """Check whether the configuration, the CWA account and both databases are ready for a sync.

    Prints one line for each, with the remedy for each problem. Exit status 1 if there is a problem. Nothing is written to PCRT.
    """
    from cwa_pipeline.commands.check import check_all, try_addresses
    from cwa_pipeline.commands.printing import print_findings

    raise typer.Exit(print_findings(try_addresses() if alert else check_all()))


@app.command()
def sync(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing: the lists are marked `planned`.")] = False,
    plan: Annotated[str | None, typer.Option(metavar="ID", help="Write exactly this plan, or nothing.")] = None,
    release: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP_ID|all", help="Write what a guard held, after you checked it. Can be repeated."),
    ] = None,
) -> None:
    """Run the nightly_sync job once, in this process.

    Dagster records the run in DAGSTER_HOME, so that the UI shows it. Exit status 0 if it succeeded, 1 if it failed, 75 if another
    sync is using the warehouse.
    """
    from cwa_pipeline.alerts.ping import ping_after_success
    from cwa_pipeline.commands.printing import print_sync
    from cwa_pipeline.commands.run import run_nightly_sync

    _prepare()
    outcome = run_nightly_sync(dry_run=dry_run, plan_id=plan, release=release or [])
    if outcome.succeeded and not dry_run:
        ping_after_success()
    raise typer.Exit(print_sync(outcome))


@app.command()
def plan(
    release: Annotated[
        list[str] | None, typer.Option(metavar="GROUP_ID|all", help="As if you had released this. Can be repeated.")
    ] = None,
) -> None:
    """Show what a sync would change in PCRT, by subscription and by name, and the id of that plan.

    Reads both systems and fills the tables like a dry run. Nothing is written to PCRT.
    """
    from cwa_pipeline.commands.printing import print_plan
    from cwa_pipeline.commands.run import run_nightly_sync

    _prepare()
    raise typer.Exit(print_plan(run_nightly_sync(dry_run=True, release=release or [])))


@app.command()
def undo(
    run_id: Annotated[str, typer.Argument(help="The run to undo, as printed by `sync` and stored in the ledger.")],
    group: Annotated[int | None, typer.Option(metavar="GROUP_ID", help="Only the lists of this PCRT group.")] = None,
) -> None:
    """Restore Additional Members to what they were before a run.

    A list that has changed since the run is not touched, and is reported. The restored groups are held until you release them with
    `sync --release GROUP_ID`, so that the next sync does not write the same again.
    """
    from cwa_pipeline.commands.printing import print_undo
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
    """Show when a PCID was covered, or whether it was on a day. Exit status 1 if it was not."""
    from cwa_pipeline.commands.printing import print_covered

    raise typer.Exit(print_covered(pcid, on and on.replace(tzinfo=UTC)))


@app.command()
def explain(
    what: Annotated[str, typer.Argument(metavar="COMPUTER|PCID|SERIAL", help="An id, a name or a serial number.")],
) -> None:
    """Explain link by link why a computer is covered or not, with the smallest fix for the first broken link.

    COMPUTER is its id or its name in CWA. If several things match, all are shown. Exit status 1 if nothing matches.
    """
    from cwa_pipeline.commands.explain import print_explanation

    raise typer.Exit(print_explanation(what))


@app.command()
def snooze(
    issue_key: Annotated[str, typer.Argument(help="The issue's key, as shown by `issues` and the integration page.")],
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="The day it comes back. Today ends a snooze at once."),
    ],
    note: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the next person who looks at it.")],
) -> None:
    """Mark an issue as known: the integration page hides it until a day, and then shows it again.

    The issue stays open in every table, and is only gone when it is resolved.
    """
    from cwa_pipeline.commands.snooze import snooze

    typer.echo(f"{issue_key} is snoozed until {until:%Y-%m-%d}; the page: {snooze(issue_key, until.date(), note)}")


@app.command()
def page() -> None:
    """Write the integration page again from the current tables, and print its path. Every sync also does this."""
    from cwa_pipeline.page.renew import renew_page

    typer.echo(renew_page())


@app.command()
def issues(
    area: Annotated[
        Literal["client", "computer", "group"] | None, typer.Option(help="Only the issues about one kind of thing.")
    ] = None,
    format: Annotated[
        Literal["table", "csv", "json"],
        typer.Option(help="table for people, csv for a spreadsheet, json for a program."),
    ] = "table",
) -> None:
    """List the issues that were open after the last sync."""
    from cwa_pipeline.commands.printing import print_issues

    print_issues(area, format)


@app.command("what-if")
def what_if(
    night: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Default: the last one kept."),
    ] = None,
    generic_serials: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Use this list of generic serials, one value a line.")
    ] = None,
    additional_members: Annotated[
        Literal["every_plan", "by_plan"] | None, typer.Option(help="Use this setting in place of the configured one.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show all differences, not only the first ones.")] = False,
) -> None:
    """Apply the rules to the inputs of a past night again, and show which issues and lists would differ.

    The result is compared with what the rules made of that night with its own generic serials and `additional_members`. Without
    options, the current settings are used, so it shows what has changed since. Nothing is read from CWA or PCRT, and nothing is
    written. Guards, holds and edits by hand are left out.
    """
    from cwa_pipeline.commands.what_if import print_what_if

    print_what_if(night and night.date(), generic_serials, additional_members, every=every)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write. It must not exist yet.")],
) -> None:
    """Back up the whole warehouse into one file, as it is at one moment. A sync may be running.

    The file is the same for SQLite and PostgreSQL, so `restore` can also move a warehouse from one to the other.
    """
    from cwa_pipeline.commands.printing import show_progress
    from cwa_pipeline.warehouse.backup import back_up
    from cwa_pipeline.warehouse.site import own_warehouse

    show_progress()
    made = back_up(own_warehouse(), file)
    typer.echo(f"{file}: {made.rows:,} rows of {len(made.tables)} tables, as of {made.made_at:%Y-%m-%d %H:%M:%S} UTC")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file written by `backup` of this version or an earlier one.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace all rows, including the ledger.")] = False,
) -> None:
    """Restore the warehouse from a backup: all of it, or nothing if anything goes wrong.

    Refuses a damaged file, a file of a newer version, and (without --replace) a warehouse that has rows.
    """
    from cwa_pipeline.commands.printing import show_progress
    from cwa_pipeline.config.environment import warehouse_url
    from cwa_pipeline.warehouse.backup import restore
    from cwa_pipeline.warehouse.store import Warehouse

    show_progress()
    made = restore(Warehouse(warehouse_url()), file, replace=replace)
    typer.echo(f"restored {made.rows:,} rows of {len(made.tables)} tables, as of {made.made_at:%Y-%m-%d %H:%M:%S} UTC")


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
) -> None:
    """Remove finished records that are older than [history] allows, as the pruning job does every week.

    This covers the warehouse and, if DAGSTER_HOME is set, Dagster's runs. The ledger and everything still open are kept forever. Exit
    status 0 if it succeeded, 1 if it failed, 75 if a sync is using the warehouse.
    """
    from cwa_pipeline.commands.printing import print_pruning
    from cwa_pipeline.commands.run import run_pruning

    raise typer.Exit(print_pruning(run_pruning(dry_run=dry_run), dry_run=dry_run))


def _prepare() -> None:
    """Name everything that the configuration lacks before anything is read."""
    from cwa_pipeline.commands.printing import show_progress
    from cwa_pipeline.config.environment import require_all

    require_all()
    show_progress()
