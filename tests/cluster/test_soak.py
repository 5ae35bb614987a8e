"""Mixed load during upgrades, promotions and deleted pods; clients and pods must count the same requests."""

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cluster.cluster import SCRIPTS, Cluster

CHART = "charts/crime-prediction"
CALM = 0.3  # of the time, at its end, in which nothing is done: a swap's second model is no leak


@pytest.fixture
def soaked(release: Cluster, request: pytest.FixtureRequest) -> Iterator[Callable[[], dict[str, Any]]]:
    """The script `soak.py` in its pod; `end()` stops it and returns its result."""
    release.kubectl("delete", "pod", "soak", "--ignore-not-found", "--grace-period=1")
    calm = str(request.config.getoption("--soak-minutes") * CALM / 2)
    release.script("soak", SCRIPTS / "soak.py", "6", calm)
    release.kubectl("wait", "pod/soak", "--for=condition=Ready", "--timeout=60s")
    time.sleep(2)

    def end() -> dict[str, Any]:
        release.kubectl("exec", "soak", "--", "touch", "/tmp/stop")
        release.until(lambda: release.get("pod", "soak")["status"]["phase"] != "Running", 90)
        outcome: dict[str, Any] = json.loads(release.kubectl("logs", "soak").splitlines()[-1])
        return outcome

    yield end
    release.kubectl("delete", "pod", "soak", "--ignore-not-found", "--grace-period=1")


def test_soak_through_upgrades_swaps_and_kills(
    release: Cluster, soaked: Callable[[], dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    """Three upgrades, two model swaps and ten kills, then calm; all requests are counted by both sides."""
    minutes = request.config.getoption("--soak-minutes")
    champion = release.ask("/ready")["serving"]["crime-category"]
    other = "2" if champion == "1" else "1"

    def upgrade(number: int) -> None:
        release.helm(
            "upgrade", "crime", CHART, "--wait", "--reuse-values", "--timeout", "300s",
            "--set", f"backend.podAnnotations.soak=n{number}", timeout=320,
        )  # fmt: skip

    def kill(_: int) -> None:
        pods = [p for p in release.pods("backend") if p["status"].get("phase") == "Running"]
        release.kubectl("delete", "pod", random.choice(pods)["metadata"]["name"], "--wait=false")

    def swap(number: int) -> None:
        version = (other, champion)[number % 2]
        release.ask(
            "/models/crime-category/promote", {"version": version, "force": True, "by": "a test", "reason": "soak"}
        )

    acts = [*[kill] * 10, *[upgrade] * 3, *[swap] * 2]
    random.Random(7).shuffle(acts)
    done: dict[str, int] = {}
    began = time.monotonic()
    for index, act in enumerate(acts):
        time.sleep(max(0.0, began + (index + 0.5) * minutes * 60 * (1 - CALM) / len(acts) - time.monotonic()))
        release.until(lambda: release.ready("backend") == 3, 120)
        act(done.setdefault(act.__name__, 0))
        done[act.__name__] += 1
    time.sleep(max(0.0, began + minutes * 60 - time.monotonic()))
    release.until(lambda: release.ready("backend") == 3, 120)
    time.sleep(max(0.0, 60 - minutes * 10))
    found = soaked()
    print(f"\n{minutes} minutes, {done}: {found}")
    assert found["failures"] == []
    assert found["counted"] == found["asked"]
    assert found["descriptors"][1] <= found["descriptors"][0] + 12
