"""What a page of a CWA list adds to those before it, as columns.

What belongs here: leaving out records that were seen before, and the plain way: record after record, with words for the one that cannot
be understood. What must not: the fast way (`automate_page`), what a value means (`automate_records`), paging (`automate_paging`).
"""

from itertools import compress
from typing import Any

import pyarrow as pa

from cwa_pipeline.cwa.listing import Arrays, Listing, Row, Taken
from cwa_pipeline.cwa.page import Page, PageOfColumns
from cwa_pipeline.cwa.seen import SeenIds
from cwa_pipeline.errors import SourceError


def new_columns(page: Page, listing: Listing, seen: SeenIds, place: str) -> Arrays:
    """The columns of the records not seen before; pages may overlap, and then the first one counts.

    Raises SourceError for a record that cannot be understood.
    """
    if isinstance(page, PageOfColumns):
        is_new = seen.note(page.ids)
        return page.columns if is_new.all() else {name: c.filter(pa.array(is_new)) for name, c in page.columns.items()}
    taken = [_take(record, listing, place, number) for number, record in enumerate(page, 1)]
    is_new = seen.note([record_id for record_id, _ in taken])
    return arrays_of([row for _, rows in compress(taken, is_new) for row in rows], listing)


def arrays_of(rows: list[Row], listing: Listing) -> Arrays:
    """Rows as columns."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in listing.columns)
    return {
        name: pa.array(list(values), value.kind.arrow)
        for (name, value), values in zip(listing.columns.items(), columns, strict=True)
    }


def _take(record: Any, listing: Listing, place: str, number: int) -> Taken:
    try:
        if not isinstance(record, dict):
            raise ValueError(f"it is a {type(record).__name__}, not a record")
        return listing.take(record)
    except ValueError as error:
        known_as = record.get("Id") if isinstance(record, dict) else None
        is_id = isinstance(known_as, int) or (isinstance(known_as, str) and known_as.isdecimal())
        name = f" (Id {known_as})" if is_id else ""
        raise SourceError(f"{place}, record {number}{name}: {error}; correct it in CWA, or ask the vendor") from None
