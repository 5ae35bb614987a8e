"""The page of counts."""

import datetime
import itertools
from pathlib import Path

import crime_ui
import pandas as pd
import pytest
from crime_ui.comparison import by_period, change_text, earlier_days
from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest

DAY = datetime.date
EXPLORE = Path(crime_ui.__file__).parent / "views/explore.py"


def metrics(view: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in view.metric}


def table(view: AppTest, heading: str) -> pd.DataFrame:
    """The table with this heading that scrolls."""
    return next(frame.value for frame in view.dataframe if heading in frame.value)


def test_all_reports(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore")
    counts = recorded("reports")
    assert view.caption[0].value.startswith("7,888 reports from 1 January 2020 to 26 February 2025")
    assert metrics(view) == {"Reports": "7,888", "Most frequent": "Theft/burglary", "Busiest area": "Central"}
    shown = {key: figure["data"] for key, figure in figures(view).items()}
    assert set(shown) == {"map", "by-category", "by-time", "by-hour"}
    assert len(shown["map"][0]["locations"]) == 21
    by_category = dict(zip(shown["by-category"][0]["y"], shown["by-category"][0]["x"], strict=True))
    assert by_category == {name.capitalize(): reports for name, reports in counts["by_category"].items()}
    assert dict(zip(shown["by-time"][0]["x"], shown["by-time"][0]["y"], strict=True)) == counts["by_month"]
    assert shown["by-hour"][0]["z"] == counts["by_weekday_hour"]
    places = table(view, "Place")
    assert (len(places), places["Place"][0], places["Reports"][0]) == (21, "Central", counts["by_area"]["1"])
    stolen = table(view, "Offence type")
    assert (stolen["Offence type"][0], stolen["Reports"][0]) == (
        "Vehicle - stolen (510)",
        counts["by_code"]["legacy:510"],
    )


def test_filters_are_sent_and_their_counts_shown(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore", area="Hollywood", shift="2", **{"from": "2021-02-01", "to": "2021-02-14"})
    view.multiselect(key="category").select("theft_burglary").run()
    view.multiselect(key="code").select("legacy:510").run()
    assert not view.exception
    assert backend.received("GET", "/reports")[-1].query == {
        "area": ["6"],
        "category": ["theft_burglary"],
        "code": ["legacy:510"],
        "shift": ["2"],
        "first": ["2021-02-01"],
        "last": ["2021-02-14"],
    }
    assert metrics(view)["Reports"] == f"{recorded('reports_hollywood')['total']:,}"
    assert metrics(view)["Busiest area"] == "Hollywood"
    assert list(table(view, "Place")["Place"]) == ["Hollywood"]


def test_offence_types_are_those_of_the_categories(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore")
    every = set(view.multiselect(key="code").options)
    view.multiselect(key="category").select("violence_assault").run()
    violent = set(view.multiselect(key="code").options)
    assert "Robbery (210)" in violent < every
    assert "Vehicle - stolen (510)" in every - violent


def test_a_comparison_asks_for_the_earlier_days_and_shows_changes(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    view = open_view("explore", against="year_before", **{"from": "2022-01-01", "to": "2022-01-31"})
    asked = [(request.query.get("first"), request.query.get("last")) for request in backend.received("GET", "/reports")]
    assert asked[-1] == (["2021-01-02"], ["2021-02-01"])
    assert list(table(view, "Place").columns) == ["Place", "Reports", "Earlier", "Change"]
    assert view.metric[0].delta == "0 % (-3 % to +3 %)"
    assert len(figures(view)["by-category"]["data"]) == 2


def test_earlier_days_that_the_table_does_not_have_are_told(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore", against="before")
    assert "The table begins later than" in view.info[-1].value
    assert len(figures(view)["by-category"]["data"]) == 1


def test_districts_are_counted_and_drawn_where_the_forecast_has_their_centre(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    view = open_view("explore", by="district")
    counts, placed = recorded("reports"), {str(place["id"]) for place in recorded("hotspots_district")["places"]}
    assert len(table(view, "Place")) == len(counts["by_district"])
    assert set(figures(view)["map"]["data"][0]["locations"]) <= placed
    untold = counts["total"] - sum(counts["by_district"].values())
    assert any(f"{untold} reports are of no district that is told" in text.value for text in view.caption)


def test_without_a_forecast_districts_are_in_the_table_alone(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/hotspots", recorded("hotspots_none"), 503)
    view = open_view("explore", by="district")
    assert "map" not in figures(view)
    assert len(table(view, "Place")) > 500


def test_addresses_of_earlier_releases_are_understood(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore", areas="Hollywood", categories="Theft/burglary", months="2021-02")
    assert backend.received("GET", "/reports")[-1].query == {
        "area": ["6"],
        "category": ["theft_burglary"],
        "first": ["2021-02-01"],
        "last": ["2021-02-28"],
    }
    assert metrics(view)["Busiest area"] == "Hollywood"


def test_several_areas_in_an_address_of_an_earlier_release_are_told(backend: RecordedBackend) -> None:
    app = AppTest.from_file(EXPLORE, default_timeout=15)
    app.query_params["areas"] = ["Hollywood", "Central"]
    app.run()
    assert "several values, `Hollywood, Central`, where one is chosen now" in app.warning[0].value
    assert "area" not in backend.received("GET", "/reports")[-1].query


def test_filters_that_nothing_matches(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore")
    backend.replace("GET", "/reports", recorded("reports_none"))
    view.selectbox(key="area").select("Hollywood").run()
    assert not view.exception
    assert "No report matches these filters." in [text.value for text in view.info]
    assert not view.metric
    assert not figures(view)


def test_a_model_of_an_earlier_release_shows_months(backend: RecordedBackend, open_view: OpenView) -> None:
    months_alone = {"by_day": None, "by_district": None, "by_code": None}
    backend.replace("GET", "/reports", recorded("reports") | months_alone)
    view = open_view("explore", by="district")
    assert list(figures(view)["by-time"]["data"][0]["x"]) == list(recorded("reports")["by_month"])
    told = [text.value for text in view.info]
    assert "The model is of an earlier release and does not count districts." in told
    assert "The model is of an earlier release and does not count offence types." in told
    backend.refuse("GET", "/reports", "counts whole months alone", lambda query: "2021-02-02" in query.get("first", ()))
    view = open_view("explore", **{"from": "2021-02-02"})
    assert "counts whole months alone" in view.info[-1].value


@pytest.mark.parametrize(
    ("against", "earlier"),
    [
        ("nothing", None),
        ("before", (DAY(2024, 2, 23), DAY(2024, 2, 29))),
        ("year_before", (DAY(2023, 3, 3), DAY(2023, 3, 9))),
    ],
)
def test_the_days_beside_a_week(against: str, earlier: tuple[datetime.date, datetime.date] | None) -> None:
    week = (DAY(2024, 3, 1), DAY(2024, 3, 7))
    assert earlier_days(week, against) == earlier  # type: ignore[arg-type]


def test_a_change_has_a_range() -> None:
    assert change_text(120, 100) == "+20 % (-8 % to +56 %)"
    assert change_text(100, 120) == "-17 % (-36 % to +9 %)"
    assert change_text(5, 0) == change_text(0, 5) == "–"


@pytest.mark.parametrize(("days", "title", "bars"), [(40, "By day", 40), (100, "By week", 14), (800, "By month", 27)])
def test_time_has_a_readable_number_of_bars(days: int, title: str, bars: int) -> None:
    first = DAY(2020, 1, 1)
    by_day = dict(zip(map(str, (first + datetime.timedelta(n) for n in range(days))), itertools.repeat(1)))
    counts, name = by_period(by_day)
    assert (name, len(counts)) == (title, bars)
    assert sum(counts.values()) == (98 if title == "By week" else days)
