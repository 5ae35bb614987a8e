"""Backends and pages under their pods' memory limits, which a friendly client asks beside every attack."""

import time
from collections.abc import Callable, Iterator

import pytest
from harness import start_backend, trained_store, wait_until
from hostile.pod import ROOT, MemoryLimit, Pod, p99, pod_memory
from page_alone import page_alone

USUAL_SECONDS = 10.0  # for which the friendly client is measured without an attack


def _limited(pod: Pod, limits: list[MemoryLimit]) -> Pod:
    """The pod with its memory limited, and its usual speed measured."""
    limits.append(MemoryLimit(pod.limit))
    limits[-1].hold(pod.server.process.pid)
    with pod.friendly() as seen:
        time.sleep(USUAL_SECONDS)
    assert seen["failures"] == []
    pod.usual_p99 = p99(sorted(seen["milliseconds"]))
    return pod


def _print_table(pod: Pod) -> None:
    print(f"\nusual p99 {pod.usual_p99:.1f} ms", *pod.lines, sep="\n  ")


@pytest.fixture(scope="session")
def start_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Pod]]:
    """Start a backend under the limit, on a copy of the trained store unless settings name another."""
    started: list[Pod] = []
    limits: list[MemoryLimit] = []

    def start(headers: dict[str, str] | None = None, **settings: object) -> Pod:
        if not {"mlruns", "tracking_uri", "model_dir"} & set(settings):
            settings["mlruns"] = trained_store().copy(tmp_path_factory.mktemp("hostile") / "mlruns").mlruns
        started.append(Pod(start_backend(None, **settings), pod_memory("backend"), headers=headers or {}))
        wait_until(lambda: started[-1].backend.http.get("/ready").status_code == 200)
        return _limited(started[-1], limits)

    yield start
    for pod in started:
        pod.backend.stop()
    for limit in limits:
        limit.remove()


@pytest.fixture(scope="module")
def pod(start_pod: Callable[..., Pod]) -> Iterator[Pod]:
    """A backend that the attacks of a module share; it ends with a table of them."""
    pod = start_pod()
    yield pod
    _print_table(pod)


@pytest.fixture(scope="module")
def page_pod() -> Iterator[Pod]:
    """A page that the attacks of a module share; it ends with a table of them."""
    limits: list[MemoryLimit] = []
    with page_alone(ROOT) as page:
        pod = _limited(Pod(page, pod_memory("frontend"), "/_stcore/health"), limits)
        yield pod
        _print_table(pod)
    for limit in limits:
        limit.remove()
