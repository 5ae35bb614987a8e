"""From the portal to the champion, whatever cuts it off."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from crime.registry.embedded import EmbeddedRegistry
from harness import early_reports


def crime(mlruns: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "crime.cli", *map(str, arguments)],
        env={**os.environ, "CRIME_MLRUNS": str(mlruns), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def retrain(place: Path) -> dict[str, Any]:
    done = crime(place / "mlruns", "retrain", "--data", early_reports(), "--work", place / "work", "--json")
    out, err = done.communicate(timeout=300)
    assert done.returncode == 0, out + err
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


def test_twice_is_once_and_a_kill_changes_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    whole = retrain(tmp_path / "whole")
    seconds = time.monotonic() - began
    assert whole["models"]["crime-category"]["verdict"] == "champion: the first one"
    assert retrain(tmp_path / "whole") == whole
    registry = EmbeddedRegistry(tmp_path / "whole" / "mlruns")
    assert [v.version for v in registry.versions("crime-category")] == ["1"]

    place = tmp_path / "cut"
    for share in (0.3, 0.5, 0.7, 0.9):  # in training, while it is registered, in the forecast
        cut = crime(place / "mlruns", "retrain", "--data", early_reports(), "--work", place / "work")
        with suppress(subprocess.TimeoutExpired):
            cut.communicate(timeout=share * seconds)
        cut.send_signal(signal.SIGKILL)
        cut.communicate()
    again = retrain(place)
    for name in ("crime-category", "crime-risk"):
        assert again["models"][name]["verdict"] == whole["models"][name]["verdict"]
        hashes = []
        for folder, result in ((tmp_path / "whole", whole), (place, again)):
            bundle = EmbeddedRegistry(folder / "mlruns").bundle(name, result["models"][name]["version"])
            hashes.append(json.loads((bundle / "spec.json").read_text())["sha256"])
        assert hashes[0] == hashes[1]
        assert EmbeddedRegistry(place / "mlruns").version(name) == again["models"][name]["version"]


def test_a_promotion_that_was_cut_off_is_completed(tmp_path: Path) -> None:
    first = retrain(tmp_path)
    where = EmbeddedRegistry(tmp_path / "mlruns")
    where.set_tags("crime-category", "1", {"promotion": "begun"})
    where.delete_alias("crime-category", "champion")  # as if killed between the verdict and the alias
    assert retrain(tmp_path) == first
    assert where.version("crime-category") == "1"
    assert where.tags("crime-category", "1")["promotion"] == "done"


def test_one_at_a_time(tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = crime(tmp_path / "mlruns", "retrain", "--data", early_reports(), "--work", tmp_path)
        assert "another retraining runs" in done.communicate(timeout=120)[1]
    assert done.returncode == 1


@pytest.mark.parametrize("since", ["2020-13-01", "yesterday"])
def test_a_day_that_is_none_is_told(since: str, tmp_path: Path) -> None:
    done = crime(tmp_path / "mlruns", "retrain", "--since", since, "--work", tmp_path)
    assert since in done.communicate(timeout=120)[1]
    assert done.returncode == 2
