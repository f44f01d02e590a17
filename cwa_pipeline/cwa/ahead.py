"""Pages of a list asked for while earlier ones are still on their way.

What belongs here: how many are asked for at once, and handing them on in their order. What must not: what a page says, or how many
there are (`automate_paging`).

A server that answers about as soon as a page is decoded is asked for one page after another: there is hardly anything to wait for, and
threads that receive only take the interpreter from the one that decodes, a quarter of the time of reading a million computers.
"""

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from cwa_pipeline.cwa.session import Answer

WORTH_IT = 3  # times as long as a page is decoded it has to be on its way, for others to be asked for meanwhile
LOOKED_BACK_AT = 8  # pages; the quickest of them tells how long the server takes, the others may have waited for us


class PagesAhead:
    """The pages of one read, in order; `with` ends with none of them on its way any more."""

    def __init__(
        self,
        fetch: Callable[[int], Answer],
        connections: int,
        elsewhere: Callable[[int], Future[Answer] | None] = lambda _: None,
    ) -> None:
        """`elsewhere` gives what somebody else fetches, and is asked before a page is asked for here."""
        self._fetch = fetch
        self._elsewhere = elsewhere
        self._connections = connections
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="cwa-pages")
        self._on_their_way: dict[int, Future[Answer]] = {}
        self._last = 1
        self._at_once = 1
        self._on_its_way: deque[float] = deque(maxlen=LOOKED_BACK_AT)

    def __enter__(self) -> Self:
        """Nothing is asked for yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of what nobody waits for any more: what was not begun never is, what was begun comes to its end."""
        self._pool.shutdown(cancel_futures=True)

    def expect(self, last: int) -> None:
        """Up to which page the list seems to go; pages beyond are only asked for when it is their turn."""
        self._last = last

    def get(self, page: int) -> Answer:
        """The answer to this page, asking for those behind it meanwhile; raises what asking for this page raised."""
        if self._at_once == 1 and page not in self._on_their_way:
            # By the thread that goes on with it: what another one has received is out of this processor's cache, a fifth of the time.
            elsewhere = self._elsewhere(page)
            answer = elsewhere.result() if elsewhere else self._fetch(page)
        else:
            for number in range(page, max(page, min(self._last, page + self._at_once - 1)) + 1):
                if number not in self._on_their_way:
                    self._on_their_way[number] = self._elsewhere(number) or self._pool.submit(self._fetch, number)
            answer = self._on_their_way.pop(page).result()
        self._on_its_way.append(answer.on_its_way)
        self._at_once = self._worth_asking_for(answer.decoding)
        return answer

    def _worth_asking_for(self, decoding: float) -> int:
        """As many pages at once as come in while one is on its way, the one that is decoded included."""
        quickest = min(self._on_its_way)
        if quickest <= WORTH_IT * decoding:
            return 1
        return min(self._connections, 1 + math.ceil(quickest / decoding)) if decoding else self._connections
