"""The page of pods and drift."""

import pandas as pd
import pytest
from recorded import OpenView, RecordedBackend, figures, recorded


def test_the_pod_that_answers(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("monitoring")
    assert view.caption[0].value == "One pod answers, with version 2."
    row = view.dataframe[0].value.iloc[0]
    assert row["Up since (UTC)"] == pd.Timestamp("2026-11-25 19:58:09")
    assert (row["Category model"], row["Forecast"], row["Requests"]) == ("2", "1", 158)
    assert (row["Half within, ms"], row["95 % within, ms"]) == (1.0, 2.5)


def test_a_pod_in_trouble_and_without_requests(backend: RecordedBackend, open_view: OpenView) -> None:
    pod = recorded("pod") | {"serving": {}, "trouble": {"crime-category": "no such bundle"}, "requests": 0}
    backend.replace("GET", "/pod", pod | {"seconds": {"0.5": None, "0.95": None}})
    view = open_view("monitoring")
    assert view.caption[0].value == "One pod answers, with version none."
    assert view.dataframe[0].value["Trouble"][0] == "no such bundle"


def test_no_drift(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("monitoring")
    reports = recorded("drift_none")["reports"]
    assert view.success[0].value == f"No drift between the latest {reports:,} predictions and the data of version 2."
    assert not view.warning


def test_drift_names_the_features_that_drifted(backend: RecordedBackend, open_view: OpenView) -> None:
    drift = recorded("drift_yes")
    backend.replace("GET", "/drift", drift)
    view = open_view("monitoring")
    assert view.warning[0].value.startswith(
        "Drift between the latest 1,000 predictions and the data of version 2: **area, number of MO codes, premise, "
    )
    table = view.dataframe[1].value
    assert list(table["psi"]) == [feature["psi"] for feature in drift["features"]]
    lines = {line["name"]: line["y"] for line in figures(view)["drift"]["data"]}
    assert lines["area"] == [period["psi"].get("area") for period in drift["history"]]


def test_too_few_predictions(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/drift", recorded("drift_too_few"))
    view = open_view("monitoring")
    assert view.info[0].value.startswith("0 predictions recorded: too few to compare. Drift is measured from 200 on")
    assert not figures(view)


def test_drift_that_cannot_be_read(backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", "/drift", {"detail": "the registry can't be reached"}, 503)
    view = open_view("monitoring")
    assert view.info[0].value == "the registry can't be reached"
    assert len(view.dataframe) == 1  # the pods are shown all the same


def test_performance_once_the_truth_is_known(backend: RecordedBackend, open_view: OpenView) -> None:
    week = {"version": "2", "reports": 500, "accuracy": 0.9, "log_loss": 0.3, "ece": 0.02}
    weeks = [{"week": "2024-01-01", **week}, {"week": "2024-01-08", **week, "accuracy": 0.8}]
    backend.replace("GET", "/drift", recorded("drift_yes") | {"performance": weeks})
    view = open_view("monitoring")
    table = view.dataframe[-1].value
    assert list(table["Week of"]) == ["2024-01-08", "2024-01-01"]
    assert table["Accuracy"][0] == pytest.approx(0.8)
