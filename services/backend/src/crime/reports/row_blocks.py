"""Read workbooks and JSON; every column becomes text, as in a CSV table."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from typing import IO, TYPE_CHECKING, Any

from crime.core.errors import DataError
from crime.reports.arrow_blocks import BLOCK_ROWS
from crime.reports.header import header_row
from crime.reports.parsing import locate_columns
from crime.reports.schema import column_key
from crime.reports.sources import FIELDS
from crime.reports.typed_cells import typed_text

if TYPE_CHECKING:
    import pyarrow as pa

Records = Iterable[dict[str, Any]]
UTF8_MARK = b"\xef\xbb\xbf"


def read_workbook_blocks(file: IO[bytes]) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a workbook's only sheet that is an LAPD table. Reads Excel (xlsx, xls, xlsb), OpenDocument.

    Raises `DataError` if no sheet is one, or several are.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_filelike(file)
        sheets = {name: workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names}
    except CalamineError as error:
        raise DataError(f"the workbook can't be read: {error}") from None
    headers: dict[str, int] = {}
    problems: list[str] = []
    for name, rows in sheets.items():
        try:
            headers[name] = header_row([str(cell).strip() for cell in row] for row in rows)
        except DataError as error:
            problems.append(f"sheet {name!r}: {error}")
    if not headers:
        raise DataError("; ".join(problems))
    if len(headers) > 1:
        raise DataError(f"several sheets are LAPD tables: {', '.join(map(repr, headers))}. Keep one")
    ((name, row),) = headers.items()
    names = [str(cell).strip() for cell in sheets[name][row]]
    yield from _batches(names, (cells for cells in sheets[name][row + 1 :] if any(cell != "" for cell in cells)))


def read_json_blocks(file: IO[bytes]) -> Iterator["pa.RecordBatch"]:
    """Yield the rows of a JSON table: lines or a list of objects, the portal's exports, pandas' layouts, GeoJSON.

    A key that an object lacks is a blank cell: the portal leaves blank ones out. Raises `DataError`.
    """
    from pydantic_core import from_json

    begin = len(UTF8_MARK) if file.read(len(UTF8_MARK)) == UTF8_MARK else 0
    file.seek(begin)
    filled = islice((line.lstrip() for line in file if line.strip()), 2)
    is_lines = [line[:1] for line in filled] == [b"{", b"{"]
    file.seek(begin)
    try:
        if is_lines:
            names = list(dict.fromkeys(chain.from_iterable(_json_lines(file))))  # of all lines: keys may come late
            file.seek(begin)
            records: Records = _json_lines(file)
        else:
            records = _records_of(from_json(file.read()))
            names = list(dict.fromkeys(chain.from_iterable(records)))
        locate_columns(names)
        yield from _batches(names, ([record.get(name) for name in names] for record in records))
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise DataError(f"not a JSON table: {error}") from None


def _json_lines(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    from pydantic_core import from_json

    for number, line in enumerate(file, 1):
        if line.strip():
            record = from_json(line)
            if not isinstance(record, dict):
                raise DataError(f"line {number}: expected a report: an object with LAPD's column names")
            yield record


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


def _batches(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator["pa.RecordBatch"]:
    """Put rows into batches of text columns. Of columns with the same name only the first is kept."""
    import pyarrow as pa

    positions = {column_key(name): position for position, name in reversed(list(enumerate(names)))}
    chosen = sorted(positions.values())
    iterator = iter(rows)
    while block := list(islice(iterator, BLOCK_ROWS)):
        columns = [[typed_text(row[position]) if position < len(row) else None for row in block] for position in chosen]
        arrays = [pa.array(column, pa.string()).cast(pa.binary()) for column in columns]
        yield pa.RecordBatch.from_arrays(arrays, [names[position] for position in chosen])
