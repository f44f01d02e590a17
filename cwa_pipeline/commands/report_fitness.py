"""What `cwa-pipeline check` prints.

What belongs here: a line for each finding, as soon as it is there. What must not: looking (`fitness`), and what takes long to import:
nobody should wait for the first line.
"""

from collections.abc import Iterable

from rich.text import Text

from cwa_pipeline.commands.fitness import Finding
from cwa_pipeline.commands.terminal import console
from cwa_pipeline.rules.safe_text import plain

_STYLES = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}


def print_fitness(findings: Iterable[Finding]) -> int:
    """Print one line for each finding; 1 when one is not well, else 0 (a warning is no failure)."""
    out, found = console(), []
    for finding in findings:
        found.append(finding.mark)
        out.print(
            Text(f"{finding.mark:<4}", style=_STYLES[finding.mark]),
            Text(f"{finding.subject}: {plain(finding.text)}"),
            soft_wrap=True,
        )
    return 1 if "FAIL" in found else 0
