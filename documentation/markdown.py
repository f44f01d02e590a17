"""Markdown out of the code's own texts: tables, and text that is to be shown as it is."""

from collections.abc import Iterable

GENERATED = "<!-- Made from the code by documentation/hooks.py: change it there. -->\n\n"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; a bar inside a cell does not end it."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def code(text: object) -> str:
    """Text in the type of code."""
    return f"`{text}`"
