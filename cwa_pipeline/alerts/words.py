"""What a message says: plain text with counts, kinds, ids and the way to the page; no name of a person or customer.

What belongs here: making a message of changes, and text of other systems harmless. What must not: what has changed (`changes`).
"""

from collections.abc import Sequence
from datetime import datetime

from cwa_pipeline.alerts.addresses import Tone
from cwa_pipeline.alerts.changes import Change
from cwa_pipeline.alerts.state import Message
from cwa_pipeline.rules.safe_text import shortened

LONGEST_LINE = 400  # characters
# What Slack, Teams, Discord or a mail program would take for a mention, markup or a link. A problem may quote what a system answered.
_MARKUP = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'", "*": "∗", "[": "(", "]": ")", "|": "¦"})
_BADNESS: dict[Tone, int] = {"failure": 0, "warning": 1, "info": 2, "success": 3}


def message(job: str, found: Sequence[Change], page: str, to: list[int], now: datetime) -> Message:
    """One message for all that changed at once, the worst first."""
    worst_first = sorted(found, key=lambda change: _BADNESS[change.tone])
    text = "\n\n".join("\n".join(map(harmless, change.lines)) for change in worst_first)
    title = f"{job}: {'; '.join(change.headline for change in worst_first)}"
    return Message(title=title, text=with_page(text, page), tone=worst_first[0].tone, made_at=now, to=to)


def with_page(text: str, page: str) -> str:
    """The text, and below it where the page is."""
    return f"{text}\n\nThe page: {page}"


def harmless(line: str) -> str:
    """A line that no messenger takes for anything but text."""
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return shortened(printable, LONGEST_LINE).translate(_MARKUP).replace("://", ":⁄⁄")
