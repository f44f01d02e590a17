"""What several rules need of pandas, and the types of a table."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from cwa_pipeline.tables import Table


def as_table(frame: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """Exactly the columns of the table, in its order, with its types, sorted by its key."""
    schema = table.to_schema()
    key = schema.unique or [name for name, column in schema.columns.items() if column.unique]
    return typed(frame, table).sort_values(list(key), ignore_index=True)


def typed(frame: pd.DataFrame, table: type[Table]) -> pd.DataFrame:
    """Exactly the columns of the table, in its order, with its types; the rows stay in their order."""
    types = {name: dtype.type for name, dtype in table.to_schema().dtypes.items()}
    return frame[list(types)].astype(types)


def lookup(keys: pd.Series, values: pd.Series) -> pd.Series:
    """The value under each key; null for a key that is null or not there. The index of `values` has no key twice."""
    # Not `reindex`: pandas 3.1 turns ids without a gap into a RangeIndex, and fails to reindex that by a single null.
    position = values.index.get_indexer(pd.Index(keys))
    return pd.Series(values.array.take(position, allow_fill=True), index=keys.index)


def same_text(some: pd.Series, others: pd.Series) -> pd.Series:
    """Row by row, whether two texts are the same to the letter; null equals null."""
    return (some == others).fillna(False) | (some.isna() & others.isna())


def join_texts(keys: pd.Series, texts: pd.Series, separator: str) -> pd.Series:
    """The texts of each key as one text, in the order of the rows. The index is the keys, ascending."""
    return texts.astype("object").groupby(keys).agg(separator.join).astype("str")


def first_true(cases: dict[str, pd.Series]) -> pd.Series:
    """Row by row, the name of the first case that holds; null if none does."""
    conditions = list(cases.values())
    position = np.select([condition.to_numpy() for condition in conditions], range(len(cases)), default=-1)
    return pd.Series(pd.array([*cases, None], dtype="str").take(position), index=conditions[0].index)


def map_distinct(text: pd.Series, function: Callable[[str], object], missing: object, dtype: str) -> pd.Series:
    """The function's result for each text, and `missing` for null. It is called once for each distinct text."""
    position, distinct = pd.factorize(text)  # -1, the last result, for null
    results = pd.Series([*map(function, distinct.tolist()), missing], dtype=dtype).array
    return pd.Series(results.take(position), index=text.index)
