"""The serial numbers out of a whole column of ordinary pcextra texts at once: flat arrays of texts, as PHP writes them.

What belongs here: cutting such texts at their quotes and holding each piece against what PHP writes, on the column's bytes. What must
not: any other text, of which nothing is said here but that it is another one (`pcextra` reads it by itself).

A text is `a:3:{` and then, three times, `i:` key `;s:` length `:"` value `";`, and at last `}`. No value that is taken here holds a
quote: so the quotes alone say where the values are, each has to be as many bytes long as the length before it says, and what stands
between two values has to be exactly the end of one and the head of the next. Then PHP cuts the text in the same places.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# What a shop has is far below; a longer number or array is another text.
MOST_DIGITS = 6
MOST_FIELDS = 99

ROWS_AT_ONCE = 20_000  # so that what is known of each quote stays in the processor's cache: a third faster than 100,000
MARGIN = 32  # zeros around a batch's bytes, so that a look at what may stand beside a quote stays within them

NO_FIELDS = ["", "a:0:{}"]


def flat_serials(texts: pa.ChunkedArray, field: int) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Read the entry `field` of each text (large_string, without a null) that is a flat array of texts without a quote in them.

    Returns each text's serial number, null where it has none, and whether it is such a text; of another one nothing is known.
    """
    serials, are_flat = [], [np.empty(0, bool)]
    for chunk in texts.chunks:
        for start in range(0, len(chunk), ROWS_AT_ONCE):
            batch, is_flat = _batch(chunk.slice(start, ROWS_AT_ONCE), field)
            serials.append(batch)
            are_flat.append(is_flat)
    return pa.chunked_array(serials, type=pa.large_string()), np.concatenate(are_flat)


def _batch(texts: pa.Array, field: int) -> tuple[pa.Array, np.ndarray]:
    raw, offsets = _bytes_of(texts)
    begins, ends = offsets[:-1], offsets[1:]

    quotes = np.flatnonzero(raw == ord('"'))
    counts = np.diff(np.searchsorted(quotes, offsets))
    is_flat = (counts > 0) & (counts % 2 == 0) & (counts <= 2 * MOST_FIELDS)
    quotes = quotes[np.repeat(is_flat, counts)]
    opening, closing = quotes[::2], quotes[1::2]
    fields = counts[is_flat] // 2
    row = np.repeat(np.flatnonzero(is_flat), fields)
    is_last = np.zeros(len(row), bool)
    is_last[np.cumsum(fields) - 1] = True
    is_first = np.roll(is_last, 1)  # behind the last one of the row before; the very first is behind the very last

    lengths, colon = _number_before(raw, opening - 1)
    keys, other_colon = _number_before(raw, colon - 2)
    head = other_colon - 1
    is_right = (raw[opening - 1] == ord(":")) & (raw[colon] == ord(":")) & (raw[other_colon] == ord(":"))
    is_right &= (raw[head] == ord("i")) & (raw[colon - 2] == ord(";")) & (raw[colon - 1] == ord("s"))
    is_right &= (keys >= 0) & (lengths == closing - opening - 1)
    behind = np.roll(closing, 1) + 2
    behind[is_first] = _behind_start(raw, begins[is_flat], fields)
    is_right &= head == behind
    is_right &= raw[closing + 1] == ord(";")
    is_right &= ~is_last | ((raw[closing + 2] == ord("}")) & (closing + 3 == ends[row]))
    is_flat[row[~is_right]] = False

    entry = np.full(len(texts), -1)
    found = np.flatnonzero((keys == field) & is_flat[row])
    entry[row[found]] = found  # of a key that comes twice the last one counts, as in PHP
    with_text = entry >= 0
    with_text[with_text] = lengths[entry[with_text]] > 0
    serials = _cut_out(raw, opening[entry[with_text]] + 1, closing[entry[with_text]], with_text)
    return serials, is_flat | pc.is_in(texts, pa.array(NO_FIELDS, texts.type)).to_numpy(zero_copy_only=False)


def _bytes_of(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """All the texts' bytes with a margin around them, and where in these each text begins; the last number is where the last one ends."""
    _, offsets, data = texts.buffers()
    offsets = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    margin = np.zeros(MARGIN, np.uint8)
    raw = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    return np.concatenate([margin, raw, margin]), offsets - offsets[0] + MARGIN


def _number_before(raw: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number whose digits end there, as PHP writes one, else -1; and where the character before it is.

    Of a longer number the last digits are read, and the character before them is a digit.
    """
    number, leading = np.zeros(len(end), np.int64), np.zeros(len(end), np.int64)
    at, goes_on = end - 1, np.ones(len(end), bool)
    for place in range(MOST_DIGITS):
        digit = raw[at].astype(np.int64) - ord("0")
        goes_on &= (digit >= 0) & (digit <= 9)
        if not goes_on.any():
            break
        number += np.where(goes_on, digit, 0) * 10**place
        leading = np.where(goes_on, digit, leading)
        at = at - goes_on
    digits = end - 1 - at
    return np.where((digits == 1) | (leading > 0), number, -1), at


def _behind_start(raw: np.ndarray, begins: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Where the first head of each array has to be: behind `a:3:{`, with the right number; -1 where the text does not start so."""
    two = fields > 9
    colon = begins + 3 + two
    starts = (raw[begins] == ord("a")) & (raw[begins + 1] == ord(":"))
    starts &= ~two | (raw[begins + 2] == ord("0") + fields // 10)
    starts &= (raw[colon - 1] == ord("0") + fields % 10) & (raw[colon] == ord(":")) & (raw[colon + 1] == ord("{"))
    return np.where(starts, colon + 2, -1)


def _cut_out(raw: np.ndarray, begins: np.ndarray, ends: np.ndarray, where: np.ndarray) -> pa.Array:
    """The texts between those places for the rows `where` it says so, else null."""
    if not len(begins):
        return pa.nulls(len(where), pa.large_string())
    # Arrow's offsets have no gaps: what lies between two texts is one too, and then only every other is taken.
    offsets = np.column_stack([begins, ends]).ravel()
    texts = pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(raw))
    return texts.take(pa.array(2 * (np.cumsum(where) - 1), mask=~where))
