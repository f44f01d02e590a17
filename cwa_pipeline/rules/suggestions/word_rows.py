"""The words of a whole column of names at once: what `rules.likeness.names` says of one name.

What belongs here: the same words by pyarrow, for names in plain ASCII; the others are left to `names`. What must not: a form of
words of its own: what changes there has to change here, and the test that holds the one against the other says so.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cwa_pipeline.rules.suggestions import names

_TEXT = pa.large_string()
_NOTHING = pa.scalar("", _TEXT)
_NOT_TELLING = pa.array([*names.COMMON_WORDS, *names.MAKE_OF], type=_TEXT)


class _Words(NamedTuple):
    """Words, and the row that each is from, ascending; the words of one row stand as in its text."""

    row: np.ndarray
    word: pa.Array


def word_rows(text: pd.Series, form: Callable[[str], list[str]], among: pd.Series | None = None) -> pd.DataFrame:
    """One row per text and word that `form`, a function of `names`, finds in it: row (position in `text`) and word.

    With `among`, a word that is none of those is left out.
    """
    values = pa.array(text.astype("str").array)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    is_ascii = pc.fill_null(pc.string_is_ascii(values), True)  # a name that is not there has no words either way
    other = np.flatnonzero(~is_ascii.to_numpy(zero_copy_only=False))
    lists = [form(value) for value in values.take(pa.array(other)).to_pylist()]
    others = _Words(other.repeat([*map(len, lists)]), pa.array([word for found in lists for word in found], type=_TEXT))
    words: Iterable[_Words] = chain(_FORMS[form](pc.if_else(is_ascii, values, _NOTHING)), [others])
    if among is not None:
        wanted = pa.array(among.drop_duplicates().astype("str").array)
        words = (_kept(some, pc.is_in(some.word, value_set=wanted)) for some in words)
    return _once(_together(map(_telling, words)))


def _once(words: _Words) -> pd.DataFrame:
    """Each word of a row once, in order of rows."""
    number, distinct = pd.factorize(pd.array(words.word, dtype="str"))
    both = np.sort(words.row.astype("int64") << 32 | number)
    both = both[np.diff(both, prepend=-1) != 0]
    return pd.DataFrame({"row": both >> 32, "word": distinct.take(both & 0xFFFFFFFF)})


# --- the forms: each as the function of that name in `names`, before `telling` -----------------------------------------


def _whole_name(text: pa.Array) -> Iterator[_Words]:
    words = _words_of(text)
    said = np.unique(_telling(_without_number(words)).row)
    words = _kept(words, pa.array(np.isin(words.row, said)))
    row, start = np.unique(words.row, return_index=True)
    offsets = pa.array(np.append(start, len(words.row)), type=pa.int32())
    yield _Words(row, pc.binary_join(pa.ListArray.from_arrays(offsets, words.word), _NOTHING))


def _name_words(text: pa.Array) -> Iterator[_Words]:
    yield _without_number(_words_of(text))


def _user_words(text: pa.Array) -> Iterator[_Words]:
    without_domain = pc.replace_substring_regex(text, r"(?s)^.*\\", "")
    return _name_words(pc.replace_substring_regex(without_domain, "(?s)@.*$", ""))


def _typed_words(text: pa.Array) -> Iterator[_Words]:
    words = _words_of(text)
    yield words
    yield _without_number(words)
    yield _Words(words.row, pc.replace_substring_regex(words.word, "s$", ""))
    first, second = _neighbours(words, 2)
    yield _joined([_Words(first.row, pc.utf8_slice_codeunits(first.word, 0, 1)), second])
    for size in (2, 3, 4):
        joined = _joined(_neighbours(words, size))
        yield joined
        yield _without_number(joined)


_FORMS: dict[Callable[[str], list[str]], Callable[[pa.Array], Iterator[_Words]]] = {
    names.whole_name: _whole_name,
    names.name_words: _name_words,
    names.user_words: _user_words,
    names.typed_words: _typed_words,
}


def _words_of(text: pa.Array) -> _Words:
    text = pc.replace_substring_regex(text, "([a-z])([A-Z])", r"\1 \2")
    text = pc.ascii_lower(pc.replace_substring_regex(text, r"['`]s\b", " "))
    lists = pc.split_pattern(pc.ascii_trim(pc.replace_substring_regex(text, "[^0-9a-z]+", " "), " "), " ")
    row = pc.list_parent_indices(lists).to_numpy()
    place = np.arange(len(row)) - np.searchsorted(row, row)
    words = _Words(row, pc.list_flatten(lists))
    return _kept(words, pc.and_(pc.not_equal(words.word, ""), pa.array(place < names.MOST_WORDS)))


def _telling(words: _Words) -> _Words:
    """As `names.telling`, but for the words that a row has twice."""
    is_long = pc.greater_equal(pc.binary_length(words.word), names.LEAST_LETTERS)
    says_nothing = pc.or_(
        pc.match_substring_regex(words.word, "^[0-9]+$"), pc.is_in(words.word, value_set=_NOT_TELLING)
    )
    return _kept(words, pc.and_not(is_long, says_nothing))


def _without_number(words: _Words) -> _Words:
    """As `names._without_number`: a word that is all digits stays."""
    letters = pc.ascii_rtrim(words.word, "0123456789")
    return _Words(words.row, pc.if_else(pc.equal(letters, _NOTHING), words.word, letters))


def _neighbours(words: _Words, size: int) -> list[_Words]:
    """Each so many words that stand side by side in a row: all the first ones, all the second ones, and so on."""
    many = max(len(words.row) - size + 1, 0)
    of_one_row = pa.array(words.row[:many] == words.row[size - 1 :][:many])
    parts = [_Words(words.row[:many], words.word.slice(start, many)) for start in range(size)]
    return [_kept(part, of_one_row) for part in parts]


def _joined(parts: list[_Words]) -> _Words:
    return _Words(parts[0].row, pc.binary_join_element_wise(*(part.word for part in parts), _NOTHING))


def _kept(words: _Words, mask: pa.Array) -> _Words:
    return _Words(words.row[mask.to_numpy(zero_copy_only=False)], words.word.filter(mask))


def _together(words: Iterable[_Words]) -> _Words:
    rows, texts = zip(*words, strict=True)
    return _Words(np.concatenate(rows), pa.concat_arrays(texts))
