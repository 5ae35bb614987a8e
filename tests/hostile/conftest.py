"""A backend under a pod's memory limit, and a friendly client that is asked for beside every attack."""

import time
from collections.abc import Callable, Iterator

import pytest
from harness import start_backend, trained_store
from hostile.pod import MemoryLimit, Pod, pod_memory

USUAL_SECONDS = 10.0  # for which the friendly client is measured without an attack


@pytest.fixture(scope="session")
def start_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Pod]]:
    """Start a backend under the limit, on a copy of the trained store unless settings name another."""
    started: list[tuple[Pod, MemoryLimit]] = []

    def start(**settings: object) -> Pod:
        if not {"mlruns", "tracking_uri", "model_dir"} & set(settings):
            settings["mlruns"] = trained_store().copy(tmp_path_factory.mktemp("hostile") / "mlruns").mlruns
        limit = pod_memory("backend")
        pod, group = Pod(start_backend(None, **settings), limit), MemoryLimit(limit)
        started.append((pod, group))
        group.hold(pod.backend.process.pid)
        with pod.friendly() as seen:
            time.sleep(USUAL_SECONDS)
        assert seen["failures"] == []
        pod.usual_p99 = seen["p99"]
        return pod

    yield start
    for pod, group in started:
        pod.backend.stop()
        group.remove()


@pytest.fixture(scope="module")
def pod(start_pod: Callable[..., Pod]) -> Iterator[Pod]:
    """A backend that the attacks of a module share; it ends with a table of them."""
    pod = start_pod()
    yield pod
    print(f"\nusual p99 {pod.usual_p99:.1f} ms", *pod.lines, sep="\n  ")
