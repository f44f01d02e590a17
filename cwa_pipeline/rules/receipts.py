"""What a read of a source returns: its rows, and how many there are by an independent count in the same run."""

from typing import NamedTuple

import pandas as pd

TOTAL_COUNT = "Total-Count"
SELECT_COUNT = "SELECT COUNT(*)"
SECOND_READ = "second read of the ids"
NOTHING_ASKED = "nothing asked for"
MOST_READS = 3  # a source that changed between a read and its count three times in a row is too busy to wait for


class Reading(NamedTuple):
    """The rows read, and how many there are by another count. The two may differ: compare them before a decision."""

    frame: pd.DataFrame
    counted: int
    counted_by: str

    @property
    def is_whole(self) -> bool:
        """Whether there are rows, as many as were counted. Only then may it replace what was read before."""
        return 0 < len(self.frame) == self.counted
