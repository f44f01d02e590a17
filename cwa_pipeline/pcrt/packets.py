"""MariaDB's and MySQL's rows as columns: cut out of the packets as they come, without a Python object for each value.

What belongs here: where rows and values lie in the bytes that the driver has received. What must not: what a value means
(`values`), a statement.

All that the server sends is taken in first (`intake`); where each row begins is looked at afterwards.
"""

from array import array
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pymysql  # type: ignore[import-untyped]
from pymysql.constants import CR  # type: ignore[import-untyped]
from pymysql.cursors import SSCursor  # type: ignore[import-untyped]

from cwa_pipeline.pcrt.intake import FIRST_NO_ROW, taking_in

# It reads on in the driver's own buffer, which is no promise of PyMySQL's: only for versions of which that was looked at.
KNOWN_VERSIONS = {(1, 2)}

BLOCK_BYTES = 8_000_000  # cut up at once: enough that numpy's own cost does not show, little beside the rows themselves
HEADER_BYTES = 4  # of a packet: three for its length, one for its number
NULL = 251
WIDE_LENGTHS = {252: 2, 253: 3, 254: 8}  # lengths that do not fit the one byte: how many follow it

Column: TypeAlias = pa.ChunkedArray | list[Any]


class _Block(NamedTuple):
    """The bytes of many rows, and where each row begins and ends in them."""

    raw: bytes
    begins: np.ndarray
    ends: np.ndarray


class ColumnCursor(SSCursor):
    """PyMySQL's unbuffered cursor, with one more way to fetch."""

    @staticmethod
    def reads_as_known() -> bool:
        """Whether the driver is one of those whose buffer is known."""
        return pymysql.VERSION[:2] in KNOWN_VERSIONS

    def fetch_columns(self) -> list[Column]:
        """All rows of the last statement, column by column: texts and whole numbers as Arrow, others as the driver gives them."""
        result = self._result
        if result is None or not result.unbuffered_active:  # a statement without rows
            return []
        try:
            with taking_in(result.connection, BLOCK_BYTES):
                blocks = list(self._blocks())
        finally:  # all is read, or the connection is lost: there is nothing left to read before the next statement
            result.unbuffered_active, result.connection = False, None
        blocks.reverse()
        parts: list[list[pa.Array | list[Any]]] = [[] for _ in result.converters]
        while blocks:  # each is let go once it is cut up
            for part, values, (encoding, converter) in zip(
                parts, _columns(blocks.pop(), len(parts)), result.converters, strict=True
            ):
                part.append(_typed(values, encoding, converter))
        return [joined(part) for part in parts]

    def _blocks(self) -> Iterator[_Block]:
        """Take in all rows. Each blocking read, end and error is the driver's; what it has received already is taken at once."""
        connection, result = self.connection, self._result
        pieces: list[bytes] = []
        bounds: list[np.ndarray] = []  # of each piece: where its rows' packets begin, and where the last one ends
        size = 0
        while True:
            packet = connection._read_packet()
            if result._check_packet_is_eof(packet):
                break
            pieces.append(packet.get_all_data())
            bounds.append(np.array([-HEADER_BYTES, len(pieces[-1])]))  # the driver has taken its head off
            size += len(pieces[-1])
            try:
                ahead = connection._rfile.peek()
            except OSError:  # the driver meets it next, and says what it is
                continue
            rows = _whole_rows(ahead, connection._next_seq_id)
            if len(rows) > 1:
                pieces.append(connection._rfile.read(int(rows[-1])))
                bounds.append(rows)
                size += len(pieces[-1])
                connection._next_seq_id = (connection._next_seq_id + len(rows) - 1) % 256
            if size > BLOCK_BYTES:
                yield _block(pieces, bounds)
                pieces, bounds, size = [], [], 0
        if pieces:
            yield _block(pieces, bounds)


def _whole_rows(ahead: bytes, number: int) -> np.ndarray:
    """Where the packets of rows begin that are there as a whole, in order and without doubt, and where the last of them ends."""
    bounds = array("q", [0])
    at, last = 0, len(ahead) - HEADER_BYTES
    while at < last:
        following = at + HEADER_BYTES + (ahead[at] | ahead[at + 1] << 8 | ahead[at + 2] << 16)
        if following > len(ahead) or ahead[at + 3] != number or ahead[at + 4] >= FIRST_NO_ROW:
            break
        bounds.append(following)
        at, number = following, (number + 1) % 256
    return np.frombuffer(bounds, np.int64)


def _block(pieces: list[bytes], bounds: list[np.ndarray]) -> _Block:
    starts = accumulate(map(len, pieces[:-1]), initial=0)
    in_block = [start + rows for start, rows in zip(starts, bounds, strict=True)]
    begins = np.concatenate([rows[:-1] for rows in in_block]) + HEADER_BYTES
    return _Block(b"".join(pieces), begins, np.concatenate([rows[1:] for rows in in_block]))


def _columns(block: _Block, count: int) -> list[pa.Array]:
    """The values of each column as bytes: a row is value after value, each behind its length."""
    raw = np.frombuffer(block.raw, np.uint8)
    columns, at = [], block.begins
    odd = np.arange(0, 2 * len(at) - 1, 2)
    try:
        for _ in range(count):
            begins, ends, is_null = _values_at(raw, at)
            # Arrow's offsets have no gaps, so what lies between two values is one too, and then only every other is taken.
            offsets = np.column_stack([begins, ends]).ravel()
            buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block.raw)]
            values = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)
            columns.append(values.take(pa.array(odd, mask=is_null)))
            at = ends
    except IndexError:  # a length led out of the block
        at = block.begins
    if not np.array_equal(at, block.ends):
        raise pymysql.OperationalError(CR.CR_MALFORMED_PACKET, "Malformed packet")
    return columns


def _values_at(raw: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the values begin and end whose lengths stand at these places, and which are NULL."""
    lead = raw[at]
    lengths, begins = lead.astype(np.int64), at + 1
    is_null = lead == NULL
    if (lead >= NULL).any():
        lengths[is_null] = 0
        for code, width in WIDE_LENGTHS.items():
            wide = np.flatnonzero(lead == code)
            digits = raw[begins[wide, None] + np.arange(width)].astype(np.int64)
            lengths[wide] = (digits << 8 * np.arange(width)).sum(axis=1)
            begins[wide] += width
    ends = begins + lengths
    if (ends < begins).any() or (ends > len(raw)).any():
        raise IndexError
    return begins, ends, is_null


def _typed(values: pa.Array, encoding: str | None, converter: Any) -> pa.Array | list[Any]:
    """One column's bytes as the driver would convert them: at once where they are plain texts or numbers, else one by one."""
    try:
        if encoding == "utf8" and converter is None:
            return values.cast(pa.large_string())
        if encoding == "ascii" and converter is int:
            return values.cast(pa.large_string()).cast(pa.int64())
    except pa.ArrowInvalid:  # not UTF-8, or a number of more than 64 bits
        pass

    def converted(value: bytes) -> Any:
        text = value if encoding is None else value.decode(encoding)
        return text if converter is None else converter(text)

    return [None if value is None else converted(value) for value in values.to_pylist()]


def joined(parts: list[pa.Array | list[Any]]) -> Column:
    """The parts of a column as one: Arrow where all of them are of one type, else Python's values."""
    types = {part.type if isinstance(part, pa.Array) else None for part in parts}
    if None not in types and len(types) == 1:
        return pa.chunked_array(parts)
    return [value for part in parts for value in (part if isinstance(part, list) else part.to_pylist())]


def appended(columns: list[Column]) -> Column:
    """Columns one behind the other."""
    filled = [column for column in columns if len(column)]
    return joined(
        [part for column in filled for part in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])]
    )
