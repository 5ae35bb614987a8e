"""From the portal to the champion, whatever cuts it off."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from crime.registry.embedded import EmbeddedRegistry
from crime.sample import sample_table


def crime(mlruns: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "crime.cli", *map(str, arguments)],
        env={**os.environ, "CRIME_MLRUNS": str(mlruns), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def retrain(place: Path) -> dict[str, Any]:
    with sample_table() as data:
        done = crime(place / "mlruns", "retrain", "--data", data, "--work", place / "work", "--json")
        out, err = done.communicate(timeout=300)
    assert done.returncode == 0, out + err
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def test_twice_is_once_and_a_kill_changes_nothing(tmp_path: Path) -> None:
    whole = retrain(tmp_path / "whole")
    assert whole["models"]["crime-category"]["verdict"] == "champion: the first one"
    assert retrain(tmp_path / "whole") == whole
    registry = EmbeddedRegistry(tmp_path / "whole" / "mlruns")
    assert [v.version for v in registry.versions("crime-category")] == ["1"]

    place = tmp_path / "cut"
    for seconds in (6, 12, 20, 30):  # in training, while it is registered, in the forecast
        with sample_table() as data:
            cut = crime(place / "mlruns", "retrain", "--data", data, "--work", place / "work")
            time.sleep(seconds)
            cut.send_signal(signal.SIGKILL)
            cut.communicate()
    again = retrain(place)
    assert {name: found["verdict"] for name, found in again["models"].items()} == {
        name: found["verdict"] for name, found in whole["models"].items()
    }
    for name in ("crime-category", "crime-risk"):
        specs = []
        for each, found in ((tmp_path / "whole", whole), (place, again)):
            bundle = EmbeddedRegistry(each / "mlruns").bundle(name, found["models"][name]["version"])
            specs.append(json.loads((bundle / "spec.json").read_text()))
        assert specs[0]["sha256"] == specs[1]["sha256"]
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
        with sample_table() as data:
            done = crime(tmp_path / "mlruns", "retrain", "--data", data, "--work", tmp_path)
            assert "another retraining runs" in done.communicate(timeout=120)[1]
    assert done.returncode == 1


@pytest.mark.parametrize("since", ["2020-13-01", "yesterday"])
def test_a_day_that_is_none_is_told(since: str, tmp_path: Path) -> None:
    done = crime(tmp_path / "mlruns", "retrain", "--since", since, "--work", tmp_path)
    assert since in done.communicate(timeout=120)[1]
    assert done.returncode == 2
