"""Turns a workbook, Parquet, Arrow or JSON file into CSV, as a process of its own with bounded memory and time.

`python -m crime_ui.conversion` reads standard input, a file, and writes standard output. It exits with `AS_IS` for a
file that is none of these, and with `UNREADABLE` and a reason in JSON on standard error. Small files of these formats
may unpack to more than a pod has, so that none of them is opened in the page's own process. It imports no Streamlit.
"""

import codecs
import csv
import io
import json
import os
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain, islice, zip_longest
from typing import IO, Any

from crime_ui import limits

AS_IS, UNREADABLE = 3, 4
REQUIRED = "date occ"  # a column that every table of reports has
HEADER_ROWS = 21  # in which the header stands
ARROW_FILE, ARROW_STREAM, PARQUET = b"ARROW1", b"\xff\xff\xff\xff", b"PAR1"
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
PIECE = 1 << 20


def _(text: str) -> str:
    """Marks a text that the page translates."""
    return text


class UnreadableTable(Exception):
    """The file can't be read as a table. `text` is a format string that says why; `values` fill it in."""

    def __init__(self, text: str, **values: str | int):
        super().__init__(text.format(**values))
        self.text, self.values = text, values


def main() -> int:
    """The exit code. Memory, computing time and the CSV's size are limited before anything is read."""
    for kind, most in (
        (resource.RLIMIT_DATA, limits.CONVERSION_BYTES),
        (resource.RLIMIT_CPU, limits.CONVERSION_SECONDS),
        (resource.RLIMIT_FSIZE, limits.CONVERTED_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    try:
        rows = rows_of(sys.stdin.buffer)
        if rows is None:
            return AS_IS
        _write(rows, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except UnreadableTable as unreadable:
        reason = unreadable
    except MemoryError:
        reason = too_large()
    except OSError as error:
        reason = too_large() if error.errno == 27 else _unreadable(error)  # EFBIG: RLIMIT_FSIZE
    except BaseException as error:  # of whichever library, also pyo3's panic: a damaged file
        reason = too_large() if "memory" in str(error).lower() else _unreadable(error)
    else:
        return 0
    with open(2, "w", closefd=False) as told:
        json.dump({"text": reason.text, "values": reason.values}, told)
    return UNREADABLE


def too_large() -> UnreadableTable:
    return UnreadableTable(_("the table is too large for this page once it is unpacked. Save it as CSV, or in parts"))


def _unreadable(error: BaseException) -> UnreadableTable:
    return UnreadableTable(_("the file can't be read: {error}"), error=str(error)[:500])


def rows_of(file: IO[bytes]) -> Iterable[Sequence[Any]] | None:
    """The rows of a seekable file, column names first. None for any other format, such as CSV."""
    head = file.read(64)
    file.seek(0)
    if head.startswith((PARQUET, ARROW_FILE, ARROW_STREAM)):
        return _arrow_rows(file, head)
    if head.startswith(OLE) or (head.startswith(ZIP) and _is_workbook(file)):
        return _workbook_rows(file)
    if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"[", b"{"):
        return _json_rows(file)
    return None


def _check_width(columns: int) -> None:
    if columns > limits.COLUMNS:
        raise UnreadableTable(
            _("the table has {columns} columns, more than {most}"), columns=columns, most=limits.COLUMNS
        )


def _arrow_rows(file: IO[bytes], head: bytes) -> Iterator[Sequence[Any]]:
    import pyarrow

    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)
    if head.startswith(PARQUET):
        from pyarrow import parquet

        source = parquet.ParquetFile(file)
        names, batches = source.schema_arrow.names, source.iter_batches(limits.CONVERTED_ROWS, use_threads=False)
    elif head.startswith(ARROW_FILE):
        reader = pyarrow.ipc.open_file(file)
        names, batches = reader.schema.names, map(reader.get_batch, range(reader.num_record_batches))
    else:
        stream = pyarrow.ipc.open_stream(file)
        names, batches = stream.schema.names, iter(stream)
    _check_width(len(names))
    yield names
    for batch in batches:
        for start in range(0, batch.num_rows, limits.CONVERTED_ROWS):
            columns = batch.slice(start, limits.CONVERTED_ROWS).columns
            yield from zip(*(column.to_pylist() for column in columns), strict=True)


def _is_workbook(file: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return not {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}.isdisjoint(archive.namelist())
    except zipfile.BadZipFile:
        return False
    finally:
        file.seek(0)


def _workbook_rows(file: IO[bytes]) -> Iterator[Sequence[Any]]:
    """The rows of the one sheet that has LAPD's columns; if none has, of the one with the most rows."""
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_filelike(file)
    chosen, tables = None, []
    for name in workbook.sheet_names:  # one of them in memory, beside the one that is chosen so far
        sheet = workbook.get_sheet_by_name(name)
        _check_width(sheet.width)
        first_rows = islice(sheet.iter_rows(), HEADER_ROWS) if sheet.height else ()
        if any(REQUIRED in str(cell).lower().replace("_", " ") for row in first_rows for cell in row):
            tables.append(name)
            chosen = sheet
        elif not tables and (chosen is None or sheet.height > chosen.height):
            chosen = sheet
    if len(tables) > 1:
        raise UnreadableTable(
            _("several sheets are LAPD tables: {sheets}. Keep one"), sheets=", ".join(map(repr, tables))
        )
    if chosen and chosen.height:
        yield from chosen.iter_rows()


def _json_rows(file: IO[bytes]) -> Iterator[Sequence[Any]]:
    """A list of reports, or a report a line; a key that one lacks is a blank cell."""
    objects = list(islice(_json_objects(file), 2))
    is_layout = len(objects) == 1 and isinstance(objects[0], dict)
    layout = _rows_of(objects[0]) if is_layout else []
    names: dict[str, None] = {}
    for report in layout or _json_objects(file):
        if not isinstance(report, dict):
            raise UnreadableTable(_("expected a list of reports, or a report a line, each a JSON object"))
        if not report.keys() <= names.keys():
            names |= dict.fromkeys(report)
            _check_width(len(names))
    yield list(names)
    for report in layout or _json_objects(file):
        yield [report.get(name) for name in names]


def _json_objects(file: IO[bytes]) -> Iterator[Any]:
    """The values of a list, or of a file of several, one in memory at a time."""
    file.seek(0)
    pieces = codecs.iterdecode(iter(lambda: file.read(PIECE), b""), "utf-8-sig")
    decode, rest, is_first, is_list = json.JSONDecoder().raw_decode, "", True, False
    for piece in chain(pieces, [None]):
        rest = (rest + (piece or "")).lstrip()
        if is_first and rest:
            is_first, is_list = False, rest.startswith("[")
            rest = rest.removeprefix("[")
        start = 0
        while start < len(rest):
            while start < len(rest) and rest[start] in " \t\r\n,":
                start += 1
            if is_list and rest[start : start + 1] == "]":
                if rest[start + 1 :].strip():
                    raise ValueError("more text after the list")
                return
            if start == len(rest):
                break
            try:
                value, start = decode(rest, start)
            except ValueError:
                if piece is None:
                    raise
                break
            yield value
        rest = rest[start:]
    if is_list:
        raise ValueError("the list does not end")


def _rows_of(content: dict[str, Any]) -> list[Any]:
    """The rows of a JSON object: the portal's rows.json, GeoJSON, and the layouts that pandas and polars write."""
    match content:
        case {"meta": {"view": {"columns": columns}}, "data": [*rows]}:
            return [dict(zip([column["name"] for column in columns], row, strict=False)) for row in rows]
        case {"columns": [*names], "data": [*rows]}:
            return [dict(zip(names, row, strict=False)) for row in rows]
        case {"features": [*features]}:
            return [{"geometry": feature.get("geometry")} | (feature.get("properties") or {}) for feature in features]
        case {"data": [*rows]}:
            return rows
    columns = list(content.values())
    if columns and all(isinstance(cells, list) for cells in columns):
        return [dict(zip(content, row, strict=True)) for row in zip_longest(*columns)]
    if not all(isinstance(cells, dict) for cells in columns):
        return [content]
    if not any(REQUIRED in name.lower().replace("_", " ") for name in content):  # the rows by their number
        return columns
    keys = dict.fromkeys(key for cells in columns for key in cells)
    return [{name: cells.get(key) for name, cells in content.items()} for key in keys]


def _write(rows: Iterable[Sequence[Any]], file: IO[bytes]) -> None:
    text = io.TextIOWrapper(file, "utf-8", newline="")
    texts = ([_text(cell) for cell in row] for row in rows)
    csv.writer(text, lineterminator="\n").writerows(row for row in texts if any(row))
    text.detach()  # which flushes it


def _text(cell: Any) -> str:
    """A cell as LAPD's tables write it: days as 2020-01-31, times as 22:30:00, lists joined by spaces."""
    if cell is None:
        return ""
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, list):
        is_nested = any(isinstance(part, list | tuple | dict) for part in cell)
        return f"nested {cell}" if is_nested else " ".join(str(part) for part in cell if part is not None)
    if isinstance(cell, dict):
        return json.dumps(cell, default=str)
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    return " ".join(text.splitlines())


if __name__ == "__main__":
    code = main()
    os._exit(code)  # nothing to tidy up, and a library that is out of memory may fail at it
