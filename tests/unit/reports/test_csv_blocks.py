"""Blocks are cut between rows, wherever quotes and line ends are."""

import csv
import io

import pyarrow as pa
import pytest
from crime.core.errors import DataError
from crime.reports import csv_blocks
from crime.reports.csv_blocks import end_of_whole_rows, read_csv_blocks
from crime.reports.tally import Tally
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv as arrow_csv

HEADER = b"DATE OCC,TIME OCC,AREA,LOCATION\n"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(st.sampled_from('a",\n\r;x'), max_size=30).map(str.encode), max_size=40),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_cutting_a_block_changes_no_row(cells: list[bytes], line_end: bytes) -> None:
    """Whether quotes open a cell, are doubled, are stray or surround a line end."""
    text = line_end.join(b"1," + cell + b',"b ""c"""' for cell in cells) + b'\n2,"last"\n'
    for size in (len(text) // 2, len(text) // 3):
        end = end_of_whole_rows(text[:size], b",")
        first, second, whole = map(rows_of, (text[:end], text[end:], text))
        assert (first[0] + second[0], first[1] + second[1]) == whole


def rows_of(text: bytes) -> tuple[list[object], list[object]]:
    """The rows that pyarrow parses, and the text of those with another number of cells."""
    if not text.strip(b"\r\n"):
        return [], []
    bad: list[object] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        bad.append(row.text.strip("\r\n"))
        return "skip"

    table = arrow_csv.read_csv(
        pa.BufferReader(text),
        arrow_csv.ReadOptions(column_names=["0", "1", "2"], use_threads=False, block_size=1 << 20),
        arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        arrow_csv.ConvertOptions(column_types=dict.fromkeys("012", pa.binary())),
    )
    return table.to_pylist(), bad


def read(table: bytes) -> tuple[list[dict[str, bytes]], Tally]:
    tally = Tally()
    rows = [row for batch in read_csv_blocks(io.BytesIO(table), tally) for row in batch.to_pylist()]
    return rows, tally


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "BLOCK_BYTES", 100)
    monkeypatch.setattr(csv_blocks, "HEAD_BYTES", 50)


def test_many_blocks_give_the_rows_of_one(small_blocks: None) -> None:
    lines = [b'01/%02d/2020,0930,1,"%d, ""B""\nST"\n' % (1 + n % 28, n) for n in range(50)]
    rows, tally = read(HEADER + b"".join(lines))
    assert [row["LOCATION"] for row in rows] == [b'%d, "B"\nST' % n for n in range(50)]
    assert tally == Tally()


def test_misshapen_rows_are_numbered_within_the_table(small_blocks: None) -> None:
    lines = [b"01/01/2020,0930,1,A ST\n"] * 40
    lines[10] = lines[30] = b"too,few\n"
    rows, tally = read(HEADER + b"".join(lines))
    assert len(rows) == 38
    assert tally.misshapen == [11, 31]
    assert tally.examples == {"wrong number of columns": [(11, "too,few"), (31, "too,few")]}


def test_a_row_longer_than_a_block_is_an_error(small_blocks: None) -> None:
    with pytest.raises(csv.Error, match="a row is longer than"):
        read(HEADER + b"x" * 500 + b"\n")


def test_bytes_that_are_no_utf8_survive_where_blocks_are_cut(small_blocks: None) -> None:
    cell = "é" * 20 + "ü"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        table = HEADER.decode() + f"01/01/2020,0930,1,{cell}\n" * 9
        rows, _ = read(table.encode(encoding))
        assert {row["LOCATION"].decode() for row in rows} == {cell}, encoding


def test_of_a_repeated_column_the_first_is_read() -> None:
    rows, tally = read(b"AREA,DATE OCC,TIME OCC,area\n1,01/01/2020,0930,2\n")
    assert rows == [{"AREA": b"1", "DATE OCC": b"01/01/2020", "TIME OCC": b"0930"}]
    assert tally.repaired == {"column named twice, the first is read": 1}


@pytest.mark.parametrize("table", [b"", b"\n\n", b" \n"])
def test_a_table_without_a_header_is_refused(table: bytes) -> None:
    with pytest.raises(DataError, match="the file is empty"):
        read(table)
