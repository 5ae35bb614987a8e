"""Read a CSV stream as Arrow record batches: any encoding, delimiter or line end, whatever its size."""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from crime.core.prefetch import prefetch
from crime.reports.cells import decode_escaped_bytes
from crime.reports.header import csv_header
from crime.reports.schema import column_key
from crime.reports.tally import Tally

if TYPE_CHECKING:
    import pyarrow as pa


BLOCK_BYTES = 8 << 20  # about 32,000 rows of LAPD's table; also the longest row that can be read
HEAD_BYTES = 1 << 16  # in which the header's line has to end


class _Utf8Stream:
    """A stream as valid UTF-8. Bytes that are not are escaped (see `cells.decode_escaped_bytes`)."""

    def __init__(self, head: bytes, rest: IO[bytes], encoding: str):
        self._head, self._rest, self._is_utf8, self._surplus = head, rest, encoding == "utf-8", b""
        self._decoder = codecs.getincrementaldecoder(encoding)("crime-escaped" if self._is_utf8 else "replace")

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        parts, missing = [self._surplus], size - len(self._surplus)
        while missing > 0:
            raw, self._head = self._head or self._rest.read(missing), b""
            if not raw or not self._is_utf8 or not raw.isascii() or self._decoder.getstate()[0]:
                parts.append(self._decoder.decode(raw, not raw).encode())
            else:
                parts.append(raw)
            missing -= len(parts[-1])
            if not raw:
                break
        content = b"".join(parts) if len(parts) > 1 else parts[0]
        self._surplus = content[size:]
        return content[:size]


@dataclass(frozen=True)
class _Header:
    """A table's first line. `columns`: position and name of each column, without repetitions of a name."""

    delimiter: str
    width: int
    columns: list[tuple[int, str]]

    @property
    def names(self) -> list[str]:
        return [name for _, name in self.columns]


@dataclass
class _Misshapen:
    """A row with another number of cells than the header. `number` counts the table's rows from 1."""

    number: int
    text: str


def end_of_whole_rows(text: bytes, delimiter: bytes) -> int:
    """Length of the whole rows at the start of `text`, which begins with a row: up to the last line end outside quotes.

    As in pyarrow, a quote opens only at the start of a cell; elsewhere it is an ordinary character.
    """
    characters = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(characters == ord('"'))
    before_opening = np.zeros(256, bool)  # characters after which a quote opens a quoted cell
    before_opening[list(delimiter + b'\r\n"')] = True  # a quote after a quote is a doubled one, inside a quoted cell
    if not before_opening[characters[quotes[::2] - 1][quotes[::2] > 0]].all():
        pattern = rb'"(?:(?<=[%b\r\n]")|(?<=\A"))(?:[^"]++|"")*+(?:"|\Z)' % re.escape(delimiter)
        quotes = np.fromiter((edge for match in re.finditer(pattern, text) for edge in match.span()), np.int64)
    line_end = b"\n" if b"\n" in text else b"\r"
    end = text.rfind(line_end)
    while (quotes_before := np.searchsorted(quotes, end, "right")) % 2:
        end = text.rfind(line_end, 0, quotes[quotes_before - 1])
    return end + 1


def _row_blocks(rest: bytes, source: _Utf8Stream, delimiter: str) -> Iterator[bytes]:
    """Blocks of whole rows, of up to `BLOCK_BYTES`.

    Blocks are cut here because pyarrow's streaming reader is not safe with Python files: it reads ahead in a thread
    that outlives an error, and the interpreter aborts if it exits meanwhile.
    """
    while text := rest + source.read(BLOCK_BYTES - len(rest)):
        end = end_of_whole_rows(text, delimiter.encode()) if len(text) == BLOCK_BYTES else len(text)
        if not end:
            raise csv.Error(f"a row is longer than {BLOCK_BYTES >> 20} MB, or a quote is never closed")
        yield text[:end]
        rest = text[end:]


def _read_header(head: bytes, tally: Tally) -> tuple[_Header, bytes]:
    """The header, and the bytes of `head` after its line. Raises `DataError` if it is not an LAPD table's."""
    lines = re.findall(rb"[^\r\n]*(?:\r\n|\n|\r|\Z)", head)
    found, delimiter, names = csv_header(line.decode("utf-8", "replace").rstrip("\r\n") for line in lines if line)
    if found > 1:
        tally.repaired["line before the header"] += found - 1
    columns: dict[str, tuple[int, str]] = {}
    for position, name in enumerate(names):
        columns.setdefault(column_key(name), (position, name))
    repeated = len(names) - len(columns)
    if repeated:
        tally.repaired["column named twice, the first is read"] += repeated
    return _Header(delimiter, len(names), list(columns.values())), b"".join(lines[found:])


def _parse_rows(text: bytes, header: _Header) -> tuple[list["pa.RecordBatch"], list[_Misshapen]]:
    """The rows of a block as batches of binary columns, and those of another width, numbered within the block."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    misshapen: list[_Misshapen] = []

    def skip(row: Any) -> str:
        misshapen.append(_Misshapen(row.number, decode_escaped_bytes(row.text or "")))
        return "skip"

    positions = [str(position) for position in range(header.width)]  # names may repeat, positions don't
    try:
        batches = arrow_csv.read_csv(
            pa.BufferReader(text),
            read_options=arrow_csv.ReadOptions(column_names=positions, block_size=len(text) + 1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=header.delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(positions, pa.binary()),
                include_columns=[str(position) for position, _ in header.columns],
            ),
        ).to_batches()
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise
        batches = []
    return [batch.rename_columns(header.names) for batch in batches], misshapen


def _parsed_blocks(
    rest: bytes, source: _Utf8Stream, header: _Header
) -> Iterator[tuple["pa.RecordBatch | None", list[_Misshapen]]]:
    """Batches of a table. The misshapen rows of a block come with its first batch, numbered within the table."""
    rows = 0
    for text in prefetch(_row_blocks(rest, source, header.delimiter)):
        batches, misshapen = _parse_rows(text, header)
        for row in misshapen:
            row.number += rows
        rows += len(misshapen) + sum(map(len, batches))
        for batch in batches or [None]:
            yield batch, misshapen
            misshapen = []


def read_csv_blocks(stream: IO[bytes], tally: Tally) -> Iterator["pa.RecordBatch"]:
    """Batches of binary columns, named as in the file. If a name repeats, only its first column is read.

    Counts misshapen rows in `tally`. Raises `DataError` if the header is not an LAPD table's.
    """
    head = stream.read(HEAD_BYTES)
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    source = _Utf8Stream(head.removeprefix(b"\xef\xbb\xbf"), stream, encoding)
    header, rest = _read_header(source.read(HEAD_BYTES), tally)
    for batch, misshapen in prefetch(_parsed_blocks(rest, source, header)):
        for row in misshapen:
            tally.reject_misshapen("wrong number of columns", row.number, row.text)
            tally.write_rejected(header.names, [["wrong number of columns", row.text]])
        if batch is not None:
            yield batch
