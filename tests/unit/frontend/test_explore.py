"""The page of counts."""

from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest


def metrics(view: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in view.metric}


def test_all_reports(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore")
    counts = recorded("reports")
    assert view.caption[0].value.startswith("7,888 reports from 2020-01-01 to 2025-02-26")
    assert metrics(view) == {"Reports": "7,888", "Most frequent": "Theft/burglary, 46%", "Busiest area": "Central"}
    shown = {key: figure["data"] for key, figure in figures(view).items()}
    assert set(shown) == {"map", "by-category", "by-month", "by-hour"}
    assert len(shown["map"]) == 21
    assert dict(zip(shown["by-category"][0]["y"], shown["by-category"][0]["x"], strict=True)) == counts["by_category"]
    assert dict(zip(shown["by-month"][0]["x"], shown["by-month"][0]["y"], strict=True)) == counts["by_month"]
    assert shown["by-hour"][0]["z"] == counts["by_weekday_hour"]


def test_filters_are_sent_and_their_counts_shown(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore")
    view.multiselect(key="areas").select("Hollywood")
    view.multiselect(key="categories").select("sexual")
    view.select_slider(key="months").set_range("2021-02", "2021-04")
    view.run()
    assert backend.received("GET", "/reports")[-1].query == {
        "area": ["6"],
        "category": ["sexual"],
        "first": ["2021-02"],
        "last": ["2021-04"],
    }
    assert metrics(view)["Reports"] == f"{recorded('reports_hollywood')['total']:,}"
    assert metrics(view)["Busiest area"] == "Hollywood"
    assert figures(view)["by-month"]["data"][0]["x"] == ["2021-02", "2021-03", "2021-04"]


def test_filters_in_the_address_are_used(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore", areas="Hollywood")
    assert view.multiselect(key="areas").value == ["Hollywood"]
    assert metrics(view)["Busiest area"] == "Hollywood"


def test_filters_that_nothing_matches(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("explore")
    backend.replace("GET", "/reports", recorded("reports_none"))
    view.multiselect(key="areas").select("Hollywood").run()
    assert not view.exception
    assert view.info[0].value == "No report matches these filters."
    assert not view.metric
    assert not figures(view)


def test_data_of_one_month_need_no_slider(backend: RecordedBackend, open_view: OpenView) -> None:
    counts = recorded("reports")
    counts["by_month"] = {"2020-01": counts["total"]}
    backend.replace("GET", "/reports", counts)
    view = open_view("explore")
    assert not view.select_slider
    assert figures(view)["by-month"]["data"][0]["y"] == [counts["total"]]
