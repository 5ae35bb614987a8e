"""Fixtures of the serving tests: a registry in memory, and the application on top of it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.model_names import CATEGORY_MODEL
from crime.core.settings import Settings
from crime.serving.app import create_app
from crime.serving.model_manager import ModelManager
from crime.serving.state import AppState
from fastapi import FastAPI
from memory_registry import MemoryRegistry
from prometheus_client import REGISTRY
from starlette.testclient import TestClient

StartApp = Callable[..., TestClient]


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def manager(registry: MemoryRegistry) -> ModelManager:
    """A manager that follows the registry alone."""
    return ModelManager(Settings(), registry)


@pytest.fixture
def broken(small_bundle: CategoryBundle, tmp_path: Path) -> Path:
    """A bundle one of whose files was cut off."""
    directory = Path(shutil.copytree(small_bundle.directory, tmp_path / "broken"))
    (directory / "report.txt").write_bytes((directory / "report.txt").read_bytes()[:-100])
    return directory


@pytest.fixture
def challenged(manager: ModelManager, registry: MemoryRegistry, small_bundle: CategoryBundle) -> ModelManager:
    """Version 1 is champion, version 2 challenger with a canary share of a quarter."""
    registry.register(CATEGORY_MODEL, small_bundle.directory, "champion")
    registry.register(CATEGORY_MODEL, small_bundle.directory, "challenger")
    registry.set_tags(CATEGORY_MODEL, "2", {"canary": "0.25", "challenger_at": "2026-01-01T00:00:00+00:00"})
    manager.refresh()
    return manager


@pytest.fixture
def make_app(registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FastAPI]:
    """The application with these settings, on the registry in memory."""
    monkeypatch.setattr("crime.serving.app.open_registry", lambda settings: registry)

    def make(**settings: object) -> FastAPI:
        return create_app(Settings.model_validate({"refresh_seconds": 600, "record_seconds": 600, **settings}))

    return make


@pytest.fixture
def make_state(make_app: Callable[..., FastAPI]) -> Callable[..., AppState]:
    """The state of an application with these settings."""

    def make(**settings: object) -> AppState:
        state: AppState = make_app(**settings).state.backend
        return state

    return make


@pytest.fixture
def start_app(make_app: Callable[..., FastAPI]) -> Iterator[StartApp]:
    """Start the application in this process, until the end of the test."""
    with ExitStack() as started:
        yield lambda **settings: started.enter_context(TestClient(make_app(**settings)))


@pytest.fixture
def metric() -> Callable[..., float]:
    """The value of a Prometheus metric now, 0 if it was never set."""

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    return value
