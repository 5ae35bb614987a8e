"""Fixtures of the serving tests: a registry in memory, and the application on top of it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
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
