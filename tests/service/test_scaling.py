"""Training and tuning past one machine: a real Dask scheduler and workers."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.training.classifier.train import train_category_model
from harness import Store, free_port, last_json

ROWS = 4_000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("twin") / "reports.csv"
    write_city(SimulatedCity(CitySettings(1, ROWS)), path)
    return path


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its two workers."""
    port = free_port()
    python = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*python, "distributed.cli.dask_scheduler", f"--port={port}", "--host=127.0.0.1", "--no-dashboard", "--no-show"]
    )
    worker = [*python, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads=1", "--no-nanny"]
    workers = [subprocess.Popen([*worker, "--no-dashboard", f"--local-directory={tmp_path}"]) for _ in range(2)]
    try:
        yield f"tcp://127.0.0.1:{port}", workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_killed_worker_changes_nothing(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], table: Path, tmp_path: Path
) -> None:
    from crime.core.executors import DaskExecutor

    address, workers = cluster
    engine = DaskExecutor(address)
    while engine.workers < 2:
        time.sleep(0.1)
    told: list[str] = []

    def kill(what: str, share: float) -> None:
        if not told:
            workers[0].kill()
        told.append(what)

    train_category_model(load_reports(table, Tally()), Tally(), tmp_path / "there", executor=engine, progress=kill)
    train_category_model(load_reports(table, Tally()), Tally(), tmp_path / "here")
    assert len(told) == 4
    for file in ("place_time.txt", "premise.txt", "weapon.txt", "report.txt", "evidence.npz"):
        assert (tmp_path / "there" / file).read_bytes() == (tmp_path / "here" / file).read_bytes()


def test_without_workers_it_says_so(table: Path, tmp_path: Path) -> None:
    answer = Store(tmp_path, {}, {}).crime("train", "--data", table, "--dask", "tcp://127.0.0.1:1", code=1)
    assert "no Dask workers at tcp://127.0.0.1:1" in answer.stderr


def test_tuning_goes_on_where_it_was_killed(table: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, {}, {})
    refused = store.crime("train", "--tuned", "--data", table, code=1)
    assert "crime tune" in refused.stderr
    cut = subprocess.Popen(
        [sys.executable, "-m", "crime.cli", "tune", "--data", str(table), "--trials", "50"],
        env=os.environ | {"CRIME_MLRUNS": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    while _trials(tmp_path) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    cut.kill()
    cut.wait()
    there = _trials(tmp_path)

    def tune() -> dict[str, Any]:
        done = store.crime("tune", "--data", table, "--json", "--trials", str(there + 2))
        return last_json(done)

    found = tune()
    assert found["finished"] + found["pruned"] == _trials(tmp_path) == there + 2
    assert found["loss"] <= found["default"]
    assert tune() == found  # nothing is left to do
    store.crime("train", "--tuned", "--data", table)
    (spec,) = tmp_path.glob("artifacts/models/*/artifacts/data/bundle/spec.json")
    assert found["parameters"].items() <= json.loads(spec.read_text())["parameters"].items()


def _trials(mlruns: Path) -> int:
    """How many ended, as far as MLflow knows."""
    with sqlite3.connect(mlruns / "mlflow.db") as database:
        try:
            (trials,) = database.execute("SELECT COUNT(*) FROM runs WHERE status = 'FINISHED'").fetchone()
            return int(trials)
        except sqlite3.OperationalError:  # not made yet
            return 0
