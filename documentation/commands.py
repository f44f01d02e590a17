"""The reference of the command line, as Typer itself writes it of the application."""

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from cwa_pipeline.commands.main import app


def commands_page() -> str:
    """The whole page: what holds for all commands, then each; without Typer's list of them, whose sentences are cut short."""
    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="cwa-pipeline")
    common, rest = text.removeprefix("# `cwa-pipeline`\n").split("\n**Commands**:\n", 1)
    return f"# Commands\n{common}\n{rest[rest.index('## ') :]}"


def command_names() -> list[str]:
    """The commands of the application."""
    return list(get_command(app).commands)  # type: ignore[attr-defined]
