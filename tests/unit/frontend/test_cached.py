"""What is asked once, and what is asked again."""

import pytest
from crime_ui.client import cached
from crime_ui.client.forecasts import Cut
from recorded import RecordedBackend, recorded


def test_an_answer_of_a_version_is_asked_once(backend: RecordedBackend) -> None:
    for _ in range(3):
        assert cached.report_counts({"first": "2020-01"}) == recorded("reports")
    assert len(backend.received("GET", "/reports")) == 1
    cached.report_counts({"first": "2020-02"})
    assert len(backend.received("GET", "/reports")) == 2


@pytest.mark.parametrize("model", ["crime-category", "crime-risk"])
def test_another_version_is_asked_anew(backend: RecordedBackend, model: str) -> None:
    def ask() -> None:
        cached.report_counts({})
        cached.place_forecast(None, Cut())

    ask()
    ready = recorded("ready")
    ready["serving"][model] = "9"
    backend.replace("GET", "/ready", ready)
    cached.serving_versions.clear()  # as two seconds do
    ask()
    assert len(backend.received("GET", "/reports")) == (2 if model == "crime-category" else 1)
    assert len(backend.received("GET", "/forecast")) == (2 if model == "crime-risk" else 1)


def test_filters_that_are_not_set_are_not_sent(backend: RecordedBackend) -> None:
    cached.hotspots(21, "area", cut=Cut())
    cached.hotspots(21, "area", "2020-12-31", cut=Cut(shift=0, category="sexual"))
    cached.report_counts({"area": [], "category": []})
    plain, cut = backend.received("GET", "/hotspots")
    asked = {"top": ["21"], "by": ["area"], "period": ["day"]}
    assert plain.query == asked
    assert cut.query == asked | {"on": ["2020-12-31"], "shift": ["0"], "category": ["sexual"]}
    assert backend.received("GET", "/reports")[0].query == {}


def test_after_a_decision_everything_is_asked_again(backend: RecordedBackend) -> None:
    cached.registered("crime-category")
    cached.forget()
    cached.registered("crime-category")
    assert len(backend.received("GET", "/models/crime-category")) == 2
