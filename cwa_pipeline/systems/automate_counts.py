"""How many rows a CWA list has, told in another way than by the rows that were read of it.

What belongs here: choosing between the server's own Total-Count and a second read. What must not: paging (`automate_paging`), which
lists there are (`automate`), and what a difference means for the sync.
"""

import logging
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from cwa_pipeline.systems.automate_paging import Listed, Listing, Row
from cwa_pipeline.systems.automate_records import whole_number
from cwa_pipeline.systems.reading import MOST_READS, SECOND_READ, TOTAL_COUNT, Reading

logger = logging.getLogger(__name__)


def read_and_count(what: str, read: Callable[[], Listed], read_ids: Callable[[], set[Hashable]]) -> Reading:
    """A list (one row an id) and its count: Total-Count where the server sends it, else how many ids a second read finds.

    A list that changed between the two is read anew, MOST_READS times at most; then it comes back with both numbers.
    """
    for _ in range(MOST_READS):
        listed = read()
        if listed.total is not None:
            return Reading(listed.frame, listed.total, TOTAL_COUNT)
        ids = read_ids()
        # When as many rows went as came, the number alone would hide it: then every row that either read saw counts.
        counted = len(ids | listed.ids) if len(ids) == len(listed.ids) else len(ids)
        if ids == listed.ids:
            break
        logger.info("The second read of the %s found other ids than the first", what)
    return Reading(listed.frame, counted, SECOND_READ)


def ids_of(listing: Listing) -> Listing:
    """The same list, for its ids alone."""
    return replace(listing, what=f"ids of {listing.what}", dtypes={}, take=_take_id, fields=("Id",))


def _take_id(record: Mapping[str, Any]) -> tuple[Hashable, Iterable[Row]]:
    return whole_number(record, "Id"), []
