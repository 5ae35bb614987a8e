"""Damaged and hostile files are read or refused, never a crash; what is wrong with them is counted."""

from contextlib import suppress
from pathlib import Path

import pytest
from crime.core import limits
from crime.core.errors import DataError
from crime.reports.cells import PLAIN_PARSERS, parse_cell
from crime.reports.files import parse_block, read_blocks
from crime.reports.tally import Tally
from crime.sample import sample_table
from hypothesis import HealthCheck, given, settings
from spoilt_tables import HEAD, KINDS, LINE, TABLE, parquet_file, spoilt


def read(path: Path) -> Tally:
    tally = Tally()
    for block in read_blocks(path, tally):
        parse_block(block, tally)
    return tally


@pytest.mark.parametrize("text", [b"Mocodes", b"01/15/2023"])
def test_text_in_parquet_that_is_not_utf8_is_an_error(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    content = parquet_file()
    assert text in content
    path.write_bytes(content.replace(text, b"\x80" + text[1:]))
    with pytest.raises(DataError, match="can't be read"):
        read(path)


@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "table"

    @settings(max_examples=300, deadline=10_000, suppress_health_check=[HealthCheck.too_slow])
    @given(spoilt(KINDS[kind]))
    def refused_or_counted(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(DataError):
            tally = read(path)
            assert tally.rejected_rows <= tally.rows

    refused_or_counted()


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("DATE OCC", "01/15/1899"),
        ("DATE OCC", "01/15/2999"),
        ("TIME OCC", "NaN"),
        ("AREA", "Infinity"),
        ("AREA", "1e309"),
    ],
)
def test_impossible_cells_reject_their_row_alone(column: str, cell: str, tmp_path: Path) -> None:
    names, cells = HEAD.strip().split(","), LINE.strip().split(",")
    bad = ",".join(cell if name == column else good for name, good in zip(names, cells, strict=True))
    path = tmp_path / "table.csv"
    path.write_text(HEAD + LINE + bad + "\n" + LINE)
    tally = read(path)
    assert (tally.rows, tally.rejected_rows) == (3, 1)
    assert next(iter(tally.rejected)).startswith(column)


def test_the_sample_itself_is_read() -> None:
    with sample_table() as path:
        assert read(path).rows == 7_888


def test_a_misshapen_row_of_another_encoding_is_counted_alone(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE + b"2,CAF\xc9,\xa9\n" + LINE.encode())
    tally = read(path)
    assert (tally.rows, dict(tally.rejected)) == (52, {"wrong number of columns": 1})
    assert tally.examples["wrong number of columns"] == [(51, "2,CAFÉ,©")]


def test_lines_may_end_as_on_an_old_mac(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.replace(b"\n", b"\r"))
    assert (read(path).rows, read(path).rejected_rows) == (50, 0)


def test_long_cells_do_not_stay_in_memory() -> None:
    """What is kept of each report, such as its number, is short however long the cell is."""
    long = b"7" * 10_000
    for cells in ([long, b"2"], [long + b" ", b"-2-"]):
        numbers = PLAIN_PARSERS["dr_no"](cells)
        kept = [parse_cell("legacy", "dr_no", cell, False).value for cell in cells] if numbers is None else numbers
        assert [len(number) for number in kept] == [limits.NUMBER_CHARACTERS, len(cells[1])]


@pytest.mark.parametrize("separator", [b" ", b", "])
def test_a_report_has_a_bounded_number_of_mo_codes(separator: bytes) -> None:
    codes = [b"%04d" % code for code in range(limits.MO_CODES + 1)]
    for count, error in ((limits.MO_CODES, None), (limits.MO_CODES + 1, "unreadable")):
        cell = separator.join(codes[:count])
        parsed = parse_cell("legacy", "mocodes", cell, False)
        assert (parsed.error and parsed.error.kind) == error
        plain = PLAIN_PARSERS["mocodes"]([cell])
        assert plain is None or (error is None and plain.tolist() == [parsed.value])
