"""How the rules handle frames, whatever a frame is about.

What belongs here: what several rules need of pandas, and the border at which a result gets the types of its table. What
must not: anything that knows what a column means.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.tables import Table


def as_table(frame: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """Exactly the columns of the table, in its order, with its types, sorted by its key."""
    schema = table.to_schema()
    key = schema.unique or [name for name, column in schema.columns.items() if column.unique]
    return typed(frame, table).sort_values(list(key), ignore_index=True)


def typed(frame: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """Exactly the columns of the table, in its order, with its types; rows of it that are still to be sorted among others."""
    types = {name: dtype.type for name, dtype in table.to_schema().dtypes.items()}
    return frame[list(types)].astype(types)


def lookup(keys: pd.Series, values: pd.Series) -> pd.Series:
    """For each key the value that `values` has under it, once; null for a key that is null or not there."""
    # Not `reindex`: pandas 3.1 turns ids without a gap into a RangeIndex, and fails to reindex that by a single null.
    are_texts = isinstance(values.index.dtype, pd.StringDtype) and isinstance(keys.dtype, pd.StringDtype)
    position = positions(keys, pd.Series(values.index)) if are_texts else values.index.get_indexer(pd.Index(keys))
    return pd.Series(values.array.take(position, allow_fill=True), index=keys.index)


def same_text(some: pd.Series, others: pd.Series) -> pd.Series:
    """Row by row whether two texts are the same, to the letter; null is the same as null."""
    return (some == others).fillna(False) | (some.isna() & others.isna())


def positions(text: pd.Series, among: pd.Series) -> np.ndarray:
    """Where each text stands among others, first where several are equal; -1 where it does not, and for null.

    For `isin` and `merge`, which go through large columns of texts far more slowly.
    """
    others = pa.array(among.astype("str").array)
    found = pc.index_in(pa.array(text.astype("str").array), value_set=others, skip_nulls=True)
    return found.fill_null(-1).to_numpy(zero_copy_only=False)


def join_texts(keys: pd.Series, texts: pd.Series, separator: str) -> pd.Series:
    """The texts of each key in one text, in the order of the rows; neither may be null. By ascending key."""
    order = keys.argsort(kind="stable").to_numpy()
    of_key = keys.array.take(order)
    starts = np.flatnonzero(np.append(True, of_key[1:] != of_key[:-1])) if len(keys) else order
    offsets = pa.array(np.append(starts, len(keys)), type=pa.int32())
    values = pa.concat_arrays([pa.array(texts.tolist(), type=pa.large_string())]).take(pa.array(order))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, values), pa.scalar(separator, values.type))
    return pd.Series(pd.array(joined, dtype="str"), index=pd.Index(of_key.take(starts), name=keys.name))


def first_true(cases: dict[str, pd.Series]) -> pd.Series:
    """Row by row the name of the first case that holds; null where none does."""
    conditions = list(cases.values())
    position = np.select([condition.to_numpy() for condition in conditions], range(len(cases)), default=-1)
    return pd.Series(pd.array([*cases, None], dtype="str").take(position), index=conditions[0].index)


def map_distinct(text: pd.Series, function: Callable[[str], object], missing: object, dtype: str) -> pd.Series:
    """The function's result for each text, `missing` where there is none; called once for each distinct text."""
    given = (
        text.notna().to_numpy()
    )  # a column such as Asset Tag is nearly always empty: what is not there costs nothing
    position, distinct = pd.factorize(text[given])
    results = pd.Series([*map(function, distinct.tolist()), missing], dtype=dtype).array
    which = np.full(len(text), len(distinct))
    which[given] = position
    return pd.Series(results.take(which), index=text.index)


def map_text(
    text: pd.Series,
    usual: str,
    of_usual: Callable[[pa.Array], pa.Array],
    function: Callable[[str], str],
    missing: str | None = None,
) -> pd.Series:
    """What `map_distinct` gives for a function from text to text: by `of_usual`, of pyarrow, for texts that match `usual`.

    For each text that matches the pattern both functions have to give the same; whoever calls this has a test of that.
    """
    values = pa.array(text.astype("str").array)
    is_usual = pc.match_substring_regex(values, usual)
    found = of_usual(values)
    results = pd.array(found if missing is None else pc.fill_null(found, missing), dtype="str")
    others = pc.invert(is_usual).fill_null(False).to_numpy(zero_copy_only=False)
    if others.any():
        results[others] = map_distinct(text[others], function, missing, "str").array
    return pd.Series(results, index=text.index)
