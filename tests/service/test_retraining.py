"""`crime retrain` from a table to both champions: again, or after it was killed, it ends the same.

`KILLS=25` before a release kills it at as many random moments more.
"""

import fcntl
import json
import os
import random
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.kinds import MODEL_KINDS
from harness import Store, last_json, session_folder
from histories import write_half_year

RANDOM_KILLS = int(os.environ.get("KILLS", "1")) - 1
MOMENTS = random.Random(20)


@cache
def half_year() -> Path:
    path = session_folder() / "half-year.csv"
    write_half_year(path)
    return path


def retrain(folder: Path) -> dict[str, Any]:
    """Retrain on half a year's reports; returns the JSON it ends with."""
    arguments = ("retrain", "--data", half_year(), "--work", folder / "work", "--json")
    return last_json(Store(folder / "mlruns").crime(*arguments))


def hashes(folder: Path, result: dict[str, Any], model: str) -> dict[str, str]:
    """Hashes of the files of the version that a retraining made."""
    bundle = EmbeddedRegistry(folder / "mlruns").bundle(model, result["models"][model]["version"])
    sha256: dict[str, str] = json.loads((bundle / "spec.json").read_text())["sha256"]
    return sha256


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], float]:
    """The folder, result and seconds of a retraining that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    start = time.monotonic()
    result = retrain(folder)
    return folder, result, time.monotonic() - start


def test_twice_changes_nothing(whole: tuple[Path, dict[str, Any], float], tmp_path: Path) -> None:
    folder, result, _ = whole
    assert result["models"]["crime-category"]["verdict"] == "champion: the first one"
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    assert retrain(tmp_path) == result
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    assert [len(registry.versions(model)) for model in MODEL_KINDS] == [1, 1]


def test_the_weeks_bulletin_is_a_file_of_the_run(whole: tuple[Path, dict[str, Any], float]) -> None:
    folder, result, _ = whole
    (page,) = (folder / "mlruns").rglob(f"{result['run']}/artifacts/bulletin.html")
    assert "<h1>Reports of the week to " in page.read_text()


def test_killed_again_and_again_it_ends_the_same(whole: tuple[Path, dict[str, Any], float], tmp_path: Path) -> None:
    folder, result, seconds = whole
    # in training, while the model is registered, in the forecast
    shares = [0.3, 0.5, 0.7, 0.9] + [MOMENTS.uniform(0.1, 1) for _ in range(RANDOM_KILLS)]
    for share in shares:
        run = subprocess.Popen(
            [sys.executable, "-m", "crime.cli", "retrain", "--data", half_year(), "--work", tmp_path / "work"],
            env={**os.environ, "CRIME_MLRUNS": str(tmp_path / "mlruns")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            run.wait(share * seconds)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
    again = retrain(tmp_path)
    for model in MODEL_KINDS:
        assert again["models"][model]["verdict"] == result["models"][model]["verdict"]
        assert hashes(tmp_path, again, model) == hashes(folder, result, model)
        assert EmbeddedRegistry(tmp_path / "mlruns").version(model) == again["models"][model]["version"]


def test_a_promotion_that_was_cut_off_is_completed(whole: tuple[Path, dict[str, Any], float], tmp_path: Path) -> None:
    folder, result, _ = whole
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    version = registry.version("crime-category")
    registry.set_tags("crime-category", version, {"promotion": "begun"})
    registry.delete_alias("crime-category", "champion")  # as if killed between the verdict and the alias
    assert retrain(tmp_path) == result
    assert registry.version("crime-category") == version
    assert registry.tags("crime-category", version)["promotion"] == "done"


def test_one_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = Store(tmp_path / "mlruns").crime("retrain", "--data", half_year(), "--work", tmp_path, code=1)
    assert "another retraining runs" in refused.stderr
