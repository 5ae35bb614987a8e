"""Columns of cells become reports; what can't be read is repaired or rejected, and counted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from crime.core.errors import DataError
from crime.reports.cells import OMITTED
from crime.reports.parsing import Reading, locate_columns, parse_columns
from crime.reports.systems import NONE_RECORDED
from crime.reports.table import CellError, Reports, encode_column
from crime.reports.tally import Tally
from hypothesis import given, settings
from hypothesis import strategies as st

GOOD = {"date_occ": "01/15/2023", "time_occ": "1430", "area": "6"}


def parse(
    tally: Tally, rows: int = 1, reading: Reading = "repair", labelled: bool = False, **cells: Sequence[Any]
) -> Reports:
    columns = {key: encode_column([cell] * rows) for key, cell in GOOD.items()}
    columns |= {key: encode_column(column) for key, column in cells.items()}
    return parse_columns(columns, rows, tally, labelled, reading=reading)


def test_missing_columns_are_not_known() -> None:
    reports = parse(Tally(), rows=2)
    assert reports.fields["date_occ"].tolist() == [19_372, 19_372]
    assert reports.fields["time_occ"].tolist() == [870, 870]
    assert reports.fields["premis_cd"].tolist() == [None, None]
    assert reports.fields["mocodes"].tolist() == [None, None]
    assert (reports.code.tolist(), reports.label.tolist()) == ([-1, -1], [-1, -1])
    assert reports.minute.tolist() == [19_372 * 1440 + 870] * 2


def test_a_blank_code_means_none_was_recorded_and_an_omitted_one_is_not_known() -> None:
    reports = parse(
        Tally(), 2, reading="payload", weapon_used_cd=["", OMITTED], mocodes=["", OMITTED], lat=["", OMITTED]
    )
    assert reports.fields["weapon_used_cd"].tolist() == [NONE_RECORDED, None]
    assert reports.fields["mocodes"].tolist() == [(), None]
    assert np.isnan(reports.fields["lat"]).all()


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        ({"area": [" "]}, CellError("AREA", "missing", "is blank")),
        ({"area": ["22"]}, CellError("AREA", "unreadable", "expected an area number from 1 to 21")),
        ({"crm_cd": ["777"]}, CellError("Crm Cd", "unknown_code", "no category is known for code 777")),
        ({"crm_cd": [""]}, CellError("Crm Cd", "missing", "is blank")),
        (
            {"time_occ": ["2500"], "area": ["x"]},
            CellError("TIME OCC", "unreadable", "expected a 24-hour time from 0000 to 2359"),
        ),
    ],
)
def test_a_row_is_rejected_for_its_first_required_cell_that_can_not_be_used(
    cells: dict[str, list[str]], error: CellError
) -> None:
    tally = Tally()
    reports = parse(tally, 1, "repair", True, **{"crm_cd": ["510"], **cells})
    assert reports.errors.tolist() == [error]
    assert reports.accepted.tolist() == [False]
    assert tally.rejected == {str(error): 1}


def test_the_text_of_an_error_names_the_column() -> None:
    assert str(CellError("AREA", "missing", "is blank")) == "AREA is blank"
    assert str(CellError("AREA", "unreadable", "expected 1")) == "AREA: expected 1"


def test_an_optional_cell_that_can_not_be_read_is_repaired_or_if_strict_rejects() -> None:
    tally = Tally()
    reports = parse(tally, lat=["north"])
    assert reports.accepted.all()
    assert np.isnan(reports.fields["lat"]).all()
    assert tally.repaired == {"LAT unreadable, taken as not known": 1}
    (error,) = parse(Tally(), reading="payload", lat=["north"]).errors
    assert (error.column, error.kind) == ("LAT", "unreadable")


def test_a_report_taken_before_the_event_is_repaired_or_if_strict_rejected() -> None:
    tally = Tally()
    reports = parse(tally, 2, date_rptd=["01/14/2023", "01/16/2023"])
    np.testing.assert_array_equal(reports.fields["date_rptd"], [np.nan, 19_373])
    assert tally.repaired == {"Date Rptd before DATE OCC, taken as not known": 1}
    strict = parse(Tally(), 2, reading="payload", date_rptd=["01/14/2023", "01/16/2023"])
    assert strict.errors.tolist() == [CellError("Date Rptd", "order", "expected a date not before DATE OCC"), None]


def test_rows_are_counted_across_blocks() -> None:
    tally = Tally()
    parse(tally, 3)
    parse(tally, 3, area=["1", "2", "99"])
    assert (tally.rows, tally.rejected_rows) == (6, 1)
    assert tally.examples == {"AREA: expected an area number from 1 to 21": [(6, "99")]}


def test_only_some_fields_are_parsed_on_request() -> None:
    columns = {key: encode_column([cell]) for key, cell in {**GOOD, "date_rptd": "", "lat": "34.1"}.items()}
    reports = parse_columns(columns, 1, Tally(), only=("date_occ", "date_rptd", "area"))
    assert set(reports.fields) == {"system", "date_occ", "date_rptd", "area"}


def test_a_table_without_a_required_column_is_refused() -> None:
    with pytest.raises(DataError, match="no column 'AREA'"):
        parse_columns({key: encode_column([GOOD[key]]) for key in ("date_occ", "time_occ")}, 1, Tally())


def test_columns_are_found_in_any_spelling() -> None:
    names = ["\ufeffDATE OCC", " time_occ", "Area ", "AREA", "Part 1-2"]
    assert locate_columns(names) == {"date_occ": 0, "time_occ": 1, "area": 2, "part_1_2": 4}
    with pytest.raises(DataError, match="not an LAPD table: no column 'TIME OCC', 'AREA'; it has 'DATE OCC', 'x'"):
        locate_columns(["DATE OCC", "x"])


def test_reports_sort_by_time_then_number() -> None:
    reports = parse(Tally(), 4, time_occ=["1200", "0100", "1200", "0059"], dr_no=["10", "7", "9", "8"])
    reports.sort()
    assert reports.fields["dr_no"].tolist() == ["8", "7", "9", "10"]
    assert reports.fields["time_occ"].tolist() == [59, 60, 720, 720]


def test_numbers_of_reports_that_are_no_integers_sort_as_text() -> None:
    reports = parse(Tally(), 3, dr_no=["b", "10", "9"])
    reports.sort()
    assert reports.fields["dr_no"].tolist() == ["10", "9", "b"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["0344", "0101", "344", " ", "\n", ",", "x", "12345"])).map("".join), min_size=1)
)
def test_mo_codes_read_alike_one_by_one_and_all_at_once(cells: list[str]) -> None:
    one_by_one, at_once = Tally(), Tally()
    text = parse(one_by_one, len(cells), mocodes=cells)
    raw = parse(at_once, len(cells), mocodes=[cell.encode() for cell in cells])
    np.testing.assert_array_equal(text.fields["mocodes"], raw.fields["mocodes"])
    assert one_by_one == at_once


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["1", "12", "0012", "a1", " 1", "", "é", "1\n2"]), min_size=1))
def test_report_numbers_read_alike_one_by_one_and_all_at_once(cells: list[str]) -> None:
    text = parse(Tally(), len(cells), dr_no=cells)
    raw = parse(Tally(), len(cells), dr_no=[cell.encode() for cell in cells])
    assert text.fields["dr_no"].tolist() == raw.fields["dr_no"].tolist()


def test_of_two_columns_of_one_field_the_filled_cell_is_read() -> None:
    reports = parse(Tally(), 3, premis_cd=["", "101", "102"], premise_cd=["103", "", "104"])
    assert [code.code for code in reports.fields["premis_cd"]] == ["103", "101", "102"]
