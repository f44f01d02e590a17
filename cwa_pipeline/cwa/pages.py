"""A list of CWA read whole, page after page, with the proof that no row is missing, and a count to hold it against."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
import pyarrow as pa

from cwa_pipeline.cwa.client import Answer, CwaClient, RefusedError
from cwa_pipeline.errors import IncompleteReadError
from cwa_pipeline.rules.receipts import MOST_READS, SECOND_READ, TOTAL_COUNT, Reading

logger = logging.getLogger(__name__)

PAGE_SIZE = 1000  # the usual most a CWA server gives; it may give less
# 600,000 rows from a server that gives no more than its default of 30 a page; beyond, paging does not work.
MAX_PAGES = 20_000
MAX_STARTS = 4  # a list that changed while it was read is read again; four changes in a row are no coincidence
PROGRESS_SECONDS = 5  # a line for each page would flood the log of a big server
MAX_PAGES_WITHOUT_NEW_ROWS = 2  # one page of repeats can be overlap; two in a row: the server ignores `page`


class Page(NamedTuple):
    """The records of one page as typed columns, one row a record."""

    keys: list[Hashable]  # what tells each record from all others
    columns: pa.Table
    lacks_a_field: bool  # one of the wanted fields is in none of the records


@dataclass(frozen=True)
class PagedList:
    """One list of CWA: where it is, what to ask for, and how a page's bytes become columns, and those a frame."""

    path: str
    what: str
    fields: tuple[str, ...]
    decode: Callable[[bytes], Page]  # raises what `CwaClient.get` says
    frame_of: Callable[[pa.Table], pd.DataFrame]
    include_fields: bool = True  # ask the server to send `fields` only
    condition: str = ""
    expand: str = ""


class WholeList(NamedTuple):
    """A list read whole: its rows, how many records it had (each counted once), and its Total-Count if the server sent one."""

    frame: pd.DataFrame
    records: int
    total: int | None


class _ChangedError(Exception):
    """Rows were added or removed while the list was read."""


class _FieldLostError(Exception):
    """includeFields may have cost us a field: no record has it."""


def read_list(client: CwaClient, wanted: PagedList) -> WholeList:
    """Read a whole list.

    Raises IncompleteReadError when a row could have been missed, SourceError for a record that cannot be understood, and
    what `CwaClient.get` raises. The limit: a row deleted from a page already read moves a later one out of sight.
    Total-Count shows that, and on a server that sends none a second read (`read_and_count`). With Total-Count, a row
    that is added in the same moment is only seen the next night.
    """
    # Hints only save work. A server that refuses one is asked again without it, the least needed first.
    hints = {
        "includeFields": ",".join(wanted.fields) if wanted.include_fields else "",
        "condition": wanted.condition,
    }
    hints = {name: value for name, value in hints.items() if value}
    starts = 1
    while True:
        try:
            return _read_once(client, wanted, hints)
        except RefusedError as refused:
            if refused.status != 400 or not hints:
                raise
            hints.pop(next(iter(hints)))
        except _FieldLostError:
            hints.pop("includeFields")
        except _ChangedError:
            if starts == MAX_STARTS:
                raise IncompleteReadError(
                    f"CWA list of {wanted.what}: its Total-Count changed during each of {MAX_STARTS} reads; try again "
                    "when CWA is quieter"
                ) from None
            starts += 1
            logger.info("The list of %s changed while it was read; starting over", wanted.what)


def read_and_count(what: str, read: Callable[[], WholeList], read_ids: Callable[[], pd.DataFrame]) -> Reading:
    """A list and its count: Total-Count if the server sends it, else the number of rows in a second read of the ids.

    The columns of the second read are columns of the list. A list that changed between the two reads is read again, at
    most MOST_READS times; then it comes back with both numbers.
    """
    for _ in range(MOST_READS):
        whole = read()
        if whole.total is not None:
            return Reading(whole.frame, whole.total, TOTAL_COUNT)
        second = read_ids()
        first = whole.frame[list(second.columns)]
        counted = len(second)
        if first.equals(second):
            break
        if len(first) == len(second):
            # If as many rows went as came, the number alone would hide it: then every row of either read counts.
            counted = len(pd.concat([first, second]).drop_duplicates())
            if counted == len(first):
                break
        logger.info("The second read of the %s found other ids than the first", what)
    return Reading(whole.frame, counted, SECOND_READ)


def _read_once(client: CwaClient, wanted: PagedList, hints: Mapping[str, str]) -> WholeList:
    """One pass through the list, up to its Total-Count or, without one, to an empty page."""
    params = {"pageSize": str(PAGE_SIZE), "orderBy": "Id asc", **hints}
    if wanted.expand:
        params["expand"] = wanted.expand
    seen: set[Hashable] = set()
    tables: list[pa.Table] = []
    total: int | None = None
    pages_without_new = 0
    reported = time.monotonic()

    def fetch(number: int) -> Answer[Page]:
        what = f"CWA list of {wanted.what}, page {number}"
        return client.get(what, wanted.path, {**params, "page": str(number)}, wanted.decode)

    with closing(_in_order(fetch, client.connections)) as answers:
        for number, (page, now_total) in enumerate(answers, 1):
            if number == 1 and page.lacks_a_field and "includeFields" in hints:
                raise _FieldLostError
            if total is not None and now_total is not None and total != now_total:
                raise _ChangedError
            total = now_total if total is None else total
            of_total = "" if total is None else f" of {total:,}"
            is_new = mark_new(seen, page.keys)
            tables.append(page.columns if all(is_new) else page.columns.filter(pa.array(is_new)))
            if not page.keys and total is not None and len(seen) < total:
                raise IncompleteReadError(
                    f"CWA list of {wanted.what}, page {number}: the list ended after {len(seen):,}{of_total} {wanted.what}; "
                    "the next sync may get them all, else check the rights of the CWA account"
                )
            if not page.keys or len(seen) == total:
                logger.info("Read all %s %s", f"{len(seen):,}", wanted.what)
                return WholeList(wanted.frame_of(pa.concat_tables(tables)), len(seen), total)
            pages_without_new = 0 if any(is_new) else pages_without_new + 1
            if pages_without_new == MAX_PAGES_WITHOUT_NEW_ROWS:
                raise IncompleteReadError(
                    f"CWA list of {wanted.what}, page {number}: CWA sends the same {wanted.what} again and again, after "
                    f"{len(seen):,}{of_total}; it seems to ignore `page`, check the server and any proxy"
                )
            if time.monotonic() - reported >= PROGRESS_SECONDS:
                reported = time.monotonic()
                logger.info("Read %s%s %s", f"{len(seen):,}", of_total, wanted.what)
    raise IncompleteReadError(f"CWA list of {wanted.what}: no end after {MAX_PAGES:,} pages; check the server's paging")


def mark_new(seen: set[Hashable], keys: Iterable[Hashable]) -> list[bool]:
    """Which of these were not seen before, neither on an earlier page nor among these; adds them to `seen`."""
    is_new = []
    for key in keys:
        is_new.append(key not in seen)
        seen.add(key)
    return is_new


def _in_order(fetch: Callable[[int], Answer[Page]], connections: int) -> Generator[Answer[Page], None, None]:
    """All pages in their order, at most `connections` of them in flight. Close it to cancel the rest."""
    first = fetch(1)
    yield first
    start, last = 2, MAX_PAGES
    if first.total is None:
        # The list ends with an empty page. Most lists have one page only, so do not ask for many empty ones yet.
        yield fetch(2)
        start = 3
    elif first.content.keys:
        last = min(last, math.ceil(first.total / len(first.content.keys)))
    in_flight: deque[Future[Answer[Page]]] = deque()
    with ThreadPoolExecutor(connections, thread_name_prefix="cwa-pages") as pool:
        try:
            for number in range(start, last + 1):
                in_flight.append(pool.submit(fetch, number))
                if len(in_flight) == connections:
                    yield in_flight.popleft().result()
            while in_flight:
                yield in_flight.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
    yield from map(fetch, range(last + 1, MAX_PAGES + 1))  # pages that overlap or get shorter
