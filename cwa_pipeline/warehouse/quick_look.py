"""Whether a frame is already as its table wants it, as nearly all are; seen in a hundredth of the time that pandera takes.

What belongs here: the model's checks, for a yes or a no. What must not: mending a frame, or saying what is wrong with it
(`frames`).
"""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandera.api.checks import Check

from cwa_pipeline.warehouse.schema import dtypes, key, model

NUL = "\x00"


def is_valid(table: str, frame: pd.DataFrame) -> bool:
    """Whether the table can take the frame as it is: the model's checks, without what pandera spends on telling failures apart."""
    wanted, columns = dtypes(table), model(table).columns
    if list(frame.columns) != list(wanted.index) or not (frame.dtypes == wanted).all():
        return False
    for name, column in columns.items():
        values = frame[name]
        if not column.nullable and values.hasnans:
            return False
        if isinstance(values.dtype, pd.StringDtype) and _holds_nul(values):
            return False
        if column.unique and not (_ascends(frame, [str(name)]) or values.is_unique):
            return False
        if not all(_passes(check, values.dropna()) for check in column.checks):
            return False
    unique = model(table).unique
    return not unique or _ascends(frame, key(table)) or not frame.duplicated(unique).any()


def _holds_nul(values: pd.Series) -> bool:
    """Whether one of the texts holds a NUL: only where their bytes have one at all, which costs a fortieth to see."""
    texts = pa.chunked_array(pa.array(values.array, type=pa.large_string()))
    data = [chunk.buffers()[2] for chunk in texts.chunks]
    if all(raw is None or np.frombuffer(raw, np.uint8).all() for raw in data):
        return False
    return bool(values.str.contains(NUL, regex=False).any())


def _ascends(frame: pd.DataFrame, names: list[str]) -> bool:
    """Whether each row is above the one before by these columns, so that none comes twice: nearly all tables come so, by their key."""
    above: pa.Array | None = None
    for name in reversed(names):
        values = pa.array(frame[name].array)
        before, after = values[:-1], values[1:]
        greater = pc.greater(after, before)
        above = greater if above is None else pc.or_(greater, pc.and_(pc.equal(after, before), above))
    return bool(pc.all(above, skip_nulls=False).as_py())


def _passes(check: Check, values: pd.Series) -> bool:
    """Whether values pass a check of pandera's, by pandas alone; False for a check that is not known here."""
    match check.name, check.statistics:
        case "greater_than", {"min_value": least}:
            return bool((values > least).all())
        case "greater_than_or_equal_to", {"min_value": least}:
            return bool((values >= least).all())
        case "less_than_or_equal_to", {"max_value": most}:
            return bool((values <= most).all())
        case "isin", {"allowed_values": allowed}:
            return bool(values.isin(list(allowed)).all())
    return False
