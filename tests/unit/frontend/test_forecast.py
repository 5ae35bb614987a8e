"""The page of expected reports."""

from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest


def subheaders(view: AppTest) -> list[str]:
    return [subheader.value for subheader in view.subheader]


def test_without_a_forecast_the_page_says_how_to_make_one(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/hotspots", recorded("hotspots_none"), 503)
    view = open_view("forecast")
    assert view.info[0].value.startswith("**There is no forecast yet.** `crime forecast` makes one. (no forecast to")
    assert len(backend.received("GET", "/hotspots")) == 1  # an answer, not an outage: no second attempt
    assert not figures(view)


def test_where_and_when(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("forecast")
    areas, city = recorded("hotspots_area"), recorded("forecast_city")
    assert view.caption[0].value.startswith("Reports expected from 2021-01-01 to 2021-01-28, made at the end of")
    assert subheaders(view)[0] == "Expected on Friday, 01 January 2021"
    assert "Los Angeles: the next four weeks" in subheaders(view)
    table = view.dataframe[0].value
    first = areas["places"][0]
    assert list(table["Place"]) == [place["name"] for place in areas["places"][:15]]
    assert table["80 %"][0] == f"{first['low80']:.0f} to {first['high80']:.0f}"
    fan = figures(view)["fan"]["data"]
    assert fan[2]["y"] == [day["mean"] for day in city["days"]]
    assert fan[3]["y"] == [day["reports"] for day in city["recent"][-56:]]
    assert view.info[0].value.startswith("**Limits.**")
    assert not view.warning


def test_how_the_previous_forecast_did(backend: RecordedBackend, open_view: OpenView) -> None:
    before = recorded("forecast_city")["before"]
    in_range = sum(day["low80"] <= day["reports"] <= day["high80"] for day in before)
    view = open_view("forecast")
    assert figures(view)["before"]["data"][3]["y"] == [day["reports"] for day in before]
    assert view.caption[-1].value.endswith(
        f"{sum(day['mean'] for day in before):,.0f} expected, {sum(day['reports'] for day in before):,} reported; "
        f"{in_range} of 28 days in their 80 % range."
    )


def test_a_forecast_that_knows_of_no_previous_one(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/forecast", recorded("forecast_city") | {"before": []})
    view = open_view("forecast")
    assert set(figures(view)) == {"map", "fan"}
    assert "How the previous forecast did" not in subheaders(view)


def test_what_is_chosen_is_asked_for(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("forecast", by="Districts", day="2021-01-05", shift="08 to 16")
    view.selectbox(key="kind-of-report").select("vandalism_destruction")
    view.selectbox(key="forecast-area").select("Hollywood")
    view.run()
    assert backend.received("GET", "/hotspots")[-1].query == {
        "top": ["2000"],
        "by": ["district"],
        "on": ["2021-01-05"],
        "shift": ["1"],
        "category": ["vandalism_destruction"],
    }
    assert backend.received("GET", "/forecast")[-1].query == {
        "area": ["6"],
        "shift": ["1"],
        "category": ["vandalism_destruction"],
    }
    assert "Hollywood: the next four weeks" in subheaders(view)
    assert "Expected on Tuesday, 05 January 2021" in subheaders(view)
    district = recorded("hotspots_district")["places"][0]
    place = view.dataframe[0].value["Place"][0]
    assert place.startswith(f"{district['name']}, ")
    assert len(figures(view)["map"]["data"]) == 22  # the areas and the dots


def test_places_of_sexual_crimes_are_shown_no_finer_than_their_area(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    view = open_view("forecast", by="Districts")
    view.selectbox(key="kind-of-report").select("sexual")
    view.run()
    assert not view.exception
    assert backend.received("GET", "/hotspots")[-1].query["by"] == ["area"]


def test_an_old_forecast_and_one_of_a_draw_say_so(backend: RecordedBackend, open_view: OpenView) -> None:
    made = {"warning": "made from reports until 2024-03-06, 994 days ago", "share": 1 / 127}
    backend.replace("GET", "/hotspots", recorded("hotspots_area") | made)
    view = open_view("forecast")
    assert "made from reports until 2024-03-06, 994 days ago" in view.error[0].value
    assert "1 in 127 of LAPD's reports" in view.info[0].value


def test_a_simulated_forecast_is_marked(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/hotspots", recorded("hotspots_area") | {"simulated": True})
    assert open_view("forecast").warning[0].value.startswith("**Simulated.** This forecast rests on")
