"""What was told already and what is still to be sent, as the sensor's cursor keeps it from one tick to the next.

What belongs here: the shape of it. What must not: how it changes (`changes`, `outbox`). Dagster's storage holds it, not the warehouse:
that the warehouse is down is just what may have to be told. No secret and no name of a customer is ever part of it.
"""

import logging
from datetime import datetime
from typing import Self

from pydantic import BaseModel, ValidationError

from cwa_pipeline.alerts.addresses import Tone

log = logging.getLogger(__name__)


class Message(BaseModel):
    """One message on its way; `to` are the numbers of the addresses that have not taken it yet."""

    title: str
    text: str
    tone: Tone
    made_at: datetime
    to: list[int]
    tries: int = 0
    not_before: datetime | None = None


class Jump(BaseModel):
    """A kind of issue that jumped: how many were open before it did, and when it was told last."""

    before: int
    told: int


class State(BaseModel):
    """The state that people know of."""

    watching_since: datetime
    last_success_at: datetime | None = None
    failed_run: str | None = None
    is_late: bool = False
    judged_run: str | None = None  # whose tables `held` and `counts` were taken from
    held: list[int] = []
    counts: dict[str, int] | None = None
    jumped: dict[str, Jump] = {}
    busy_runs: list[str] = []  # runs that only found another one under way; their events need not be read again
    pinged_run: str | None = None
    digest_at: datetime | None = None
    outbox: list[Message] = []

    @classmethod
    def of(cls, cursor: str | None, now: datetime) -> Self:
        """The state in a cursor; a first one when there is none, or one that this version cannot read."""
        if cursor:
            try:
                return cls.model_validate_json(cursor)
            except ValidationError:
                log.warning("What was told so far cannot be read; what is wrong now is told anew")
        return cls(watching_since=now)
