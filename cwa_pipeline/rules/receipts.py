"""What a read of a source hands on: its rows, and how many there are by an independent count taken in the same run.

What belongs here: the receipt itself, and how often a read that its count contradicts is tried again. What must not: how each
system counts (`automate_counts`, `pcrt`), and what a difference means for the sync.
"""

from typing import NamedTuple

import pandas as pd

TOTAL_COUNT = "Total-Count"
SELECT_COUNT = "SELECT COUNT(*)"
SECOND_READ = "second read of the ids"
NOTHING_ASKED = "nothing asked for"
MOST_READS = 3  # a source that changed between a read and its count three times in a row is too busy to wait for


class Reading(NamedTuple):
    """The rows read, and how many there are by another way. The two may differ: whoever decides has to compare them."""

    frame: pd.DataFrame
    counted: int
    counted_by: str

    @property
    def is_whole(self) -> bool:
        """Whether there are rows, and as many as were counted: only then may it take the place of what was read before."""
        return 0 < len(self.frame) == self.counted
