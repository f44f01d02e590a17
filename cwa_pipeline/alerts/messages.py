"""Messages: their text, and their delivery, which is tried again at later ticks until every address took them.

A message holds counts, kinds, ids and the way to the page; never the name of a person or customer.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from cwa_pipeline.alerts.addresses import SECONDS, Address, Tone, send
from cwa_pipeline.alerts.changes import Change, Message
from cwa_pipeline.rules.safe_text import shortened

TICK_SECONDS = 25.0  # after that a tick starts no more messages; Dagster gives a sensor 60 seconds
LONGEST_WAIT_MINUTES = 60  # between two tries; mail servers lock out an account that fails every minute
GIVEN_UP_AFTER = timedelta(days=7)
LONGEST_LINE = 400  # characters
# What Slack, Teams, Discord or a mail program reads as a mention, markup or a link. A problem may quote a system's answer.
_MARKUP = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'", "*": "∗", "[": "(", "]": ")", "|": "¦"})
_SEVERITY: dict[Tone, int] = {"failure": 0, "warning": 1, "info": 2, "success": 3}

log = logging.getLogger(__name__)


def message(job: str, found: Sequence[Change], page: str, to: list[int], now: datetime) -> Message:
    """One message for everything that changed at once, worst first."""
    worst_first = sorted(found, key=lambda change: _SEVERITY[change.tone])
    text = "\n\n".join("\n".join(map(harmless, change.lines)) for change in worst_first)
    title = f"{job}: {'; '.join(change.headline for change in worst_first)}"
    return Message(title=title, text=with_page(text, page), tone=worst_first[0].tone, made_at=now, to=to)


def with_page(text: str, page: str) -> str:
    """The text, followed by where the page is."""
    return f"{text}\n\nThe page: {page}"


def harmless(line: str) -> str:
    """A line that every messenger shows as plain text."""
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    return shortened(printable, LONGEST_LINE).translate(_MARKUP).replace("://", ":⁄⁄")


def deliver(outbox: Sequence[Message], to: Sequence[Address], now: datetime) -> tuple[list[Message], list[str]]:
    """Send what is due, oldest first. Returns the messages still to send, and a line for each address that failed.

    An address that fails is skipped for the rest of this tick, so that its messages keep their order. An address never gets a
    message twice. Messages for an address that is no longer configured are dropped.
    """
    begun, failing, left, lines = time.monotonic(), set[int](), list[Message](), list[str]()
    for message in outbox:
        due = [address for address in to if address.number in message.to and address.number not in failing]
        waits = message.not_before is not None and now < message.not_before
        if now - message.made_at > GIVEN_UP_AFTER:
            log.warning(
                "An alert of %s could not be delivered to every address within a week; it is given up", message.made_at
            )
            continue
        if waits or time.monotonic() - begun > TICK_SECONDS:
            failing.update(address.number for address in due)
            left.append(message)
            continue
        outcomes = send(due, message.title, message.text, message.tone, SECONDS)
        problems = {outcome.number: outcome for outcome in outcomes if outcome.problem}
        lines += [f"{outcome.name} {outcome.problem}" for outcome in problems.values()]
        failing.update(problems)
        waiting = [address.number for address in to if address.number in message.to and address.number in failing]
        if waiting:
            left.append(_later(message, waiting, now) if problems else message.model_copy(update={"to": waiting}))
    return left, lines


def _later(message: Message, to: list[int], now: datetime) -> Message:
    wait = timedelta(minutes=min(2**message.tries, LONGEST_WAIT_MINUTES))
    return message.model_copy(update={"to": to, "tries": message.tries + 1, "not_before": now + wait})
