"""The addresses that alerts go to: e-mail, Slack, Teams, a webhook and everything else that `apprise` supports.

An address holds a password or a token. It is named by its number and its scheme only, and apprise's own messages are not passed on.
apprise is slow to import and no sync needs it, so it is imported when something is sent.
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

SECONDS = 10.0  # for one message to one address, with all tries and redirections; some mail servers take a few
AT_ONCE = 8

Tone = Literal["info", "success", "warning", "failure"]


class Address(NamedTuple):
    """One address, with its place in CWA_ALERT_URLS."""

    number: int
    url: SecretStr


class Outcome(NamedTuple):
    """The result of a message to one address: no problem, or what is wrong and what to do."""

    number: int
    name: str
    problem: str | None


def addresses(urls: Iterable[SecretStr]) -> list[Address]:
    """The addresses, numbered from 1 in their order."""
    return [Address(number, url) for number, url in enumerate(urls, 1)]


def understood(to: Iterable[Address]) -> list[Outcome]:
    """Whether apprise understands each address. Sends nothing."""
    return [Outcome(number, name, None if service else _NOT_UNDERSTOOD) for number, name, service in map(_named, to)]


def send(to: Sequence[Address], title: str, text: str, tone: Tone, seconds: float = SECONDS) -> list[Outcome]:
    """Send one message to all addresses at the same time. Takes at most `seconds`, whatever an address does."""
    if not to:
        return []
    named = [_named(address) for address in to]  # not in the threads: the first one loads apprise's plugins
    with ThreadPoolExecutor(min(len(to), AT_ONCE)) as pool:
        return list(pool.map(lambda each: Outcome(each[0], each[1], _sent(each[2], title, text, tone, seconds)), named))


_NOT_UNDERSTOOD = "is not a known kind of address; docs/how-to/alerts.md shows examples"


def _named(address: Address) -> "tuple[int, str, apprise.NotifyBase | None]":
    """The address's number, a name without secrets, and the service that delivers to it; None if apprise does not know its kind."""
    import apprise  # noqa: PLC0415 - slow, see above

    _silence(logging.getLogger("apprise"))
    url = address.url.get_secret_value()
    # Stores nothing on the disk
    asset = apprise.AppriseAsset(app_id="cwa-pipeline", app_desc="cwa-pipeline", storage_mode="memory")
    service = apprise.Apprise.instantiate(url, asset=asset)
    scheme = url.partition("://")[0].lower() if service is not None else "unknown"
    return address.number, f"alert address {address.number} ({scheme})", service


@cache
def _silence(logger: logging.Logger) -> None:
    """Keep apprise's log lines out of our logs: they quote the whole text of an address that it does not understand."""
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def _sent(service: "apprise.NotifyBase | None", title: str, text: str, tone: Tone, seconds: float) -> str | None:
    """Deliver by one service; None, or what is wrong."""
    import apprise  # noqa: PLC0415 - slow, see above

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
        return f"did not answer within {seconds:g} s; check its host and port, and this machine's network"
    return _why(" ".join(entry.message for entry in result.logs()))


def _why(logged: str) -> str:
    """Why a delivery failed, in our own words: apprise's could quote a part of the address."""
    status = re.search(r"error=(\d{3})\b", logged)
    if status is None:
        return "could not be reached, or refused; check its host, port, user name and password"
    code = int(status[1])
    if code >= 500:
        return f"its server failed (HTTP {code}); it is tried again, so only act if this lasts"
    return f"refused it (HTTP {code}); check the token and the path of the address"
