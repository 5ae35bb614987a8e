"""Arrow IPC streams without pyarrow, which would double the image: Apache's nanoarrow reads and writes them.

It does not read string views, nor dictionaries that are compressed; the error says so.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, OnScored, plain_cells
from crime.core.errors import DataError
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.parsing import locate_columns, parse_columns
from crime.reports.schema import COLUMNS, DETAIL_LEVELS
from crime.reports.table import encode_column
from crime.reports.tally import Tally

MAX_BATCH_ROWS = 100_000  # of one record batch: all of it is in memory at once
ARROW_TYPE = "application/vnd.apache.arrow.stream"


@contextmanager
def open_arrow(file: IO[bytes]) -> Iterator[Any]:
    """An Arrow stream's arrays. Raises `DataError` where it is none."""
    import nanoarrow
    from nanoarrow._utils import NanoarrowException
    from nanoarrow.ipc import InputStream

    try:
        with InputStream.from_readable(file) as stream, nanoarrow.ArrayStream(stream) as arrays:
            yield arrays
    except NanoarrowException as error:
        raise DataError(f"not an Arrow stream that can be read: {error}") from None


def score_arrow(model: CategoryBundle, arrays: Any, seen: OnScored) -> Iterator[bytes]:
    """The columns named in `ANSWER`, an array for each that came; `error` where a row can't be read."""
    from nanoarrow._utils import NanoarrowException
    from nanoarrow.ipc import StreamWriter

    try:
        places = locate_columns([field.name for field in arrays.schema.fields])
        wanted = {k: at for k, at in places.items() if k in COLUMNS and COLUMNS[k].parse}
        out = io.BytesIO()
        with StreamWriter.from_writable(out) as writer:
            for part in arrays:
                if len(part) > MAX_BATCH_ROWS:
                    raise DataError(f"{len(part):,} rows in one record batch: at most {MAX_BATCH_ROWS:,}")
                columns = {k: encode_column(plain_cells(part.child(at).to_pylist())) for k, at in wanted.items()}
                writer.write_array(_answer(model, columns, len(part), seen), write_schema=None)
                yield _taken(out)
        yield _taken(out)
    except NanoarrowException as error:
        raise DataError(f"the Arrow stream can't be read: {error}") from None


def _answer(model: CategoryBundle, columns: dict[str, Any], rows: int, seen: OnScored) -> Any:
    import nanoarrow as na

    reports = parse_columns(columns, rows, Tally())
    good = np.flatnonzero(reports.errors == None)  # noqa: E711 (elementwise)
    shares, level = np.full((rows, len(CATEGORIES)), np.nan), np.zeros(rows, int)
    if len(good):
        fields = reports.take(good).fields
        shares[good], level[good] = model.predict(fields, len(good))
        seen(fields, shares[good], level[good])
    bad = reports.errors != None  # noqa: E711 (elementwise)
    label = np.where(bad, 0, np.nan_to_num(shares).argmax(1)).astype(np.int8)

    def words(names: list[str], at: np.ndarray) -> Any:
        return na.c_array(
            [None if b else names[i] for b, i in zip(bad.tolist(), at.tolist(), strict=True)], na.string()
        )

    label_column = [None if b else v for b, v in zip(bad.tolist(), label.tolist(), strict=True)]
    children = [
        na.c_array(label_column if bad.any() else label, na.int8()),
        words(list(CATEGORY_NAMES), label),
        na.c_array(np.ascontiguousarray(shares.max(1)), na.float64()),
        words(list(DETAIL_LEVELS), level),
        *(na.c_array(np.ascontiguousarray(column), na.float64()) for column in shares.T),
        na.c_array([None if error is None else str(error) for error in reports.errors], na.string()),
    ]
    schema = na.struct({name: child.schema for name, child in zip(ANSWER_COLUMNS, children, strict=True)})
    return na.c_array_from_buffers(schema, rows, [None], children=children)


def _taken(out: io.BytesIO) -> bytes:
    content = out.getvalue()
    out.seek(0)
    out.truncate()
    return content
