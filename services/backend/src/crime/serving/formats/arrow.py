"""Answer Arrow IPC streams with Apache's nanoarrow: pyarrow would double the size of the image.

nanoarrow reads neither string views nor compressed dictionaries; its error says so.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import IO, Any

import numpy as np

from crime.classifier.scoring import ANSWER_COLUMNS, ScoreBlock, ScoredReports, encode_cells
from crime.core import limits
from crime.core.errors import DataError
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.cells import OMITTED
from crime.reports.distinct_texts import encode_texts
from crime.reports.parsing import locate_columns, parse_columns
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.sources import READ_COLUMNS
from crime.reports.table import EncodedColumn
from crime.reports.tally import Tally
from crime.serving.formats.arrow_messages import CheckedStream

NESTED_TYPES = frozenset(
    ("STRUCT", "SPARSE_UNION", "DENSE_UNION", "MAP", "RUN_END_ENCODED", "LIST", "LARGE_LIST", "FIXED_SIZE_LIST")
)
TEXT_TYPES = ("STRING", "LARGE_STRING")
LIST_TYPES = frozenset(("LIST", "LARGE_LIST", "FIXED_SIZE_LIST"))
ARROW_TYPE = "application/vnd.apache.arrow.stream"


@dataclass(frozen=True)
class ArrowStream:
    """`arrays`: a `nanoarrow.ArrayStream` of what `checked` lets pass."""

    arrays: Any
    checked: CheckedStream

    def data_error(self, error: Exception) -> DataError:
        """Why nanoarrow could not read on."""
        return self.checked.error or DataError(f"the Arrow stream can't be read: {error}")


@contextmanager
def open_arrow(file: IO[bytes]) -> Iterator[ArrowStream]:
    """Raises `DataError` if the file is no Arrow stream."""
    import nanoarrow
    from nanoarrow._utils import NanoarrowException
    from nanoarrow.ipc import InputStream

    checked = CheckedStream(file)
    try:
        with InputStream.from_readable(checked) as stream, nanoarrow.ArrayStream(stream) as arrays:
            yield ArrowStream(arrays, checked)
    except NanoarrowException as error:
        raise checked.error or DataError(f"not an Arrow stream that can be read: {error}") from None


def column_names(stream: ArrowStream) -> list[str]:
    """The names of a stream's columns. Raises `DataError`."""
    from nanoarrow._utils import NanoarrowException

    try:
        return [field.name or "" for field in stream.arrays.schema.fields]
    except (NanoarrowException, UnicodeDecodeError) as error:
        raise stream.data_error(error) from None


def answer_arrow(stream: ArrowStream, score: ScoreBlock) -> Iterator[bytes]:
    """An Arrow stream of the columns `ANSWER_COLUMNS`: record batches of `ARROW_BLOCK_ROWS` rows at most, in order.

    Raises `DataError` if it is no LAPD table.
    """
    from nanoarrow._utils import NanoarrowException
    from nanoarrow.ipc import StreamWriter

    try:
        positions = locate_columns(column_names(stream))
        positions = {key: position for key, position in positions.items() if key in READ_COLUMNS}
        out = io.BytesIO()
        with StreamWriter.from_writable(out) as writer:
            for rows, columns in _blocks(stream, positions):
                scored = score(parse_columns(columns, rows, Tally(), reading="payload"))
                writer.write_array(_answer_batch(scored), write_schema=None)
                yield _take(out)
        yield _take(out)
    except NanoarrowException as error:
        raise stream.data_error(error) from None


def _blocks(stream: ArrowStream, positions: Mapping[str, int]) -> Iterator[tuple[int, dict[str, EncodedColumn]]]:
    """The stream in blocks, each as its number of rows and its columns by field.

    A record batch is split because its cells take many times their bytes in Python. A stream without a record batch
    gives one empty block, so that the answer has a schema.
    """
    is_empty = True
    for batch in stream.arrays:
        is_empty = False
        for start in range(0, max(len(batch), 1), limits.ARROW_BLOCK_ROWS):
            rows = range(start, min(start + limits.ARROW_BLOCK_ROWS, len(batch)))
            yield len(rows), {key: _column(key, batch, at, rows) for key, at in positions.items()}
    if is_empty:
        yield 0, {key: encode_cells(key, []) for key in positions}


def _column(key: str, batch: Any, position: int, rows: range) -> EncodedColumn:
    """The cells of a column in these rows. Raises `DataError` for what has no place in a report, such as a map."""
    import nanoarrow

    try:
        column = batch.child(position)
        if len(column) != len(batch):
            raise ValueError(f"it has {len(column):,} cells in {len(batch):,} rows")
        if not _is_plain(column.schema):
            raise TypeError(f"it is of the type {column.schema.type.name.lower()}")
        part = nanoarrow.c_array(column)[rows.start : rows.stop]
        if column.schema.type.name in TEXT_TYPES and rows:
            return _encode_texts(key, part)
        return encode_cells(key, nanoarrow.Array(part).to_pylist())
    except Exception as error:  # nanoarrow and Python's dates raise many kinds
        raise DataError(f"column {position + 1} of the Arrow stream can't be read: {error}") from None


def _encode_texts(key: str, array: Any) -> EncodedColumn:
    """The cells of a text column. Raises `ValueError` if its offsets are damaged."""
    view = array.view()
    offsets = np.asarray(view.buffer(1))[array.offset : array.offset + len(array) + 1]
    data = memoryview(view.buffer(2))
    if len(offsets) <= len(array) or offsets[0] < 0 or offsets[-1] > data.nbytes or (np.diff(offsets) < 0).any():
        raise ValueError("the offsets of its texts are damaged")
    data, offsets = data[offsets[0] : offsets[-1]], offsets - offsets[0]
    encoded = encode_texts(data, offsets[:-1], np.diff(offsets))
    if encoded is None:
        cells = [str(data[start:end], "utf-8") for start, end in pairwise(offsets.tolist())]
        encoded = encode_cells(key, cells)
    if not array.null_count:
        return encoded
    texts, index = encoded
    is_known = np.fromiter(view.buffer(0).elements(array.offset, len(array)), bool, len(array))
    return [*texts, OMITTED], np.where(is_known, index, len(texts))


def _is_plain(schema: Any) -> bool:
    """Whether cells are single values, or lists of them. Others can be far larger in Python than their buffers are."""
    kind = schema.type.name
    if kind == "DICTIONARY":
        return schema.value_type.type.name not in NESTED_TYPES
    if kind in LIST_TYPES:
        return schema.value_type.type.name not in NESTED_TYPES | {"DICTIONARY"}
    return kind not in NESTED_TYPES


def _answer_batch(scored: ScoredReports) -> Any:
    import nanoarrow as na

    accepted, probabilities = scored.accepted, scored.probabilities
    label = np.where(accepted, np.nan_to_num(probabilities).argmax(1), 0).astype(np.int8)

    def null_where_rejected(values: Sequence[Any]) -> list[Any]:
        return [value if good else None for value, good in zip(values, accepted.tolist(), strict=True)]

    def names(index: np.ndarray, all_names: Sequence[str]) -> Any:
        return na.c_array(null_where_rejected([all_names[position] for position in index.tolist()]), na.string())

    def numbers(values: np.ndarray) -> Any:
        return na.c_array(np.ascontiguousarray(values), na.float64())

    children = [
        na.c_array(label if accepted.all() else null_where_rejected(label.tolist()), na.int8()),
        names(label, CATEGORY_NAMES),
        numbers(probabilities.max(1)),
        names(scored.level, list(DETAIL_LEVELS)),
        *map(numbers, probabilities.T),
        na.c_array([None if error is None else str(error) for error in scored.errors], na.string()),
    ]
    schema = na.struct({name: child.schema for name, child in zip(ANSWER_COLUMNS, children, strict=True)})
    return na.c_array_from_buffers(schema, len(accepted), [None], children=children)


def _take(out: io.BytesIO) -> bytes:
    content = out.getvalue()
    out.seek(0)
    out.truncate()
    return content
