"""Messages on their way: tried at once, then again at later ticks until every address took them.

What belongs here: what is tried when, and for how long. What must not: what a message says.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from cwa_pipeline.alerts.addresses import SECONDS, Address, send
from cwa_pipeline.alerts.state import Message

TICK_SECONDS = 25.0  # in which a tick begins to send; with one more message's time it stays under the 60 that Dagster gives a sensor
LONGEST_WAIT_MINUTES = 60  # between two tries; a mail server locks out who logs in wrongly every minute
GIVEN_UP_AFTER = timedelta(days=7)

log = logging.getLogger(__name__)


def deliver(outbox: Sequence[Message], to: Sequence[Address], now: datetime) -> tuple[list[Message], list[str]]:
    """Send what is due, the oldest first; returns what is left, and a line for each address that did not take something.

    An address that fails is not asked again in this tick, so that its messages keep their order; one that took a message never gets it
    again. What an address that is no longer configured had not taken is dropped.
    """
    begun, failing, left, lines = time.monotonic(), set[int](), list[Message](), list[str]()
    for message in outbox:
        due = [address for address in to if address.number in message.to and address.number not in failing]
        waits = message.not_before is not None and now < message.not_before
        if now - message.made_at > GIVEN_UP_AFTER:
            log.warning("An alert of %s was taken by no more addresses within a week; it is given up", message.made_at)
            continue
        if waits or time.monotonic() - begun > TICK_SECONDS:
            failing.update(address.number for address in due)
            left.append(message)
            continue
        problems = {
            outcome.number: outcome
            for outcome in send(due, message.title, message.text, message.tone, SECONDS)
            if outcome.problem
        }
        lines += [f"{outcome.name} {outcome.problem}" for outcome in problems.values()]
        open_ = [
            address.number
            for address in to
            if address.number in message.to and (address.number in failing or address.number in problems)
        ]
        failing.update(problems)
        if open_:
            left.append(_later(message, open_, now) if problems else message.model_copy(update={"to": open_}))
    return left, lines


def _later(message: Message, to: list[int], now: datetime) -> Message:
    wait = timedelta(minutes=min(2**message.tries, LONGEST_WAIT_MINUTES))
    return message.model_copy(update={"to": to, "tries": message.tries + 1, "not_before": now + wait})
