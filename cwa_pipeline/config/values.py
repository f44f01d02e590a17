"""Checks of single values in `cwa_pipeline.toml`: each returns the value, or raises ValueError with what to write instead."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import CroniterBadDateError, croniter

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
LONGEST_SITE_NAME = 40  # PostgreSQL cuts a schema's name at 63
SITE_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST_SITE_NAME - 1}}}", re.ASCII)
CRON_FIELDS = 5  # as Dagster's schedules; croniter alone also accepts seconds


def is_web_address(text: str) -> bool:
    """Whether it is a whole http or https address."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def https_or_loopback(url: str) -> str:
    """An address that a password may be sent to."""
    if not is_web_address(url.strip()) or urlsplit(url.strip()).netloc.endswith(":"):
        raise ValueError('write the whole address, as in "https://automate.example.com"')
    parts = urlsplit(url.strip())
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password; those go into CWA_USERNAME and CWA_PASSWORD")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ValueError("plain http would send the password in the clear; use https (http is for 127.0.0.1 only)")
    return url.strip().rstrip("/")


def some_distinct_names(plans: tuple[str, ...]) -> tuple[str, ...]:
    """Names of CWA groups, as CWA compares them: without case or doubled blanks."""
    folded = [" ".join(plan.split()).casefold() for plan in plans]
    if not plans or "" in folded:
        raise ValueError("name at least one CWA group, none of them blank")
    if len(set(folded)) < len(folded):
        raise ValueError("two plans have the same name; keep one")
    return plans


def cron_expression(cron: str) -> str:
    """A cron expression that Dagster's schedules accept and that matches some time."""
    if len(cron.split()) != CRON_FIELDS or not croniter.is_valid(cron) or not _ever_matches(cron):
        raise ValueError('is not a cron expression of five fields; "0 1 * * *" is one o\'clock every night')
    return cron


def _ever_matches(cron: str) -> bool:
    """Whether any time matches; `0 0 31 2 *`, the 31st of February, never comes."""
    try:
        croniter(cron, datetime(2026, 1, 1, tzinfo=UTC)).get_next()
    except CroniterBadDateError:
        return False
    return True


def timezone(name: str) -> str:
    """The name of an IANA time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('is not a time zone; use a name such as "America/New_York" or "UTC"') from None
    return name


def select(sql: str) -> str:
    """A statement that only reads, without its semicolon."""
    if not re.match(r"\s*(select|with)\b", sql, re.IGNORECASE):
        raise ValueError("must be one SELECT; it is only used to read")
    return sql.strip().rstrip(";").rstrip()


def identifier(name: str) -> str:
    """The name of a table or column that can be quoted."""
    if not name.strip() or any(not character.isprintable() or character in "`\"';" for character in name):
        raise ValueError("must be the plain name of a table or column, without quotes or semicolons")
    return name.strip()


def web_address(url: str) -> str:
    """An address that everybody may see."""
    if not is_web_address(url.strip()):
        raise ValueError('write the whole address, as in "https://pcrt.example.com/connectwise/automate/"')
    parts = urlsplit(url.strip())
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or password; everybody who opens the page would see it")
    return url.strip()


def site_name(name: str) -> str:
    """A name that can be the prefix of asset keys and a PostgreSQL schema."""
    if not SITE_NAME.fullmatch(name) or name.startswith("pg_") or name in {"public", "information_schema"}:
        raise ValueError(
            f'has to be letters, digits and underscores, a letter first, at most {LONGEST_SITE_NAME}, as in "tampa"; '
            "public, information_schema and names that begin with pg_ belong to PostgreSQL"
        )
    return name


def template(identifier: str) -> Callable[[str], str]:
    """A check for the address of one thing: a web address with its id, and nothing else, in braces."""

    def check(url: str) -> str:
        if re.findall(r"{[^{}]*}|[{}]", url) != ["{" + identifier + "}"]:
            raise ValueError(
                f'has to hold {{{identifier}}} once and nothing else in braces, as in "https://pcrt.example.com/?id={{{identifier}}}"'
            )
        return web_address(url)

    return check
