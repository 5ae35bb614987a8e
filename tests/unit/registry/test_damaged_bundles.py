"""Real bundles of both kinds, damaged in all ways: each is refused, or answers everything with finite numbers.

Each is opened in a process of its own, whose memory and time are bounded: the trees are read by LightGBM's C++, which
would end the process that reads damaged ones. `--mutations 10000` tries as many, as every night does.
"""

import io
import json
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bundle_child
import numpy as np
import pytest
from bundle_mutations import Files, broken_bundles, fit_hashes
from crime.classifier.bundle import CategoryBundle
from hypothesis import HealthCheck, Phase, given, settings
from written_forecast import write_forecast

MEMORY_LIMIT = 2 << 30  # bytes of address space; libraries and their threads' stacks take the half of it
SECONDS = 120  # for a bundle with all that is asked of it, after which it hangs
UNEXPECTED = re.compile(r": [A-Z]\w+(Error|Exception|Exit|Interrupt|Warning): ")  # what only `ModelKind.open` caught


@dataclass
class Child:
    """The process that opens bundles; it is started again after its end."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    opened: int = 0
    good: list[tuple[str, Files]] = field(default_factory=list)

    def open(self, kind: str, files: Files) -> dict[str, Any]:
        """What `bundle_child` tells of a bundle; `died` if the process ended or took too long."""
        if self.process is None:
            self.process = self._start()
            for good_kind, good_files in self.good:
                answer = self._ask(good_kind, good_files)
                assert "answered" in answer, answer
        answer = self._ask(kind, files)
        if "died" in answer:
            self.stop()
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        return subprocess.Popen(
            [sys.executable, bundle_child.__file__, str(MEMORY_LIMIT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def _ask(self, kind: str, files: Files) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.opened += 1
        directory = self.folder / str(self.opened)
        directory.mkdir()
        for name, content in files.items():
            (directory / name).write_bytes(content)
        try:
            self.process.stdin.write(f"{kind} {directory}\n".encode())
            self.process.stdin.flush()
            if not select.select([self.process.stdout], [], [], SECONDS)[0]:
                return {"died": f"no answer within {SECONDS} s"}
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            if (kind, files) not in self.good:
                shutil.rmtree(directory)
        if not line:
            return {"died": f"it ended with {self.process.wait(SECONDS)}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@pytest.fixture(scope="module")
def bundles(small_bundle: CategoryBundle, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Files]]:
    """Both kinds, each of this release and of an earlier one."""
    folder = tmp_path_factory.mktemp("bundles")
    forecasts = [write_forecast(folder / str(earlier), earlier_release=earlier) for earlier in (False, True)]
    category, forecast, earlier_forecast = (
        {path.name: path.read_bytes() for path in directory.iterdir()}
        for directory in (small_bundle.directory, *forecasts)
    )
    return [
        ("crime-category", category),
        ("crime-risk", forecast),
        ("crime-category", of_earlier_release(category)),
        ("crime-risk", earlier_forecast),
    ]


def of_earlier_release(files: Files) -> Files:
    """Without a judged model, and with counts of months in place of those of days."""
    spec = json.loads(files["spec.json"])
    del spec["judged"], spec["format"], spec["sha256"]["counts.npz"]
    counts = io.BytesIO()
    np.save(counts, np.array([[600, 6, 3, 0, 12, 2], [601, 6, 3, 0, 12, 3]], np.int32))
    earlier = {name: content for name, content in files.items() if name != "counts.npz" and "judged" not in name}
    spec["sha256"] = {name: "" for name in (*earlier, "counts.npy") if name != "spec.json"}
    earlier |= {"counts.npy": counts.getvalue(), "spec.json": json.dumps(spec).encode()}
    fit_hashes(earlier)
    return earlier


@pytest.fixture(scope="module")
def child(bundles: list[tuple[str, Files]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    child = Child(tmp_path_factory.mktemp("damaged"), good=bundles)
    yield child
    child.stop()


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # in place of what failed
def test_a_damaged_bundle_is_refused_or_answers(
    bundles: list[tuple[str, Files]], child: Child, pytestconfig: pytest.Config
) -> None:
    outcomes = {"refused": 0, "answered": 0}

    @settings(
        max_examples=pytestconfig.getoption("mutations"),
        deadline=None,
        database=None,
        phases=[Phase.generate],  # another seed is no simpler
        suppress_health_check=list(HealthCheck),
    )
    @given(broken_bundles(bundles))
    def lives_on(case: tuple[str, str, Files]) -> None:
        kind, what, files = case
        answer = child.open(kind, files)
        assert answer.keys() <= outcomes.keys(), (kind, what, answer)
        assert not UNEXPECTED.search(answer.get("refused", "")), (kind, what, answer)
        outcomes[next(iter(answer))] += 1

    lives_on()
    assert min(outcomes.values()) > 0, outcomes


def test_a_child_that_dies_is_noticed(bundles: list[tuple[str, Files]], child: Child) -> None:
    """Of the test itself: a bundle is answered, and a process that ends is told from one that refuses."""
    forecast = dict(bundles)["crime-risk"]
    assert child.open("crime-risk", forecast) == {"answered": "crime-risk"}
    changed = forecast | {"forecast.npz": b"x"}
    assert "hash differs" in child.open("crime-risk", changed)["refused"]
    fit_hashes(changed)
    assert "is no archive of arrays" in child.open("crime-risk", changed)["refused"]
    assert child.process is not None
    child.process.kill()
    child.process.wait()
    assert "died" in child.open("crime-risk", changed)
    assert child.open("crime-risk", forecast) == {"answered": "crime-risk"}
