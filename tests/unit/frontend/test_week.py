"""The first page. It runs within the whole app, since its links lead to other pages."""

from typing import Any

import pytest
from crime_ui.charts import forecasts, style
from crime_ui.client.answers import Week
from recorded import RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest


def links(app: AppTest) -> dict[str, str]:
    """The query of every link by its label; of several, the last."""
    protos = [link.proto for link in app.get("page_link")]
    return {f"{proto.page} {proto.label}": proto.query_string for proto in protos}


def row_of(app: AppTest, table: int, name: str) -> dict[str, Any]:
    frame = app.dataframe[table].value
    row: dict[str, Any] = frame[frame.iloc[:, 0] == name].iloc[0].to_dict()
    return row


def test_the_areas_beside_the_week_before_and_a_year_before(backend: RecordedBackend, app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert app.title[0].value == "This week"
    answer = recorded("compstat_areas")
    places = next(index for index, frame in enumerate(app.dataframe) if "Area" in frame.value)
    assert list(app.dataframe[places].value["Area"]) == [row["place"] for row in answer["rows"]]
    first = answer["rows"][0]
    shown = row_of(app, places, "Los Angeles")
    assert shown["Now"].startswith(f"{first['now']['corrected']:,.0f} (")
    assert shown["Before"].startswith(f"{first['before']['corrected']:,.0f}")
    assert f"{round(100 * (first['to_before']['ratio'] - 1)):+d} %" in shown["Change"]
    assert not app.warning


def test_marks_are_where_a_change_is_more_than_chance(backend: RecordedBackend, app: AppTest) -> None:
    answer = recorded("compstat_areas")
    change = {"ratio": 1.4, "low": 1.2, "high": 1.7, "p": 1e-5, "marked": True}
    answer["rows"][3]["to_before"] = change
    answer["rows"][4]["to_before"] = change | {"ratio": 0.5, "low": 0.3, "high": 0.8}
    answer["rows"][5]["to_before"] = change | {"ratio": None, "low": 3.5, "high": None}
    answer["rows"][6]["to_before"] = change | {"ratio": 1.1, "low": 0.9, "high": None, "marked": False}
    answer["rows"][7]["to_before"] = answer["rows"][7]["before"] = None
    backend.replace("GET", "/compstat", answer)
    app.run()
    frame = next(frame.value for frame in app.dataframe if "Area" in frame.value)
    assert list(frame["Change"][3:8]) == [
        "▲ +40 % (+20 % to +70 %)",
        "▼ -50 % (-70 % to -20 %)",
        "▲ from none (× 3.5 or more)",
        "+10 % (-10 % or more)",
        "–",
    ]
    assert frame["Before"][7] == "–"


def test_what_is_chosen_is_asked_for_and_goes_along_to_map_and_hours(backend: RecordedBackend, app: AppTest) -> None:
    app.run()
    app.segmented_control(key="period").select("four_weeks")
    app.selectbox(key="area").select("Hollywood")
    app.selectbox(key="category").select("theft_burglary")
    app.run()
    asked = [request.query for request in backend.received("GET", "/compstat")]
    assert {"period": ["four_weeks"], "category": ["theft_burglary"]} in asked
    assert {"period": ["four_weeks"], "area": ["6"]} in asked
    assert backend.received("GET", "/weeks")[-1].query == {"area": ["6"], "category": ["theft_burglary"]}
    query = links(app)
    assert query["forecast What to expect, on the map"] == "area=Hollywood&category=theft_burglary"
    assert query["explore Where, and at what hours"] == "area=Hollywood&category=theft_burglary"
    assert [tab.label for tab in app.tabs] == ["By area: Theft/burglary", "By category: Hollywood"]


def test_an_alarm_is_in_sight_with_its_links_and_the_rest_is_folded(backend: RecordedBackend, app: AppTest) -> None:
    app.run()
    alarm = next(text.value for text in app.markdown if text.value.startswith("**Hollywood, theft/burglary**"))
    assert alarm.endswith("60 reports in the last 7 days, more than the 38 expected to be known by now (26 to 51)")
    assert links(app)["explore Hours"] == "area=Hollywood&category=theft_burglary"
    assert app.expander[0].label == "2 more outside their 95 % range; up to 64 are so by chance alone"
    assert row_of(app, 0, "District 0101, Central")["How"].startswith("3 reports in the last 14 days, fewer than the 9")


def test_a_quiet_week_says_how_much_was_looked_at(backend: RecordedBackend, app: AppTest) -> None:
    backend.replace("GET", "/unusual", {"looked_at": 1278, "places": []})
    app.run()
    assert "Nothing is outside what was expected by more than chance: 1,278 areas" in app.success[0].value
    assert not [expander for expander in app.expander if "95 %" in expander.label]


def test_simulated_old_and_drawn_reports_say_so(backend: RecordedBackend, app: AppTest) -> None:
    made = {"simulated": True, "share": 1 / 127, "warning": "made from reports until 2024-03-06, 994 days ago"}
    backend.replace("GET", "/compstat", recorded("compstat_areas") | made)
    app.run()
    assert app.warning[0].value.startswith("**Simulated.**")
    assert "2024-03-06, 994 days ago" in app.error[0].value
    assert "1 in 127 of LAPD's reports, as drawn, not scaled" in app.info[0].value


@pytest.mark.parametrize("status", [404, 503])
def test_without_a_forecast_the_page_says_what_to_do(status: int, backend: RecordedBackend, app: AppTest) -> None:
    backend.replace("GET", "/compstat", {"detail": "`crime forecast` makes one"}, status)
    app.run()
    assert not app.exception
    assert "**There is nothing on this week yet.** `crime forecast` makes one" in app.info[0].value
    assert not figures(app)


def test_the_year_of_weeks_has_its_range_and_weeks_outside_in_red() -> None:
    weeks: list[Week] = [
        {"last": "2020-01-05", "reports": 5, "expected": None, "low95": None, "high95": None},
        {"last": "2020-01-12", "reports": 9, "expected": 8, "low95": 4, "high95": 12},
        {"last": "2020-01-19", "reports": 13, "expected": 8, "low95": 4, "high95": 12},
    ]
    band, line = forecasts.year_of_weeks(weeks).data
    assert (list(band.x[:2]), list(band.y)) == (["2020-01-12", "2020-01-19"], [12, 12, 4, 4])
    assert list(line.y) == [5, 9, 13]
    assert list(line.marker.color) == [style.BLUE, style.BLUE, style.RED]
    assert list(line.customdata) == ["", " (4 to 12 expected)", " (4 to 12 expected)"]
