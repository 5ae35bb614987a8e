"""The first sentence of Models, how the service runs, and drift by field."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from recorded import OpenView, RecordedBackend, figures, recorded
from streamlit.testing.v1 import AppTest


@pytest.fixture
def fresh(backend: RecordedBackend) -> RecordedBackend:
    """A backend whose newest report is as new as usual."""
    ready = recorded("ready")
    ready["data"]["crime-category"]["days_behind"] = 12
    backend.replace("GET", "/ready", ready)
    return backend


@pytest.fixture
def open_section(open_view: OpenView) -> Callable[[str], AppTest]:
    return lambda section: open_view("models", show=section)


def change_pod(backend: RecordedBackend, **changes: Any) -> None:
    backend.replace("GET", "/pod", recorded("pod") | changes)


def test_all_is_well(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    view = open_section("running")
    assert view.success[0].value == (
        "**All is well.** One pod answers, with version 2, and the latest 951 reports are like those it was trained on."
    )
    assert not view.warning


def test_too_few_reports_are_no_alarm(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    fresh.replace("GET", "/drift", recorded("drift_too_few"))
    assert (
        open_section("running")
        .success[0]
        .value.endswith(
            "So far 0 reports were recorded; from 200 on the page tells whether they are like those of the training."
        )
    )


def test_drift_that_can_not_be_told_is_said(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    fresh.replace("GET", "/drift", {"detail": "the registry can't be reached"}, 503)
    view = open_section("drift")
    assert view.success[0].value.endswith(
        "Whether live reports have changed can't be told now: the registry can't be reached"
    )
    assert view.info[0].value == "the registry can't be reached"


def test_drift_says_what_changed_and_what_to_do(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    fresh.replace("GET", "/drift", recorded("drift_yes"))
    view = open_section("running")
    assert view.warning[0].value.startswith(
        "**One thing needs attention.** The latest 1,000 reports are unlike those of the training: Area, Number of MO "
        "codes, Premise and Answers, from whole reports."
    )
    assert view.warning[0].value.endswith("train on newer ones: `crime retrain`.")
    assert not view.success


def test_a_challenger_that_cant_be_loaded_is_told(
    backend: RecordedBackend, open_section: Callable[[str], AppTest]
) -> None:
    change_pod(backend, trouble={"crime-category@challenger": "report.txt: tree 3 is damaged"})
    text = open_section("running").warning[0].value
    assert "1 pod can't load the challenger: report.txt: tree 3 is damaged. The champion answers alone" in text


def test_several_things_are_listed(backend: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    change_pod(
        backend,
        trouble={"crime-category": "no such bundle"},
        minutes=[{"until": 1.8e9, "requests": 9, "failed": 3, "seconds": {"0.5": 0.001, "0.95": 0.01}}],
    )
    first, *lines = open_section("running").warning[0].value.splitlines()
    assert first == "**3 things need attention.**"
    trouble, failed, age = [line for line in lines if line]
    assert trouble.startswith("- 1 pod can't load the champion of “Category of a report”: no such bundle. What they")
    assert failed.startswith("- 3 requests failed within three hours.")
    assert age == (
        "- The model's newest report is of 26 February 2025, 637 days ago; about 12 are usual. Fetch newer reports and "
        "train on them: `crime retrain`."
    )


def test_answers_that_are_worse_than_their_probabilities_promise(
    fresh: RecordedBackend, open_section: Callable[[str], AppTest]
) -> None:
    """As where reports come to mean another category, which no estimate sees."""
    drift = recorded("drift_none")
    week = {"week": "2026-11-19", "version": "2", "reports": 500, "accuracy": 0.8, "log_loss": 0.6, "ece": 0.1}
    fresh.replace("GET", "/drift", drift | {"performance": [week]})
    assert (
        open_section("running")
        .warning[0]
        .value.startswith(
            "**One thing needs attention.** In the week from 19 November 2026 80.0% of the answers of version 2 were "
            "right, fewer than their probabilities promise (92.1% to 95.1%)."
        )
    )


@pytest.mark.parametrize("change", [{"accuracy": 0.93}, {"reports": 6}, {"version": "1"}, {"week": "2026-11-12"}])
def test_what_chance_explains_is_no_alarm(
    change: dict[str, Any], fresh: RecordedBackend, open_section: Callable[[str], AppTest]
) -> None:
    week = {"week": "2026-11-19", "version": "2", "reports": 500, "accuracy": 0.84, "log_loss": 0.6, "ece": 0.1}
    fresh.replace("GET", "/drift", recorded("drift_none") | {"performance": [week | change]})
    assert not open_section("running").warning


def test_expected_and_measured_accuracy_of_each_week(
    fresh: RecordedBackend, open_section: Callable[[str], AppTest]
) -> None:
    week = {"version": "2", "reports": 500, "accuracy": 0.93, "log_loss": 0.3, "ece": 0.02}
    weeks = [{"week": "2026-11-12", **week, "accuracy": 0.9}, {"week": "2026-11-19", **week}]
    fresh.replace("GET", "/drift", recorded("drift_none") | {"performance": weeks})
    expected, measured = figures(open_section("running"))["weeks"]["data"]
    assert (expected["x"], expected["y"]) == (["2026-11-19"], [0.936])
    assert expected["error_y"]["array"] == pytest.approx([0.015])
    assert (measured["x"], measured["y"]) == (["2026-11-12", "2026-11-19"], [0.9, 0.93])


def test_traffic_and_latency_by_minute(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    drawn = figures(open_section("running"))
    answered, failed = drawn["traffic"]["data"]
    assert (answered["y"], failed["y"]) == ([150, 8, 0], [0, 0, 0])
    half, most = drawn["latency"]["data"]
    assert (half["y"], most["y"]) == ([1.0, 2.5, None], [2.5, 10.0, None])
    assert drawn["traffic"]["layout"]["xaxis"]["dtick"] == 60_000  # ticks are a minute apart, never half a second


def test_the_pod_that_answers(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    row = open_section("running").dataframe[-1].value.iloc[0]
    assert row["Up since (UTC)"] == pd.Timestamp("2026-11-25 19:58:09")
    assert (row["Category of a report"], row["Forecast"], row["Requests"]) == ("2", "1", 158)
    assert (row["Half within, ms"], row["95 % within, ms"]) == (1.0, 2.5)


def test_a_backend_of_the_release_before(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    pod = recorded("pod")
    del pod["minutes"]
    drift = recorded("drift_none")
    del drift["estimated"]
    for feature in drift["features"]:
        del feature["values"]
    fresh.replace("GET", "/pod", pod)
    fresh.replace("GET", "/drift", drift)
    assert "the first minute has not passed yet" in open_section("running").info[-1].value
    assert "area" not in figures(open_section("drift"))


def test_every_field_is_drawn_in_training_and_live(
    fresh: RecordedBackend, open_section: Callable[[str], AppTest]
) -> None:
    drift = recorded("drift_yes")
    fresh.replace("GET", "/drift", drift)
    view = open_section("drift")
    drawn = figures(view)
    area = next(feature for feature in drift["features"] if feature["feature"] == "area")
    training, live = drawn["shares-area"]["data"]
    assert training["x"] == [value["reference"] for value in area["values"]]
    assert live["x"] == [value["live"] for value in area["values"]]
    assert training["y"][:2] == ["Central", "Rampart"]
    assert len([key for key in drawn if key.startswith("shares-")]) == len(drift["features"])
    headings = [text.value for text in view.markdown]
    assert "**Hour**" in headings
    assert any(text.startswith("**Area** :orange-badge") for text in headings)
    lines = {line["name"]: line["y"] for line in drawn["drift"]["data"]}
    assert lines["Area"] == [period["psi"].get("area") for period in drift["history"]]
    assert drawn["drift"]["data"][0]["x"] == [str(number) for number in range(1, len(drift["history"]) + 1)]


def test_too_few_predictions_are_not_drawn(fresh: RecordedBackend, open_section: Callable[[str], AppTest]) -> None:
    fresh.replace("GET", "/drift", recorded("drift_too_few"))
    view = open_section("drift")
    assert view.info[0].value.startswith("0 reports recorded: too few to compare with the training. From 200 on")
    assert not figures(view)
