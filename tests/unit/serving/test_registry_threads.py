"""A registry that does not answer keeps nobody else waiting."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core import limits
from crime.core.model_names import CATEGORY_MODEL
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient


@pytest.fixture
def answers(registry: MemoryRegistry, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """When it is set, the registry lists its models."""
    may_answer, models = threading.Event(), registry.models
    monkeypatch.setattr(registry, "models", lambda: (may_answer.wait(60), models())[1])
    yield may_answer
    may_answer.set()


def test_requests_that_wait_for_the_registry_take_threads_of_their_own(
    start_app: Callable[..., TestClient],
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
    answers: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """80 clients that asked for models while it took 5 seconds for an answer kept `GET /forecast` waiting for 18."""
    monkeypatch.setattr(limits, "REGISTRY_WAITING", 2)
    registry.register(CATEGORY_MODEL, small_bundle.directory, "champion")
    client = start_app()
    count = limits.REGISTRY_REQUESTS + 3
    with ThreadPoolExecutor(count) as clients:
        asked = [clients.submit(client.get, "/models") for _ in range(count)]
        try:
            first = wait(asked, 30, FIRST_COMPLETED).done
            assert [answer.result().status_code for answer in first] == [503]
            assert first.pop().result().json()["detail"] == "too many requests wait for the registry"
            assert client.get("/features").status_code == 200
        finally:
            answers.set()
        assert sorted(answer.result().status_code for answer in asked) == [200] * (count - 1) + [503]
