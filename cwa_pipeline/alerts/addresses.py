"""The addresses that alerts go to: e-mail, Slack, Teams, a plain webhook and whatever else `apprise` knows.

What belongs here: sending one message to each and saying of each what became of it. What must not: what is told, or when. An address
holds a password or a token: it is named by its number and its scheme, and nothing that apprise says of it is passed on.
apprise takes a while to import and has no part in a sync, so it is imported when something is sent.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import SecretStr

if TYPE_CHECKING:
    import apprise

SECONDS = 10.0  # for one message to one address, all tries and redirections; a mail server that greets late takes a few
AT_ONCE = 8

Tone = Literal["info", "success", "warning", "failure"]


class Address(NamedTuple):
    """One address, with its place in CWA_ALERT_URLS."""

    number: int
    url: SecretStr


class Outcome(NamedTuple):
    """What became of a message to one address: None when it went through, else what is wrong and what to do."""

    number: int
    name: str
    problem: str | None


def addresses(urls: Iterable[SecretStr]) -> list[Address]:
    """The addresses, numbered from 1 as they stand."""
    return [Address(number, url) for number, url in enumerate(urls, 1)]


def understood(to: Iterable[Address]) -> list[Outcome]:
    """Which addresses apprise can make sense of; nothing is sent."""
    return [Outcome(number, name, None if service else _NOT_UNDERSTOOD) for number, name, service in map(_named, to)]


def send(to: Sequence[Address], title: str, text: str, tone: Tone, seconds: float = SECONDS) -> list[Outcome]:
    """Send one message to each address, side by side; no longer than `seconds` goes by, whatever an address does."""
    if not to:
        return []
    named = [_named(address) for address in to]  # not side by side: the first one loads apprise's plugins
    with ThreadPoolExecutor(min(len(to), AT_ONCE)) as pool:
        return list(pool.map(lambda each: Outcome(each[0], each[1], _sent(each[2], title, text, tone, seconds)), named))


_NOT_UNDERSTOOD = "is no address of a kind that is known; docs/how-to/alerts.md shows what one looks like"


def _named(address: Address) -> "tuple[int, str, apprise.NotifyBase | None]":
    """The address's number, its name as it may be shown, and what delivers to it; None when apprise knows nothing of the kind."""
    import apprise  # noqa: PLC0415 - see above

    _keep_to_itself(logging.getLogger("apprise"))
    url = address.url.get_secret_value()
    # Nothing on the disk; a message is plain text, and sent or not within our own time
    asset = apprise.AppriseAsset(app_id="cwa-pipeline", app_desc="cwa-pipeline", storage_mode="memory")
    service = apprise.Apprise.instantiate(url, asset=asset)
    scheme = url.partition("://")[0].lower() if service is not None else "unknown"
    return address.number, f"alert address {address.number} ({scheme})", service


@cache
def _keep_to_itself(logger: logging.Logger) -> None:
    """Let nothing that apprise logs reach a log of ours: of an address it does not understand it tells the whole text."""
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def _sent(service: "apprise.NotifyBase | None", title: str, text: str, tone: Tone, seconds: float) -> str | None:
    """Deliver by one service; None, or what is wrong."""
    import apprise  # noqa: PLC0415 - see above

    if service is None:
        return _NOT_UNDERSTOOD
    post = apprise.Apprise()
    post.add(service)
    result = post.notify(
        title=title,
        body=text,
        notify_type=apprise.NotifyType(tone),
        body_format=apprise.NotifyFormat.TEXT,
        timeout=seconds,
    )
    if result:
        return None
    if result.timeout_count:
        return f"did not answer within {seconds:g} s; look at its host and port, and at this machine's way out"
    return _why(" ".join(entry.message for entry in result.logs()))


def _why(logged: str) -> str:
    """What a failed delivery says, in our own words: apprise's could hold a part of the address."""
    status = re.search(r"error=(\d{3})\b", logged)
    if status is None:
        return "could not be reached, or refused; look at its host, port, user name and password"
    code = int(status[1])
    if code >= 500:
        return f"its server failed (HTTP {code}); it is tried again, so only look when that lasts"
    return f"refused it (HTTP {code}); look at the token and the path of the address"
