"""The page of expected reports."""

from typing import Any

import pandas as pd
import pytest
from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest


def subheaders(view: AppTest) -> list[str]:
    return [subheader.value for subheader in view.subheader]


def ranking(view: AppTest) -> pd.DataFrame:
    """The table of places that scrolls."""
    return next(frame.value for frame in view.dataframe if "Expected" in frame.value)


def test_without_a_forecast_the_page_says_how_to_make_one(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/hotspots", recorded("hotspots_none"), 503)
    view = open_view("forecast")
    assert view.info[0].value.startswith("**There is no forecast yet.** `crime forecast` makes one. (no forecast to")
    assert len(backend.received("GET", "/hotspots")) == 1  # an answer, not an outage: no second attempt
    assert not figures(view)


def test_where_and_when(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("forecast")
    areas, city = recorded("hotspots_area"), recorded("forecast_city")
    assert view.caption[0].value.startswith("Reports expected from 1 January 2021 to 28 January 2021, made at the end")
    assert subheaders(view)[0] == "Los Angeles, all reports: 1 January 2021 to 7 January 2021"
    assert "The next four weeks by day: Los Angeles, all reports" in subheaders(view)
    assert backend.received("GET", "/hotspots")[-1].query == {
        "top": ["21"], "by": ["area"], "on": ["2021-01-01"], "period": ["week"],
    }  # fmt: skip
    table = ranking(view)
    first = areas["places"][0]
    assert list(table["Place"]) == [place["name"] for place in areas["places"]]  # all of them
    assert table["80 %"][0] == f"{first['low80']:.0f} to {first['high80']:.0f}"
    fan = figures(view)["fan"]["data"]
    assert fan[2]["y"] == [day["mean"] for day in city["days"]]
    assert fan[3]["y"] == [day["reports"] for day in city["recent"][-56:]]
    total = city["total_range"]
    assert any(f"80 % range {total['low80']:,} to {total['high80']:,}" in text.value for text in view.caption)
    assert any(text.value.startswith("**Limits.**") for text in view.info)
    assert not view.warning


def test_how_the_previous_forecast_did(backend: RecordedBackend, open_view: OpenView) -> None:
    before = recorded("forecast_city")["before"]
    in_range = sum(day["low80"] <= day["reports"] <= day["high80"] for day in before)
    view = open_view("forecast")
    assert figures(view)["before"]["data"][3]["y"] == [day["reports"] for day in before]
    assert any(
        text.value.endswith(
            f"{sum(day['mean'] for day in before):,.0f} expected, {sum(day['reports'] for day in before):,} reported; "
            f"{in_range} of 28 days in their 80 % range."
        )
        for text in view.caption
    )


def test_a_forecast_that_knows_of_no_previous_one(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/forecast", recorded("forecast_city") | {"before": []})
    view = open_view("forecast")
    assert set(figures(view)) == {"map", "fan"}
    assert not any(text.startswith("How the previous forecast did") for text in subheaders(view))


def test_each_filter_holds_for_the_whole_page(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("forecast", area="Hollywood", ahead="day", day="2021-01-05", shift="1")
    view.selectbox(key="category").select("vandalism_destruction")
    view.run()
    assert not view.exception
    cut = {"shift": ["1"], "category": ["vandalism_destruction"]}
    asked = {"top": ["21"], "by": ["area"], "on": ["2021-01-05"], "period": ["day"]}
    assert backend.received("GET", "/hotspots")[-1].query == asked | cut
    assert backend.received("GET", "/forecast")[-1].query == {"area": ["6"]} | cut
    what = "Hollywood, vandalism/destruction, 08 to 16"
    assert subheaders(view)[:2] == [f"{what}: 5 January 2021", f"The next four weeks by day: {what}"]
    assert list(ranking(view)["Place"]) == ["Hollywood"]
    assert figures(view)["map"]["data"][0]["text"] == ["Hollywood"]


def test_districts_of_the_area_are_ranked(backend: RecordedBackend, open_view: OpenView) -> None:
    places = recorded("hotspots_district")["places"]
    view = open_view("forecast", area="Hollywood", by="district")
    hollywood = [place for place in places if place["area"] == 6]
    assert 0 < len(hollywood) < len(places)
    shown = ranking(view)
    assert list(shown["Place"]) == [f"{place['id']:04}, Hollywood" for place in hollywood]
    assert any("Outlines of districts are not LAPD's" in text.value for text in view.caption)


@pytest.mark.parametrize(
    ("address", "day"),
    [
        ({"day": "2021-02-20"}, "2021-01-01"),
        ({"day": "tomorrow"}, "2021-01-01"),
        ({"day": "2021-01-26"}, "2021-01-01"),  # no whole week is left
    ],
)
def test_a_day_outside_the_forecast_is_told(
    address: dict[str, str], day: str, backend: RecordedBackend, open_view: OpenView
) -> None:
    view = open_view("forecast", **address)
    assert f"**From** in the address, `{address['day']}`, is none of the choices here" in view.warning[0].value
    assert backend.received("GET", "/hotspots")[-1].query["on"] == [day]


def test_a_longer_period_begins_where_it_fits(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("forecast", ahead="day", day="2021-01-28")
    view.segmented_control(key="ahead").select("four_weeks").run()
    assert not view.exception
    asked = backend.received("GET", "/hotspots")[-1].query
    assert (asked["on"], asked["period"]) == (["2021-01-01"], ["four_weeks"])


def test_addresses_of_earlier_releases_are_understood(backend: RecordedBackend, open_view: OpenView) -> None:
    earlier = {"forecast-area": "Hollywood", "kind-of-report": "Theft/burglary", "by": "Districts", "shift": "08 to 16"}
    open_view("forecast", **earlier)
    assert backend.received("GET", "/forecast")[-1].query == {
        "area": ["6"], "shift": ["1"], "category": ["theft_burglary"],
    }  # fmt: skip
    assert backend.received("GET", "/hotspots")[-1].query["by"] == ["district"]


def test_places_of_sexual_crimes_are_shown_no_finer_than_their_area(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    view = open_view("forecast", by="district")
    view.selectbox(key="category").select("sexual")
    view.run()
    assert not view.exception
    assert backend.received("GET", "/hotspots")[-1].query["by"] == ["area"]


def replace_made(backend: RecordedBackend, **made: Any) -> None:
    backend.replace("GET", "/hotspots", recorded("hotspots_area") | made)


def test_an_old_forecast_and_one_of_a_draw_say_so(backend: RecordedBackend, open_view: OpenView) -> None:
    replace_made(backend, warning="made from reports until 2024-03-06, 994 days ago", share=1 / 127)
    view = open_view("forecast")
    assert "made from reports until 2024-03-06, 994 days ago" in view.error[0].value
    assert "It was made from 7,158 reports, 1 in 127 of LAPD's" in view.info[0].value


def test_a_table_of_few_of_the_citys_reports_says_what_share_it_is(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    table = {"reports": 10000, "first": "2020-01-01", "last": "2020-12-31", "per_day": 27.3, "usual_per_day": 600}
    replace_made(backend, table=table)
    warning = open_view("forecast").warning[0].value
    assert warning.startswith("**Not all of LAPD's reports.** The table has 10,000 reports, 27.3 a day; LAPD took")
    assert "about 5% of the city's reports" in warning


def test_a_simulated_forecast_is_marked(backend: RecordedBackend, open_view: OpenView) -> None:
    replace_made(backend, simulated=True)
    assert open_view("forecast").warning[0].value.startswith("**Simulated.** This forecast rests on")


def test_a_forecast_without_ranges_of_weeks_says_so_and_shows_the_days(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    def refuse_weeks(query: dict[str, list[str]]) -> bool:
        return query["period"] == ["week"]

    backend.refuse("GET", "/hotspots", "of an earlier release", refuse_weeks)
    view = open_view("forecast")
    assert view.info[0].value == "of an earlier release"
    assert set(figures(view)) == {"fan", "before"}
