"""How a CWA list is read whole, page after page, or not at all.

What belongs here: the proof that no row was missed. Of each page only its columns are kept (the whole records of 100,000 computers
would take 500 MB). What must not: which lists there are (`automate`), what a page becomes (`automate_page`, `automate_rows`), the
log-in and retries (`automate_session`).
"""

import enum
import logging
import math
import time
from collections.abc import Collection, Mapping

from cwa_pipeline.cwa.ahead import PagesAhead
from cwa_pipeline.cwa.listing import Arrays, Listed, Listing, frame_of
from cwa_pipeline.cwa.page import Page, PageDecoder, PageOfColumns
from cwa_pipeline.cwa.rows import arrays_of, new_columns
from cwa_pipeline.cwa.seen import SeenIds
from cwa_pipeline.cwa.session import Answer, AutomateSession
from cwa_pipeline.cwa.shared_pages import PageRequest, SharedPages
from cwa_pipeline.errors import IncompleteReadError

logger = logging.getLogger(__name__)

PAGE_SIZE = 1000  # the usual most a CWA server gives; it may give less
MAX_PAGES = (
    20_000  # 600,000 rows from a server that gives no more than its default of 30 a page; beyond, paging has run wild
)
MAX_STARTS = 4  # a list that changed while it was read is begun again; four changes in a row are no coincidence
PROGRESS_SECONDS = 5  # a line a page would bury the log of a big server
NO_NEW_ROWS_LIMIT = 2  # one page of repeats can be overlap, two in a row are a server that ignores `page`


class _Halt(enum.Enum):
    """Why one pass through a list ended without it."""

    ABSENT = "the server has no such list"
    HINT = "the server does not understand one of the parameters we can do without"
    CHANGED = "rows came or went while it was read"


def read_list(
    session: AutomateSession, listing: Listing, absent: Collection[int] = (), shared: SharedPages | None = None
) -> Listed | None:
    """Read a whole list; None when the server answers with a status in `absent`: it has no such list.

    Where the server says how many pages there are, those behind the first are `shared` with a helper.

    Raises IncompleteReadError when a row could have been missed, SourceError for a record that cannot be understood.
    The limit: a row deleted from a page already read moves a later one out of sight. Total-Count gives that away, and on a
    server that sends none a second read (`automate_counts`); with Total-Count, when another row is added in the same
    moment, that row is only seen the next night.
    """
    # What only spares work, least needed first: a server that refuses one is asked again without it.
    hints = {
        "includeFields": ",".join(listing.fields if listing.asks_for_fields else ()),
        "condition": listing.condition,
    }
    hints = {name: value for name, value in hints.items() if value}
    starts = 1
    while isinstance(outcome := _read_once(session, listing, hints, absent, shared or SharedPages()), _Halt):
        if outcome is _Halt.ABSENT:
            return None
        if outcome is _Halt.HINT:
            hints.pop(next(iter(hints)))
            continue
        if starts == MAX_STARTS:
            raise IncompleteReadError(
                f"CWA list of {listing.what}: its Total-Count changed during each of {MAX_STARTS} reads; try "
                "again when CWA is quieter"
            )
        starts += 1
        logger.info("The list of %s changed while it was read; starting over", listing.what)
    return outcome


def read_known_list(session: AutomateSession, listing: Listing, shared: SharedPages | None = None) -> Listed:
    """Read a whole list that every server has; raises what `read_list` does."""
    listed = read_list(session, listing, shared=shared)
    assert listed is not None  # noqa: S101 - None stands for the statuses of `absent`, and none was given
    return listed


def _read_once(
    session: AutomateSession, listing: Listing, hints: Mapping[str, str], absent: Collection[int], shared: SharedPages
) -> Listed | _Halt:
    params = {"pageSize": str(PAGE_SIZE), "orderBy": "Id asc", **hints}
    if listing.expand:
        params["expand"] = listing.expand
    seen = SeenIds()
    read: list[Arrays] = [arrays_of([], listing)]
    total: int | None = None
    pages_without_new = 0
    reported = time.monotonic()
    decoder = PageDecoder(listing)
    first_decoder = PageDecoder(listing, shows_fields="includeFields" in hints)

    request = PageRequest(listing, params, frozenset({*absent, *([400] if hints else [])}))

    def fetch(page: int) -> Answer:
        return request.fetch(session, page, first_decoder if page == 1 else decoder)

    with PagesAhead(fetch, session.connections, shared.take) as pages, shared:
        for page in range(1, MAX_PAGES + 1):
            place = request.place(page)
            answer = pages.get(page)
            if answer.status in absent:
                return _Halt.ABSENT
            if answer.status == 400 or (
                page == 1 and "includeFields" in hints and _lacks_a_field(answer.records, listing)
            ):
                return _Halt.HINT
            if None not in (total, answer.total) and total != answer.total:
                return _Halt.CHANGED
            total = answer.total if total is None else total
            if not answer.records and total is not None and len(seen) < total:
                # Rows may have moved between the helper's end and this one: before one reader alone they do not.
                if shared.has_helped:
                    shared.end()
                    return _Halt.CHANGED
                raise IncompleteReadError(
                    f"{place}: the list ended after {len(seen):,} of {total:,} {listing.what}; the next sync may get them "
                    "all, else check the rights of the CWA account"
                )
            before = len(seen)
            read.append(new_columns(answer.records, listing, seen, place))
            if not answer.records or len(seen) == total:
                logger.info("Read all %s %s", f"{len(seen):,}", listing.what)
                return Listed(frame_of(listing.columns, read), len(seen), total)
            pages_without_new = pages_without_new + 1 if len(seen) == before else 0
            of_total = "" if total is None else f" of {total:,}"
            if pages_without_new == NO_NEW_ROWS_LIMIT:
                raise IncompleteReadError(
                    f"{place}: CWA sends the same {listing.what} again and again, after {len(seen):,}{of_total}; it seems "
                    "to ignore `page`, look at the server and any proxy"
                )
            if time.monotonic() - reported >= PROGRESS_SECONDS:
                reported = time.monotonic()
                logger.info("Read %s%s %s", f"{len(seen):,}", of_total, listing.what)
            last = _last_page(page, len(answer.records), len(seen), total)
            pages.expect(last)
            if page == 1 and total is not None:
                shared.share(request, range(page + 1, min(last, MAX_PAGES) + 1))
    raise IncompleteReadError(
        f"CWA list of {listing.what}: no end after {MAX_PAGES:,} pages; look at the server's paging"
    )


def _last_page(page: int, records: int, seen: int, total: int | None) -> int:
    """Up to which page it is worth asking ahead: what Total-Count leaves to be read, or, where the server sends none, from the
    second page on as many as there are connections (the list ends with an empty page, and some may be asked for in vain).
    """
    if total is not None:
        return page + math.ceil((total - seen) / records)
    return page + 1 if page == 1 else MAX_PAGES


def _lacks_a_field(page: Page, listing: Listing) -> bool:
    """Whether includeFields may have cost us a field: one that no record of the page has."""
    if not page or isinstance(
        page, PageOfColumns
    ):  # the decoder of the first page was asked for every field to be seen
        return False
    return bool(set(listing.fields).difference(*(record for record in page if isinstance(record, dict))))
