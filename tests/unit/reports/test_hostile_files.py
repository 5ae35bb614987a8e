"""Damaged and hostile files are read or refused, never a crash; what is wrong with them is counted."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from crime.core import limits
from crime.core.errors import DataError, DateOrderError
from crime.reports.cells import PLAIN_PARSERS, parse_cell
from crime.reports.coordinates import coordinates_in
from crime.reports.files import load_reports, parse_block, read_blocks
from crime.reports.parsing import recorded_labels
from crime.reports.table_dates import TableDates
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


def test_parsed_cells_that_are_kept_are_short() -> None:
    """Every caller has the same bound: recorded codes were kept in full, 65,536 of them."""
    cell = "0." + "0" * 10_000
    for _ in range(2):
        recorded_labels({"crm_cd": ([cell], np.zeros(1, int))}, np.zeros(1))
    first, second = (parse_cell("legacy", "crime_code", cell, False) for _ in range(2))
    assert first is not second
    first, second = (parse_cell("legacy", "mocodes", "0344,0345", False) for _ in range(2))
    assert first is not second
    assert parse_cell("legacy", "crime_code", "510", False) is parse_cell("legacy", "crime_code", "510", False)


def test_reasons_of_rejected_rows_are_short(tmp_path: Path) -> None:
    """A reason is kept for each different text, and told in the answer."""
    path = tmp_path / "table.csv"
    codes = ["0." + "0" * (10_000 + number) for number in range(20)]
    rows = [LINE.replace("\n", f",{code}\n") for code in ["510"] * 200 + codes]
    path.write_text(HEAD.replace("\n", ",Crm Cd\n") + "".join(rows))
    tally = Tally()
    load_reports(path, tally, labelled=True)
    assert any(reason.startswith("Crm Cd") for reason in tally.rejected)
    assert max(map(len, tally.rejected)) < 200


def test_a_long_text_is_not_searched_for_coordinates() -> None:
    """The search took 26 s for one cell of 200 KB, in which nothing else was answered."""
    place = "(34.05, -118.24)"
    assert coordinates_in("x" * limits.PLACE_CHARACTERS + place) is None
    assert coordinates_in("x" * (limits.PLACE_CHARACTERS - len(place)) + place) == ("34.05", "-118.24")


def test_dates_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DATES", 100)
    dates = TableDates()
    dates.learn("DATE OCC", (f"no date {number}" for number in range(1_000)))
    assert len(dates._columns["DATE OCC"].seen) == 100
    with pytest.raises(DataError, match="more than 100 different dates"):
        dates.learn("DATE OCC", ["02/03/2020"])


def test_a_long_date_is_told_in_short() -> None:
    dates = TableDates()
    dates.learn("DATE OCC", [f"02/03/2020{' ' * 10_000}10:00"])
    with pytest.raises(DateOrderError) as raised:
        dates.check()
    assert len(str(raised.value)) < 300
    assert len(raised.value.example) < 100
    assert max(len(written) for _, written in dates._columns["DATE OCC"].formats) < 100
