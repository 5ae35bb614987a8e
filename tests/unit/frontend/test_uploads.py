"""Tables of any format become the CSV that the backend reads."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, time
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
from crime_ui.conversion import UnreadableTable
from crime_ui.uploads import as_csv
from pyarrow import feather, parquet
from recorded import OpenView, RecordedBackend, recorded

ROWS: list[dict[str, Any]] = [
    {"DATE OCC": date(2020, 1, 31), "TIME OCC": time(22, 30), "AREA": 1, "Mocodes": ["0344", "1822"], "LAT": 34.5},
    {"DATE OCC": date(2020, 2, 1), "TIME OCC": time(0, 5), "AREA": 21, "Mocodes": None, "LAT": None},
]
CELLS = [["2020-01-31", "22:30:00", "1", "0344 1822", "34.5"], ["2020-02-01", "00:05:00", "21", "", ""]]


def table_of_parquet() -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


def table_of_feather() -> bytes:
    sink = io.BytesIO()
    feather.write_feather(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


def table_of_workbook(tables: int = 1) -> bytes:
    workbook, sink = openpyxl.Workbook(), io.BytesIO()
    assert workbook.active
    workbook.active.append(["Notes"])
    for _ in range(tables):
        sheet = workbook.create_sheet()
        sheet.append(["Reports"])
        sheet.append(list(ROWS[0]))
        for row in ROWS:
            sheet.append([" ".join(cell) if isinstance(cell, list) else cell for cell in row.values()])
    workbook.save(sink)
    return sink.getvalue()


def table_of_json(lines: bool = False) -> bytes:
    rows = [{name: str(cell) if isinstance(cell, date | time) else cell for name, cell in row.items()} for row in ROWS]
    present = [{name: cell for name, cell in row.items() if cell is not None} for row in rows]
    return ("\n".join(map(json.dumps, present)) if lines else json.dumps(present)).encode()


def table_of_layout(write: Callable[[list[dict[str, Any]]], Any]) -> bytes:
    """JSON in a layout of some program, behind a byte order mark."""
    return b"\xef\xbb\xbf" + json.dumps(write(json.loads(table_of_json()))).encode()


def table_of_stream() -> bytes:
    table = pa.Table.from_pylist(ROWS)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


LAYOUTS: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "pandas, by column": lambda rows: {name: {str(i): row.get(name) for i, row in enumerate(rows)} for name in rows[0]},
    "pandas, by row": lambda rows: {str(number): row for number, row in enumerate(rows)},
    "pandas, split": lambda rows: {"columns": list(rows[0]), "data": [[r.get(n) for n in rows[0]] for r in rows]},
    "pandas, table": lambda rows: {"schema": {}, "data": rows},
    "polars": lambda rows: {name: [row.get(name) for row in rows] for name in rows[0]},
    "the portal's rows.json": lambda rows: {
        "meta": {"view": {"columns": [{"name": name} for name in rows[0]]}},
        "data": [[row.get(name) for name in rows[0]] for row in rows],
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_json_is_turned_into_csv(layout: str) -> None:
    content = as_csv(io.BytesIO(table_of_layout(LAYOUTS[layout])))
    assert list(csv.reader(io.TextIOWrapper(content, newline=""))) == [list(ROWS[0]), *CELLS]


@pytest.mark.parametrize(
    "content",
    [
        table_of_parquet,
        table_of_feather,
        table_of_stream,
        table_of_workbook,
        table_of_json,
        lambda: table_of_json(lines=True),
    ],
)
def test_a_table_of_any_format_is_turned_into_csv(content: Callable[[], bytes]) -> None:
    rows = list(csv.reader(io.TextIOWrapper(as_csv(io.BytesIO(content())), newline="")))
    header = next(number for number, row in enumerate(rows) if "AREA" in row)
    assert rows[header] == list(ROWS[0])
    assert rows[header + 1 :] == CELLS


def test_csv_stays_as_it_is() -> None:
    file = io.BytesIO(b"DATE OCC,TIME OCC,AREA\n")
    assert as_csv(file) is file
    assert file.tell() == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PAR1" + b"0" * 100, "the file can't be read"),
        (b"{", "the file can't be read"),
        (b"[1]", "each a JSON object"),
        (table_of_workbook(tables=2), "several sheets are LAPD tables: 'Sheet1', 'Sheet2'"),
    ],
)
def test_what_can_not_be_read_says_why(content: bytes, told: str) -> None:
    with pytest.raises(UnreadableTable, match=told):
        as_csv(io.BytesIO(content))


def test_a_workbook_is_scored_on_the_page(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("batch")
    view.file_uploader[0].set_value(("reports.xlsx", table_of_workbook(), "application/vnd.ms-excel")).run()
    assert not view.exception
    assert view.metric[0].value == str(len(recorded("table_scored.csv").splitlines()) - 1)
    (request,) = backend.received("POST", "/predict/batch")
    assert b"2020-01-31,22:30:00,1,0344 1822,34.5" in request.body
