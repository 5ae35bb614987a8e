"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

import codecs
import csv
import re
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from crime.core.errors import DataError
from crime.core.prefetch import prefetch
from crime.reports.cells import decode_escaped_bytes
from crime.reports.parsing import locate_columns
from crime.reports.schema import column_key
from crime.reports.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa


BLOCK_BYTES = 8 << 20


class _Utf8Stream:
    """A table's stream, whose first bytes were already read, as valid UTF-8 whatever is in it (see `_escaped`)."""

    def __init__(self, head: bytes, rest: IO[bytes], encoding: str):
        self._head, self._rest, self._plain, self._ready = head, rest, encoding == "utf-8", b""
        self._decoder = codecs.getincrementaldecoder(encoding)("crime-escaped" if self._plain else "replace")

    def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        parts, missing = [self._ready], size - len(self._ready)
        while missing > 0:
            raw, self._head = self._head or self._rest.read(missing), b""
            if not raw or not self._plain or not raw.isascii() or self._decoder.getstate()[0]:
                parts.append(self._decoder.decode(raw, not raw).encode())
            else:
                parts.append(raw)
            missing -= len(parts[-1])
            if not raw:
                break
        found = b"".join(parts) if len(parts) > 1 else parts[0]
        self._ready = found[size:]
        return found[:size]


def end_of_whole_rows(text: bytes, delimiter: bytes) -> int:
    """How many of the bytes, which begin with a row, are whole rows: up to the last line's end outside of quotes.

    A quote opens at a cell's start alone, as pyarrow has it; elsewhere it is a character like any other.
    """
    cells = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(cells == ord('"'))
    opens = np.zeros(256, bool)
    opens[list(delimiter + b'\r\n"')] = True  # after a quote: one that is doubled, and text goes on
    if not opens[cells[quotes[::2] - 1][quotes[::2] > 0]].all():
        pattern = rb'"(?:(?<=[%b\r\n]")|(?<=\A"))(?:[^"]++|"")*+(?:"|\Z)' % re.escape(delimiter)
        quotes = np.fromiter((at for found in re.finditer(pattern, text) for at in found.span()), np.int64)
    line_end = b"\n" if b"\n" in text else b"\r"
    end = text.rfind(line_end)
    while (before := np.searchsorted(quotes, end, "right")) % 2:
        end = text.rfind(line_end, 0, quotes[before - 1])
    return end + 1


def _row_blocks(rest: bytes, source: _Utf8Stream, delimiter: str) -> Iterator[bytes]:
    """Whole rows, up to `BLOCK_BYTES` of them at a time.

    pyarrow's own streams are not for Python's files: they read ahead in a thread that outlives an error, and the
    interpreter aborts if it ends meanwhile.
    """
    while text := rest + source.read(BLOCK_BYTES - len(rest)):
        end = end_of_whole_rows(text, delimiter.encode()) if len(text) == BLOCK_BYTES else len(text)
        if not end:
            raise csv.Error(f"a row is longer than {BLOCK_BYTES >> 20} MB, or a quote is never closed")
        yield text[:end]
        rest = text[end:]


def read_csv_blocks(stream: IO[bytes], tally: Tally) -> Iterator["pa.RecordBatch"]:
    """Batches of binary columns, named as in the file (a name that comes twice keeps its first)."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    head = stream.read(1 << 16)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    source = _Utf8Stream(head.removeprefix(b"\xef\xbb\xbf"), stream, encoding)
    head = source.read(1 << 16)
    line, _, rest = re.match(rb"([^\r\n]*)(\r?\n|\r)?(.*)", head, re.DOTALL).groups()  # type: ignore[union-attr]
    line = line.decode("utf-8", "replace")
    if not line.strip():
        raise DataError("the file is empty")
    delimiter = max(",;\t|", key=line.count)
    try:
        names = next(csv.reader([line], delimiter=delimiter))
    except csv.Error as error:
        raise DataError(f"no header of column names: {error}") from None
    locate_columns(names)
    places: dict[str, tuple[int, str]] = {}
    for at, name in enumerate(names):
        places.setdefault(column_key(name), (at, name))
    repeated = len(names) - len(places)
    if repeated:
        tally.repaired["column named twice, the first is read"] += repeated

    met: list[tuple[int, str]] = []  # number and text of rows that can't be cut into cells

    def invalid(row: Any) -> str:
        met.append((row.number, decode_escaped_bytes(row.text or "")))
        return "skip"

    numbered = [str(at) for at in range(len(names))]
    kept = [(str(at), name) for at, name in places.values()]

    def parsed() -> Iterator[tuple["pa.RecordBatch | None", list[tuple[int, str]]]]:
        before = 0
        for text in prefetch(_row_blocks(rest, source, delimiter)):
            batches = []
            try:
                batches = arrow_csv.read_csv(
                    pa.BufferReader(text),
                    read_options=arrow_csv.ReadOptions(
                        column_names=numbered, block_size=len(text) + 1, use_threads=False
                    ),
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=delimiter, newlines_in_values=True, invalid_row_handler=invalid
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(numbered, pa.binary()), include_columns=[at for at, _ in kept]
                    ),
                ).to_batches()
            except pa.ArrowInvalid as error:
                if "Empty CSV" not in str(error):
                    raise
            misshapen = [(before + number, text) for number, text in met]
            before += len(met) + sum(map(len, batches))
            met.clear()
            for batch in batches or [None]:
                yield batch and batch.rename_columns([name for _, name in kept]), misshapen
                misshapen = []

    for batch, misshapen in prefetch(parsed()):
        for number, text in misshapen:
            reason = "wrong number of columns"
            tally.reject_misshapen(reason, number, text)
            tally.keep([name for _, name in places.values()], [[reason, text]])
        if batch is not None:
            yield batch
