"""Answer Arrow IPC streams with Apache's nanoarrow: pyarrow would double the size of the image.

nanoarrow reads neither string views nor compressed dictionaries; its error says so.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from crime.classifier.scoring import ANSWER_COLUMNS, ScoreBlock, ScoredReports, encode_cells
from crime.core.errors import DataError
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.parsing import locate_columns, parse_columns
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.sources import READ_COLUMNS
from crime.reports.tally import Tally

MAX_BATCH_ROWS = 100_000  # a record batch is in memory as a whole
ARROW_TYPE = "application/vnd.apache.arrow.stream"


@contextmanager
def open_arrow(file: IO[bytes]) -> Iterator[Any]:
    """The stream as a `nanoarrow.ArrayStream`. Raises `DataError` if it is no Arrow stream."""
    import nanoarrow
    from nanoarrow._utils import NanoarrowException
    from nanoarrow.ipc import InputStream

    try:
        with InputStream.from_readable(file) as stream, nanoarrow.ArrayStream(stream) as arrays:
            yield arrays
    except NanoarrowException as error:
        raise DataError(f"not an Arrow stream that can be read: {error}") from None


def column_names(arrays: Any) -> list[str]:
    """The names of an `ArrayStream`'s columns. Raises `DataError`."""
    from nanoarrow._utils import NanoarrowException

    try:
        return [field.name for field in arrays.schema.fields]
    except NanoarrowException as error:
        raise DataError(f"the Arrow stream can't be read: {error}") from None


def answer_arrow(arrays: Any, score: ScoreBlock) -> Iterator[bytes]:
    """An Arrow stream of the columns `ANSWER_COLUMNS`: a record batch for each one of `arrays`, an `ArrayStream`.

    Raises `DataError` if it is no LAPD table.
    """
    from nanoarrow._utils import NanoarrowException
    from nanoarrow.ipc import StreamWriter

    try:
        positions = locate_columns(column_names(arrays))
        positions = {key: position for key, position in positions.items() if key in READ_COLUMNS}
        out, is_empty = io.BytesIO(), True
        with StreamWriter.from_writable(out) as writer:
            for batch in arrays:
                if len(batch) > MAX_BATCH_ROWS:
                    raise DataError(f"{len(batch):,} rows in one record batch: at most {MAX_BATCH_ROWS:,}")
                columns = {key: encode_cells(key, _cells(batch, position)) for key, position in positions.items()}
                scored = score(parse_columns(columns, len(batch), Tally(), reading="payload"))
                writer.write_array(_answer_batch(scored), write_schema=None)
                is_empty = False
                yield _take(out)
            if is_empty:
                raise DataError("the Arrow stream has no rows")
        yield _take(out)
    except NanoarrowException as error:
        raise DataError(f"the Arrow stream can't be read: {error}") from None


def _cells(batch: Any, position: int) -> list[Any]:
    """The cells of a column. Raises `DataError` for what has no place in a report, such as a map."""
    try:
        cells: list[Any] = batch.child(position).to_pylist()
    except Exception as error:  # nanoarrow and Python's dates raise many kinds
        raise DataError(f"column {position + 1} of the Arrow stream can't be read: {error}") from None
    return cells


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
