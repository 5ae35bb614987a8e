"""Read workbooks and JSON; every column becomes text, as in a CSV table."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice, zip_longest
from typing import IO, TYPE_CHECKING, Any

from crime.core import limits
from crime.core.errors import DataError
from crime.reports.arrow_blocks import BLOCK_ROWS
from crime.reports.header import MAX_ROWS_BEFORE, header_row
from crime.reports.parsing import locate_columns
from crime.reports.schema import column_key
from crime.reports.sources import FIELDS
from crime.reports.typed_cells import typed_text

if TYPE_CHECKING:
    import pyarrow as pa

Records = Iterable[dict[str, Any]]
BLOCK_BYTES = 16 << 20  # of JSON lines, in a block
PART_BYTES = 1 << 20
JSON_VALUE_BYTES = 80  # of memory, or so: a list or an object of one value
UTF8_MARK = b"\xef\xbb\xbf"


def read_workbook_blocks(file: IO[bytes]) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a workbook's only sheet that is an LAPD table. Reads Excel (xlsx, xls, xlsb), OpenDocument.

    Raises `DataError` if no sheet is one, or several are.
    """
    arguments = [str(file.fileno()), str(MAX_ROWS_BEFORE + 1), str(limits.WORKBOOK_BYTES)]
    with subprocess.Popen(
        [sys.executable, "-m", "crime.reports.workbook_rows", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=[file.fileno()],
    ) as reader:
        try:
            name, row, names = _table_sheet(_read(reader))
            assert reader.stdin
            pickle.dump((name, row + 1), reader.stdin)
            reader.stdin.flush()
            blocks = iter(partial(_read, reader, at_end=[]), [])
            yield from _batches(names, chain.from_iterable(blocks))
        finally:
            reader.kill()


def _read(reader: "subprocess.Popen[bytes]", at_end: Any = None) -> Any:
    """What the reading process writes next, or `at_end`. Raises `DataError` for an error, also if it has died."""
    assert reader.stdout
    try:
        content = pickle.load(reader.stdout)
    except (EOFError, pickle.UnpicklingError):
        if at_end is None or reader.wait():
            limit = f"it is damaged, or takes more than {limits.WORKBOOK_BYTES >> 20:,} MB of memory"
            raise DataError(f"the workbook can't be read: {limit}. Save it as CSV") from None
        return at_end
    if isinstance(content, str):
        raise DataError(f"the workbook can't be read: {content}")
    return content


def _table_sheet(heads: dict[str, list[list[str]]]) -> tuple[str, int, list[str]]:
    """Of the first rows of each sheet: the name of the one that is a table, its header's row and its columns' names."""
    headers: dict[str, int] = {}
    problems: list[str] = []
    for name, rows in heads.items():
        try:
            headers[name] = header_row(rows)
        except DataError as error:
            problems.append(f"sheet {name!r}: {error}")
    if not headers:
        raise DataError("; ".join(problems))
    if len(headers) > 1:
        raise DataError(f"several sheets are LAPD tables: {', '.join(map(repr, headers))}. Keep one")
    ((name, row),) = headers.items()
    return name, row, heads[name][row]


def read_json_blocks(file: IO[bytes]) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a JSON table: lines or a list of objects, the portal's exports, pandas' layouts, GeoJSON.

    A key that an object lacks is a blank cell: the portal leaves blank ones out. Raises `DataError`.
    """
    from pydantic_core import from_json

    begin = len(UTF8_MARK) if file.read(len(UTF8_MARK)) == UTF8_MARK else 0
    file.seek(begin)
    filled = islice((line.lstrip() for line in _lines(file) if line.strip()), 2)
    is_lines = [line[:1] for line in filled] == [b"{", b"{"]
    file.seek(begin)
    try:
        if is_lines:
            names = _names(_json_lines(file))
            file.seek(begin)
            records: Records = _json_lines(file)
        else:
            records = _records_of(from_json(_read_document(file)))
            names = _names(records)
        locate_columns(names)
        position = file.tell if is_lines else lambda: 0
        yield from _batches(names, ([record.get(name) for name in names] for record in records), position)
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise DataError(f"not a JSON table: {error}") from None


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines; of those that are longer than `JSON_LINE_BYTES`, pieces."""
    return iter(partial(file.readline, limits.JSON_LINE_BYTES + 1), b"")


def _json_lines(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    from pydantic_core import from_json

    for number, line in enumerate(_lines(file), 1):
        if len(line) > limits.JSON_LINE_BYTES:
            raise DataError(f"line {number}: more than {limits.JSON_LINE_BYTES:,} bytes")
        if line.strip():
            record = from_json(line)
            if not isinstance(record, dict):
                raise DataError(f"line {number}: expected a report: an object with LAPD's column names")
            yield record


def _names(records: Records) -> list[str]:
    """The names of all records, since some may come late. Raises `DataError` if they are too many."""
    names: dict[str, None] = {}
    for record in records:
        names.update(dict.fromkeys(record))
        if len(names) > limits.COLUMNS:
            raise DataError(f"the table has more than {limits.COLUMNS:,} columns")
    return list(names)


def _read_document(file: IO[bytes]) -> bytes:
    """A document that is parsed as a whole, of which each value takes far more memory than text. Raises `DataError`."""
    parts, memory = [], 0
    for part in iter(partial(file.read, PART_BYTES), b""):
        is_wide = not part.isascii() or b"\\u" in part  # such a character takes four bytes, and so do those around it
        memory += len(part) * (5 if is_wide else 2) + JSON_VALUE_BYTES * sum(map(part.count, (b",", b"[", b"{")))
        if memory > limits.COMMAND_BYTES:
            raise DataError("so large a JSON document takes too much memory: write it as lines, a report each")
        parts.append(part)
    return b"".join(parts)


def _records_of(content: Any) -> list[dict[str, Any]]:
    """The rows of a JSON document. Raises `DataError` if it has another layout than those of `read_json_blocks`."""
    match content:
        case {"meta": {"view": {"columns": columns}}, "data": [*rows]}:  # the portal's rows.json
            return _named([column["name"] for column in columns], rows)
        case {"columns": [*names], "data": [*rows]}:  # pandas, orient="split"
            return _named(names, rows)
        case {"features": [*features]}:  # GeoJSON
            rows = [{"geometry": feature.get("geometry")} | (feature.get("properties") or {}) for feature in features]
        case {"data": [*rows]} | [*rows]:
            pass
        case dict():
            rows = _rows_of_columns(content)
        case _:
            rows = []
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError("not a JSON table: expected a list of reports, or a report a line, each an object")
    return rows


def _rows_of_columns(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of cells by column and row, or by row and column; an object of plain cells is one row."""
    if content and all(isinstance(cells, list) for cells in content.values()):  # polars, pandas orient="list"
        return _named(list(content), zip_longest(*content.values()))
    if not all(isinstance(cells, dict) for cells in content.values()):
        return [content]
    if FIELDS["date_occ"].names.isdisjoint(map(column_key, content)):  # pandas, orient="index"
        return list(content.values())
    keys = dict.fromkeys(chain.from_iterable(content.values()))
    return [{name: cells.get(key) for name, cells in content.items()} for key in keys]


def _named(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=False)) for row in rows]


def _batches(
    names: Sequence[str], rows: Iterable[Sequence[Any]], position: Callable[[], int] = lambda: 0
) -> Iterator["pa.RecordBatch"]:
    """Put rows into batches of text columns. Of columns with the same name only the first is kept.

    `position`: how many bytes of the file were read.
    """
    import pyarrow as pa

    positions = {column_key(name): position for position, name in reversed(list(enumerate(names)))}
    chosen = sorted(positions.values())
    for block in _row_blocks(rows, position):
        columns = [[typed_text(row[place]) if place < len(row) else None for row in block] for place in chosen]
        arrays = [pa.array(column, pa.string()).cast(pa.binary()) for column in columns]
        yield pa.RecordBatch.from_arrays(arrays, [names[place] for place in chosen])


def _row_blocks(rows: Iterable[Sequence[Any]], position: Callable[[], int]) -> Iterator[list[Sequence[Any]]]:
    block: list[Sequence[Any]] = []
    start = position()
    for row in rows:
        block.append(row)
        if len(block) == BLOCK_ROWS or position() - start > BLOCK_BYTES:
            yield block
            block, start = [], position()
    if block:
        yield block
