"""How serial numbers are compared, and which of them identify no machine."""

from collections.abc import Iterable

import pandas as pd

from cwa_pipeline.rules.frames import as_table, map_distinct
from cwa_pipeline.tables import SerialBlacklist


def normalise(text: pd.Series) -> pd.Series:
    """A serial is compared normalised: trimmed, inner white space collapsed to one blank, case-folded."""
    return map_distinct(text, lambda value: " ".join(value.split()).casefold(), missing="", dtype="str")


def with_normalised_serial(machines: pd.DataFrame) -> pd.DataFrame:
    """Tables keep the serial number as read, and the normalised form in a column of its own right after it."""
    machines = machines.drop(columns="serial_number_normalised", errors="ignore")
    after = machines.columns.tolist().index("serial_number") + 1
    machines.insert(after, "serial_number_normalised", normalise(machines["serial_number"]))
    return machines


def serial_blacklist(lines: Iterable[str]) -> pd.DataFrame:
    """The generic serials, one value a line as it stands; blank is always one of them.

    Of values that compare equal, the first counts. Returns a `serial_blacklist` table.
    """
    values = pd.Series([*(line.rstrip("\r\n") for line in lines), ""], dtype="str")
    listed = pd.DataFrame({"serial_number": values, "normalised": normalise(values)})
    return as_table(listed.drop_duplicates("normalised"), SerialBlacklist)


def is_generic(normalised: pd.Series, serial_blacklist: pd.DataFrame) -> pd.Series:
    """A generic serial is one whose normalised form is on the blacklist: an exact match, never "contains"."""
    return normalised.isin(serial_blacklist["normalised"].tolist())
