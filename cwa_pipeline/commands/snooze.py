"""`cwa-pipeline snooze`: the integration page hides a known issue until a day. The issue stays open in every table."""

import difflib
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from cwa_pipeline.config.settings import Settings
from cwa_pipeline.errors import SnoozeError
from cwa_pipeline.page.renew import renew_page
from cwa_pipeline.rules.history import last_snoozes
from cwa_pipeline.warehouse.site import own_warehouse

SNOOZES = "issue_snoozes"
LONGEST_NOTE = 500  # characters; a longer story belongs in the ticket


def snooze(issue_key: str, until: date, note: str) -> Path:
    """Snooze an open issue until a day begins in the shop's time zone; today ends an earlier snooze. Returns the page's path.

    Raises SnoozeError if no open issue has the key, the day is over, or the note is blank or too long.
    """
    timezone, now = ZoneInfo(Settings.load().schedule.timezone), datetime.now(UTC)
    today = now.astimezone(timezone).date()
    if until < today:
        raise SnoozeError(f"{until} is over; name a later day, or today ({today}) to end a snooze")
    if not note.strip() or len(note) > LONGEST_NOTE:
        limit = f"at most {LONGEST_NOTE} characters (this one has {len(note.strip())})"
        raise SnoozeError(f"the note has to give the reason, in {limit}")
    with own_warehouse() as warehouse:
        history = warehouse.read("issue_history")
        keys = history.loc[history["resolved_at"].isna(), "issue_key"].tolist()
        if issue_key not in keys:
            near = difflib.get_close_matches(issue_key, keys, n=1)
            hint = f"did you mean {near[0]}?" if near else "cwa-pipeline issues lists them"
            raise SnoozeError(f"{issue_key!r} is not an open issue; {hint}")
        ends = datetime.combine(until, time.min, timezone).astimezone(UTC)
        times = {"snoozed_at": pd.Timestamp(now), "snoozed_until": pd.Timestamp(ends).as_unit("us")}
        warehouse.append(SNOOZES, pd.DataFrame({"issue_key": [issue_key], **times, "note": note.strip()}))
    return renew_page()


def snoozed_until(issue_snoozes: pd.DataFrame, now: datetime) -> pd.Series:
    """The issues that are snoozed now: issue_key -> when the snooze ends."""
    last = last_snoozes(issue_snoozes).set_index("issue_key")
    return last.loc[last["snoozed_until"] > now, "snoozed_until"]
