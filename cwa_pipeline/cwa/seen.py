"""Which records of a CWA list were seen already.

What belongs here: telling new ids from repeated ones, in little room. What must not: what an id is (`automate_listing`), and what is
made of a repeated one (`automate_rows`, `automate_paging`).
"""

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt

from cwa_pipeline.cwa.page import Ids


class SeenIds:
    """The ids of a list as its pages come. While they ascend, as asked for, the numbers alone tell that each is new.

    A million of them take 8 MB so, and ten times that as a set, which is made once an id is out of order or no number.
    """

    def __init__(self) -> None:
        """None was seen yet."""
        self._ascending: list[Ids] = []
        self._last = 0
        self._count = 0
        self._any: set[Hashable] | None = None

    def __len__(self) -> int:
        """How many different ids there were."""
        return self._count if self._any is None else len(self._any)

    def note(self, ids: Ids | list[Hashable]) -> npt.NDArray[np.bool_]:
        """Which of these were not seen before, neither on an earlier page nor among these; from now on they were."""
        if self._any is None:
            if (numbers := self._going_on(ids)) is not None:
                self._ascending.append(numbers)
                self._last = int(numbers[-1]) if len(numbers) else self._last
                self._count += len(numbers)
                return np.ones(len(numbers), dtype=bool)
            self._any = {number for numbers in self._ascending for number in numbers.tolist()}
            self._ascending.clear()
        return np.fromiter(map(self._add, ids.tolist() if isinstance(ids, np.ndarray) else ids), dtype=bool)

    def _going_on(self, ids: Ids | list[Hashable]) -> Ids | None:
        """These as numbers if they ascend, from the last one on."""
        if isinstance(ids, list):
            if not all(isinstance(number, int) for number in ids):
                return None
            ids = np.array(ids, dtype=np.int64)
        ascends = bool((ids[1:] > ids[:-1]).all()) and (not len(ids) or ids[0] > self._last)
        return ids if ascends else None

    def _add(self, record_id: Hashable) -> bool:
        assert self._any is not None  # noqa: S101 - made by `note`
        before = len(self._any)
        self._any.add(record_id)
        return len(self._any) > before
