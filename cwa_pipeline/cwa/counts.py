"""How many rows a CWA list has, told in another way than by the rows that were read of it.

What belongs here: choosing between the server's own Total-Count and a second read. What must not: paging (`automate_paging`), which
lists there are (`automate`), and what a difference means for the sync.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pandas as pd

from cwa_pipeline.cwa.listing import Listed, Listing
from cwa_pipeline.rules.receipts import MOST_READS, SECOND_READ, TOTAL_COUNT, Reading

logger = logging.getLogger(__name__)


def read_and_count(what: str, read: Callable[[], Listed], read_ids: Callable[[], pd.DataFrame]) -> Reading:
    """A list (one row an id) and its count: Total-Count where the server sends it, else how many ids a second read finds.

    The ids are columns of the list. A list that changed between the two is read anew, MOST_READS times at most; then it comes
    back with both numbers.
    """
    for _ in range(MOST_READS):
        listed = read()
        if listed.total is not None:
            return Reading(listed.frame, listed.total, TOTAL_COUNT)
        second = read_ids()
        first = listed.frame[list(second.columns)]
        counted = len(second)
        if first.equals(second):
            break
        of_either = len(pd.concat([first, second]).drop_duplicates())
        if len(first) == len(second):
            # When as many rows went as came, the number alone would hide it: then every row that either read saw counts.
            counted = of_either
            if of_either == len(first):
                break
        logger.info("The second read of the %s found other ids than the first", what)
    return Reading(listed.frame, counted, SECOND_READ)


def ids_of(listing: Listing) -> Listing:
    """The same list, for its ids alone: its first column."""
    return replace(listing, what=f"ids of {listing.what}", columns=dict(islice(listing.columns.items(), 1)))
