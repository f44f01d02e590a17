"""The pages of one list, read by two: the reader goes from the first page on, a helper from the last one back, until they meet.

What belongs here: whose a page is, and how it comes from the helper to the reader. What must not: what a page says (`automate_paging`:
the reader looks at every page, in its order, whoever fetched it), or how a helper in another process is called (`assets.source_reads`).
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Self

from cwa_pipeline.cwa.ahead import PagesAhead
from cwa_pipeline.cwa.listing import Listing
from cwa_pipeline.cwa.page import PageDecoder
from cwa_pipeline.cwa.session import Answer, AutomateSession

SHARE = 4  # of what is left, the helper takes a quarter at once: less and less, so that neither waits long for the other in the end
FEWEST = 8  # pages that are worth handing over


class PageRequest(NamedTuple):
    """How the pages of one read are asked for."""

    listing: Listing
    params: Mapping[str, str]
    accept: frozenset[int]  # statuses that are handed back

    def place(self, page: int) -> str:
        """What to call the page in a message."""
        return f"CWA list of {self.listing.what}, page {page}"

    def fetch(self, session: AutomateSession, page: int, decoder: PageDecoder) -> Answer:
        """Ask for one page; raises what `AutomateSession.get` raises."""
        params = {**self.params, "page": str(page)}
        return session.get(self.place(page), self.listing.path, params, self.accept, decoder)


def fetch_pages(session: AutomateSession, request: PageRequest, pages: range) -> list[Answer]:
    """What a helper does: the answers to these pages, in their order."""
    decoder = PageDecoder(request.listing)
    with PagesAhead(lambda page: request.fetch(session, page, decoder), session.connections) as ahead:
        ahead.expect(pages[-1])
        return [ahead.get(page) for page in pages]


class Part:
    """Pages that are the helper's, who has to call `give` or `fail`: the reader waits for them."""

    def __init__(self, request: PageRequest, pages: range) -> None:
        self.request, self.pages = request, pages
        self.answers: dict[int, Future[Answer]] = {page: Future() for page in pages}

    def give(self, answers: Sequence[Answer]) -> None:
        """Hand over the answers to its pages."""
        for future, answer in zip(self.answers.values(), answers, strict=True):
            future.set_result(answer)

    def fail(self, error: Exception) -> None:
        """Have the reader raise what went wrong."""
        for future in self.answers.values():
            if not future.done():
                future.set_exception(error)


class SharedPages:
    """Whose each page is, for one read after the other, each in a `with`; without a helper, all pages are the reader's."""

    def __init__(self) -> None:
        """Nothing is shared yet."""
        self._changed = threading.Condition()
        self._request: PageRequest | None = None
        self._next = self._beyond = 0  # the pages that are nobody's yet: from the one up to, and without, the other
        self._helped: dict[int, Future[Answer]] = {}
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """A read is over, or begins anew: share no more pages of it; what the helper is at comes to nothing."""
        with self._changed:
            self._request, self._helped = None, {}

    # --- the reader ----------------------------------------------------------------------------------------------------

    def share(self, request: PageRequest, pages: range) -> None:
        """From now on these pages may be the helper's."""
        with self._changed:
            self._request, self._next, self._beyond, self._helped = request, pages.start, pages.stop, {}
            self._changed.notify_all()

    def take(self, page: int) -> Future[Answer] | None:
        """A page of the helper's; None for one that is the reader's own from now on."""
        with self._changed:
            helped = self._helped.get(page)
            if helped is None:
                self._next = max(self._next, page + 1)
            return helped

    @property
    def has_helped(self) -> bool:
        """Whether a page of this read is the helper's."""
        return bool(self._helped)

    def end(self) -> None:
        """There is nothing to help with any more, in this read or another one."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    # --- the helper ----------------------------------------------------------------------------------------------------

    def parts(self) -> Iterator[Part]:
        """One part after the other, waiting for the reader where it shares none, until the end."""
        while (part := self._next_part()) is not None:
            yield part

    def _next_part(self) -> Part | None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over or (self._request is not None and self._beyond - self._next >= FEWEST)
            )
            if self._is_over:
                return None
            assert self._request is not None  # noqa: S101 - waited for
            first = self._beyond - max(FEWEST, (self._beyond - self._next) // SHARE)
            part = Part(self._request, range(first, self._beyond))
            self._beyond = first
            self._helped.update(part.answers)
            return part
