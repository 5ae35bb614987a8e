"""A registry whose champion would end every process that loads it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import Mlflow, publish, two_bundles, wait_until
from hostile.pod import ROOT, Pod
from reports import SMALLEST_REPORT


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Mlflow]:
    server = Mlflow.start(tmp_path / "mlflow")
    yield server
    server.stop()


def test_a_hostile_champion_changes_no_answer(registry: Mlflow, start_pod: Callable[..., Pod]) -> None:
    assert publish(registry.url, two_bundles()[0]) == ["1"]
    pod = start_pod(tracking_uri=registry.url, refresh_seconds=0.5)
    script = ROOT / "tests/cluster/hostile_champion.py"
    with pod.attacked("a champion of cut trees, with the right hash"):
        done = subprocess.run([sys.executable, str(script), registry.url], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: "report.txt" in pod.backend.http.get("/ready").json()["trouble"].get("crime-category", ""))
        time.sleep(5)  # in which it is looked at again
        assert pod.backend.http.post("/predict", json=SMALLEST_REPORT).json()["model_version"] == "1"
    pod.check_speed()
