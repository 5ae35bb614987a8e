"""Tables that people upload, as the CSV that the backend reads."""

import codecs
import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from typing import IO, Any

ENDINGS = [
    *("csv", "tsv", "txt", "gz", "zip", "xlsx", "xlsm", "xls", "xlsb", "ods"),
    *("parquet", "feather", "arrow", "arrows", "json", "jsonl", "ndjson", "geojson"),
]
REQUIRED = "date occ"  # a column that every table of reports has
HEADER_ROWS = 21  # in which the header stands
HEAD_BYTES = 1 << 16  # in which these rows stand
DELIMITERS = ",;\t|"
PACKED = (b"\x1f\x8b", b"PK\x03\x04")  # first bytes of gzip and zip


class UnreadableTable(Exception):
    """The file can't be turned into a table; the message says why."""


def as_csv(file: IO[bytes]) -> IO[bytes]:
    """A seekable file as CSV: workbooks, Parquet, Feather and JSON are turned into it; CSV stays, also packed.

    Raises `UnreadableTable`.
    """
    head = file.read(64)
    file.seek(0)
    try:
        if head.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")):
            return _write(_arrow_rows(file, head))
        if head.startswith(b"\xd0\xcf\x11\xe0") or (head.startswith(b"PK\x03\x04") and _is_workbook(file)):
            return _write(_workbook_rows(file))
        if head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"[", b"{"):
            return _write(_json_rows(file))
    except UnreadableTable:
        raise
    except Exception as error:  # of whichever library: a damaged file must not end the session
        raise UnreadableTable(f"the file can't be read: {error}") from error
    finally:
        file.seek(0)
    return file


def count_rows(file: IO[bytes]) -> int | None:
    """About how many rows a seekable CSV file has; None if it is packed."""
    is_packed = file.read(4).startswith(PACKED)
    file.seek(0)
    lines = 0 if is_packed else sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    file.seek(0)
    return None if is_packed else max(lines - 1, 1)


def has_header(file: IO[bytes], names: Sequence[str]) -> bool:
    """Whether one of the first rows of a seekable CSV file has exactly these cells; not told of one that is zipped."""
    is_gzip = file.read(2) == PACKED[0]
    file.seek(0)
    with suppress(OSError, EOFError, csv.Error):
        head = (gzip.GzipFile(fileobj=file) if is_gzip else file).read(HEAD_BYTES)
        lines = head.decode("utf-8-sig", "replace").splitlines()[:HEADER_ROWS]
        rows = [row for line in lines for delimiter in DELIMITERS for row in csv.reader([line], delimiter=delimiter)]
        file.seek(0)
        return list(names) in rows
    file.seek(0)
    return False


def _arrow_rows(file: IO[bytes], head: bytes) -> Iterable[Sequence[Any]]:
    from pyarrow import feather, ipc, parquet

    if head.startswith(b"PAR1"):
        table = parquet.read_table(file)
    else:
        table = feather.read_table(file) if head.startswith(b"ARROW1") else ipc.open_stream(file).read_all()
    yield table.column_names
    for batch in table.to_batches(10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _is_workbook(file: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return not {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}.isdisjoint(archive.namelist())
    except zipfile.BadZipFile:
        return False
    finally:
        file.seek(0)


def _workbook_rows(file: IO[bytes]) -> Iterable[Sequence[Any]]:
    """The rows of the one sheet that has LAPD's columns; if none has, of the one with the most rows."""
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_filelike(file)
    sheets = {name: workbook.get_sheet_by_name(name).to_python() for name in workbook.sheet_names}
    tables = {
        name: rows
        for name, rows in sheets.items()
        if any(REQUIRED in str(cell).lower().replace("_", " ") for row in rows[:HEADER_ROWS] for cell in row)
    }
    if len(tables) > 1:
        raise UnreadableTable(f"several sheets are LAPD tables: {', '.join(map(repr, tables))}. Keep one")
    return max((tables or sheets).values(), key=len, default=[])


def _json_rows(file: IO[bytes]) -> Iterable[Sequence[Any]]:
    """A list of reports, or a report a line; a key that one lacks is a blank cell."""
    text = file.read().decode("utf-8-sig")
    try:
        reports = json.loads(text)
    except ValueError:
        reports = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(reports, dict):
        reports = _rows_of(reports)
    if not all(isinstance(report, dict) for report in reports):
        raise UnreadableTable("expected a list of reports, or a report a line, each a JSON object")
    names = list(dict.fromkeys(name for report in reports for name in report))
    yield names
    for report in reports:
        yield [report.get(name) for name in names]


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


def _write(rows: Iterable[Sequence[Any]]) -> IO[bytes]:
    text = io.StringIO(newline="")
    texts = ([_text(cell) for cell in row] for row in rows)
    csv.writer(text, lineterminator="\n").writerows(row for row in texts if any(row))
    return io.BytesIO(text.getvalue().encode())


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
