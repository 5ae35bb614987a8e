"""Health routes: what the service is, whether it lives, and whether it can be sent requests."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import pytest
from crime import __version__
from crime.classifier.bundle import CategoryBundle
from crime.core.days import day_number
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient
from written_forecast import write_forecast

NAME = "crime-category"
StartApp = Callable[..., TestClient]


def test_the_root_names_the_service_and_its_release(start_app: StartApp) -> None:
    client = start_app()
    answer = client.get("/").json()
    assert answer["service"] == "Crime prediction"
    assert answer["version"] == client.get("/openapi.json").json()["info"]["version"] == __version__
    for path in ("docs", "metrics"):
        assert client.get(answer[path]).status_code == 200


def test_without_a_model_it_lives_and_says_what_to_do(start_app: StartApp) -> None:
    client = start_app()
    assert client.get("/health").json() == {"status": "ok"}
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert "crime train" in answer.json()["why"]
    assert answer.json()["serving"] == {}
    prediction = client.post("/predict", json={"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1})
    assert prediction.status_code == 503
    assert "crime train" in prediction.json()["detail"]
    assert client.get("/forecast").status_code == 503
    assert client.get("/drift").status_code == 503


def test_with_a_champion_it_is_ready_until_it_drains(
    start_app: StartApp, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    client = start_app()
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "model": NAME,
        "version": "1",
        "serving": {NAME: "1"},
        "trouble": {"crime-risk": answer.json()["trouble"]["crime-risk"]},
        "registry": str(registry),
        "data": {NAME: {"data_until": small_bundle.spec.data.until, "days_behind": ANY}},
        "usual_days_behind": 12,
    }
    client.app.state.backend.draining = True  # type: ignore[attr-defined]
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["why"]) == (503, "draining")
    assert client.get("/v2/health/ready").status_code == 503
    assert client.get("/health").status_code == 200


def test_trouble_with_the_registry_does_not_make_it_unready(
    start_app: StartApp, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    client = start_app()
    registry.reachable = False
    client.app.state.backend.models.refresh()  # type: ignore[attr-defined]
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["version"]) == (200, "1")
    assert "can't be reached" in answer.json()["trouble"][NAME]


def test_metrics_are_prometheus_text(start_app: StartApp) -> None:
    answer = start_app().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "# TYPE crime_requests_total counter" in answer.text


def test_how_far_the_data_are_behind_is_told_on_the_day_it_is_asked(
    start_app: StartApp,
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
    tmp_path: Path,
    metric: Callable[..., float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.register(NAME, small_bundle.directory, "champion")
    registry.register("crime-risk", write_forecast(tmp_path / "forecast"), "champion")
    client = start_app()
    until = small_bundle.spec.data.until
    for behind in (12, 13):
        monkeypatch.setattr("crime.reports.freshness.today", lambda: day_number(until) + behind)  # noqa: B023
        ages = client.get("/ready").json()["data"]
        assert ages[NAME] == {"data_until": until, "days_behind": behind}
        assert metric("crime_data_age_days", model=NAME) == behind
        assert ages["crime-risk"]["data_until"] == "2020-12-31"
        assert metric("crime_data_age_days", model="crime-risk") == ages["crime-risk"]["days_behind"] > behind


def test_a_bundle_whose_last_day_is_none_is_refused_and_told(
    start_app: StartApp, registry: MemoryRegistry, tmp_path: Path, metric: Callable[..., float]
) -> None:
    spec = write_forecast(tmp_path / "forecast") / "spec.json"
    spec.write_text(spec.read_text().replace("2020-12-31", "some day"))
    registry.register("crime-risk", spec.parent, "champion")
    answer = start_app().get("/ready").json()
    assert answer["data"] == {}
    assert "data.until: Value error, expected a day" in answer["trouble"]["crime-risk"]
    assert metric("crime_model_trouble", model="crime-risk") == 1
