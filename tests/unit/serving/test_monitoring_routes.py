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
    registry.reachable = False
    state: AppState = client.app.state.backend  # type: ignore[attr-defined]
    state.models.refresh()
    assert "can't be reached" in client.get("/pod").json()["trouble"][NAME]
