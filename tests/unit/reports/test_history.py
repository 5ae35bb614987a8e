"""Histories of reports, and the places they are counted by."""

import csv
from pathlib import Path

import numpy as np
import pytest
from crime.core.days import day_number, day_text, weekday
from crime.core.errors import DataError
from crime.reports.history import read_history
from crime.reports.places import PLACE_KINDS, area_index, daily_counts, places_of
from crime.reports.tally import Tally
from histories import MONDAY, make_history


def write_table(path: Path, dates: list[str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["DR_NO", "Date Rptd", "DATE OCC", "TIME OCC", "AREA", "Rpt Dist No", "Crm Cd"])
        writer.writerows([number, "", date, "1430", 1, 101, 510] for number, date in enumerate(dates))
    return path


def test_mistyped_dates_are_left_out_and_counted(tmp_path: Path) -> None:
    dates = ["01/01/1950", *(f"{1 + n % 12:02}/{1 + n % 28:02}/2020" for n in range(2000)), "06/01/2024"]
    tally = Tally()
    history = read_history(write_table(tmp_path / "reports.csv", dates), tally)
    assert (day_text(history.first), len(history)) == ("2020-01-01", 2000)
    assert tally.rejected["DATE OCC is 28 days or more from all other reports"] == 2


def test_days_after_today_are_mistyped(tmp_path: Path) -> None:
    tally = Tally()
    history = read_history(write_table(tmp_path / "reports.csv", [*["2020-01-01"] * 50, "2099-06-01"]), tally)
    assert len(history) == 50
    assert tally.rejected == {"DATE OCC: expected a day up to today": 1}


def test_many_reports_beyond_a_silence_are_kept(tmp_path: Path) -> None:
    history = read_history(write_table(tmp_path / "reports.csv", ["2020-01-01"] * 50 + ["2020-06-01"] * 50), Tally())
    assert (day_text(history.first), day_text(history.last)) == ("2020-01-01", "2020-06-01")


def test_reports_are_in_the_order_of_their_days_and_known_by_a_day() -> None:
    history = make_history([MONDAY + 5, MONDAY, MONDAY + 2], [0, 9, 1], [101, 102, 201])
    assert history.occurred.tolist() == [MONDAY, MONDAY + 2, MONDAY + 5]
    assert history.known_by(MONDAY + 5).district.tolist() == [201, 101]
    assert (history.first, history.last, history.end) == (MONDAY, MONDAY + 5, MONDAY + 9)


def test_a_district_lies_in_the_area_that_most_of_its_reports_name() -> None:
    history = make_history([MONDAY] * 4, [0] * 4, [101, 101, 101, 205])
    history.area[0] = 2
    places = {kind: places_of(history, kind) for kind in PLACE_KINDS}
    assert places["district"].area.tolist() == [1, 2]
    assert area_index(places).tolist() == [0, 1]
    assert places["city"].ids.tolist() == [0]


def test_reports_without_a_district_are_in_no_place() -> None:
    history = make_history([MONDAY] * 3, [0] * 3, [101, 101, 0])
    assert places_of(history, "district").index.tolist() == [0, 0, -1]
    with pytest.raises(DataError, match="Rpt Dist No"):
        places_of(make_history([MONDAY], [0], [0]), "district")


def test_daily_counts_hold_what_was_known() -> None:
    history = make_history([MONDAY, MONDAY, MONDAY + 2, MONDAY + 4], [0, 9, 0, 0], [101, 101, 201, 101])
    places = places_of(history, "area")
    assert daily_counts(history, places, MONDAY, MONDAY + 2).tolist() == [[2, 0, 0], [0, 0, 1]]
    assert daily_counts(history, places, MONDAY, MONDAY + 2, known_by=MONDAY + 2).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_weekdays_begin_on_monday() -> None:
    days = np.array([day_number("2024-01-01"), day_number("2024-01-07"), MONDAY])
    assert weekday(days).tolist() == [0, 6, 0]
