"""Monitoring routes: drift of recorded predictions, and one pod's latency."""

from collections.abc import Callable

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.serving.state import AppState
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient

NAME = "crime-category"
REPORT = {"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1}


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle) -> TestClient:
    registry.register(NAME, small_bundle.directory, "champion")
    return start_app()


def test_one_report_again_and_again_is_drift(client: TestClient, registry: MemoryRegistry) -> None:
    nothing = client.get("/drift").json()
    assert (nothing["model_name"], nothing["model_version"]) == (NAME, "1")
    assert (nothing["reports"], nothing["since"], nothing["drifted"], nothing["features"]) == (0, None, False, [])
    for _ in range(400):
        client.post("/predict", json=REPORT).raise_for_status()
    registry.contents["monitoring/performance.json"] = (
        b'[{"week": "2026-01-01", "version": "2 (shadow)", "reports": 9, "accuracy": 0.9, "log_loss": 0.3, "ece": 0.1}]'
    )
    drift = client.get("/drift").json()
    assert (drift["reports"], drift["drifted"]) == (400, True)
    indices = [feature["psi"] for feature in drift["features"]]
    assert indices == sorted(indices, reverse=True)
    assert {feature["feature"] for feature in drift["features"] if feature["drifted"]} >= {"area", "hour"}
    assert [period["reports"] for period in drift["history"]] == [200, 200]
    assert drift["performance"] == [
        {"week": "2026-01-01", "version": "2 (shadow)", "reports": 9, "accuracy": 0.9, "log_loss": 0.3, "ece": 0.1}
    ]


def test_drift_tells_shares_by_value_and_the_expected_accuracy(client: TestClient) -> None:
    for _ in range(300):
        answer = client.post("/predict", json=REPORT).raise_for_status().json()
    drift = client.get("/drift").json()
    area = next(feature for feature in drift["features"] if feature["feature"] == "area")
    shares = {value["name"]: value for value in area["values"]}
    assert shares["Central"]["live"] == 1
    assert shares["Hollywood"] == {
        "value": "6",
        "name": "Hollywood",
        "reference": shares["Hollywood"]["reference"],
        "live": 0,
    }
    assert sum(value["reference"] for value in area["values"]) == pytest.approx(1, abs=0.01)
    (week,) = drift["estimated"]
    assert (week["version"], week["reports"]) == ("1", 300)
    assert week["accuracy"]["expected"] == pytest.approx(answer["probability"], abs=1e-3)
    assert week["accuracy"]["low"] < answer["probability"] < week["accuracy"]["high"]
    assert week["log_loss"]["expected"] > 0


@pytest.mark.parametrize("kind", ["json", "csv", "upload"])
def test_a_table_that_is_not_live_is_answered_and_raises_no_drift_alarm(
    kind: str, client: TestClient, metric: Callable[..., float]
) -> None:
    """An old table, such as an analyst uploads: 400 reports of one place and hour, which would be drift."""
    unrecorded = metric("crime_predictions_unrecorded_total", reason="not live")
    old = {"DATE OCC": "01/15/2014", "TIME OCC": 1430, "AREA": 1}
    table = "DATE OCC,TIME OCC,AREA\n" + "01/15/2014,1430,1\n" * 400

    def send(**query: bool) -> None:
        path = "/predict/batch"
        if kind == "json":
            client.post(path, json=[old] * 400, params=query).raise_for_status()
        elif kind == "csv":
            client.post(path, content=table, headers={"Content-Type": "text/csv"}, params=query).raise_for_status()
        else:
            client.post(path, files={"file": ("old.csv", table)}, params=query).raise_for_status()

    send(record=False)
    drift = client.get("/drift").json()
    assert (drift["reports"], drift["drifted"], drift["estimated"]) == (0, False, [])
    assert metric("crime_predictions_unrecorded_total", reason="not live") == unrecorded + 400
    send()
    drift = client.get("/drift").json()
    assert (drift["reports"], drift["drifted"]) == (400, True)


def test_a_store_that_can_not_be_reached_is_503(client: TestClient, registry: MemoryRegistry) -> None:
    registry.reachable = False
    answer = client.get("/drift")
    assert answer.status_code == 503
    assert "can't be reached" in answer.json()["detail"]
    assert client.post("/predict", json=REPORT).status_code == 200


def test_a_pod_tells_its_versions_and_latency(client: TestClient, registry: MemoryRegistry) -> None:
    before = client.get("/pod").json()
    for _ in range(5):
        client.post("/predict", json=REPORT).raise_for_status()
    pod = client.get("/pod").json()
    assert pod["requests"] == before["requests"] + 5
    assert pod["started"] == before["started"]
    assert pod["serving"] == {NAME: "1"}
    assert 0 < pod["seconds"]["0.5"] <= pod["seconds"]["0.95"]
    assert pod["minutes"] == []
    state: AppState = client.app.state.backend  # type: ignore[attr-defined]
    state.traffic.sample()
    (minute,) = client.get("/pod").json()["minutes"]
    assert (minute["requests"], minute["failed"]) == (5, 0)
    assert 0 < minute["seconds"]["0.5"] <= minute["seconds"]["0.95"]
    registry.reachable = False
    state.models.refresh()
    assert "can't be reached" in client.get("/pod").json()["trouble"][NAME]
