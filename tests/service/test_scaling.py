"""Training, tuning, forecasts and record review past one machine: a real Dask scheduler and workers."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from crime.core.executors import DaskExecutor
from crime.pipelines.review import review_file
from crime.reports.files import load_reports
from crime.reports.history import read_history
from crime.reports.tally import Tally
from crime.training.classifier.train import train_category_model
from crime.training.forecaster.feed_end import complete_history
from crime.training.forecaster.train import train_forecast
from harness import Store, early_reports, free_port, last_json, simulated_table, wait_until


@pytest.fixture(scope="module")
def table() -> Path:
    return simulated_table(1, 4_000)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its two workers."""
    port = free_port()
    python = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*python, "distributed.cli.dask_scheduler", f"--port={port}", "--host=127.0.0.1", "--no-dashboard", "--no-show"]
    )
    worker = [*python, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads=1", "--no-nanny"]
    worker += ["--no-dashboard", f"--local-directory={tmp_path}"]
    # to give up soon on one that was killed; the default is 30 s
    environment = os.environ | {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}
    workers = [subprocess.Popen(worker, env=environment) for _ in range(2)]
    try:
        yield f"tcp://127.0.0.1:{port}", workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def test_a_killed_worker_changes_nothing(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], table: Path, tmp_path: Path
) -> None:
    address, workers = cluster
    executor = DaskExecutor(address)
    wait_until(lambda: executor.workers == 2, 60)
    steps: list[str] = []

    def kill_worker_at_first_step(step: str, share: float) -> None:
        if not steps:
            workers[0].kill()
        steps.append(step)

    train_category_model(
        load_reports(table, Tally()), Tally(), tmp_path / "dask", executor=executor, progress=kill_worker_at_first_step
    )
    train_category_model(load_reports(table, Tally()), Tally(), tmp_path / "local")
    assert len(steps) == 8  # each level of the judged model and of the one that answers
    for file in ("place_time.txt", "premise.txt", "weapon.txt", "report.txt", "evidence.npz"):
        assert (tmp_path / "dask" / file).read_bytes() == (tmp_path / "local" / file).read_bytes()


def test_a_forecast_is_made_by_workers_alone_whichever_is_killed(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, workers = cluster
    executor = DaskExecutor(address)
    wait_until(lambda: executor.workers == 2, 60)
    history = complete_history(read_history(early_reports(), Tally()), Tally())
    train_forecast(history, Tally(), tmp_path / "local")

    def kill_worker_at_first_step(step: str, share: float) -> None:
        if share == 0:
            workers[0].kill()

    monkeypatch.setattr("lightgbm.train", None)  # of this process
    train_forecast(history, Tally(), tmp_path / "dask", kill_worker_at_first_step, executor=executor)
    for file in (tmp_path / "local").iterdir():
        assert (tmp_path / "dask" / file.name).read_bytes() == file.read_bytes(), file.name


def test_records_are_reviewed_by_workers_alone_whichever_is_killed(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, workers = cluster
    executor = DaskExecutor(address)
    wait_until(lambda: executor.workers == 2, 60)
    summary = review_file(table, tmp_path / "local.csv", Tally())

    def kill_worker_at_first_fold(step: str, share: float) -> None:
        if (step, share) == ("fit codes", 0):
            workers[0].kill()

    monkeypatch.setattr("lightgbm.train", None)  # of this process
    again = review_file(table, tmp_path / "dask.csv", Tally(), kill_worker_at_first_fold, executor=executor)
    assert again == summary
    assert (tmp_path / "dask.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()


def test_tuning_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    table, store = simulated_table(3, 1_500), Store(tmp_path)
    killed = subprocess.Popen(
        [sys.executable, "-m", "crime.cli", "tune", "--data", str(table), "--trials", "50"],
        env=os.environ | {"CRIME_MLRUNS": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: finished_trials(tmp_path) >= 2, 120)
    killed.kill()
    killed.wait()
    before = finished_trials(tmp_path)
    result = last_json(store.crime("tune", "--data", table, "--json", "--trials", str(before + 2)))
    assert result["finished"] + result["pruned"] == finished_trials(tmp_path) == before + 2
    assert result["loss"] <= result["default"]


def finished_trials(mlruns: Path) -> int:
    """How many trials of tuning ended, as far as MLflow knows."""
    with sqlite3.connect(mlruns / "mlflow.db") as database:
        try:
            (trials,) = database.execute("SELECT COUNT(*) FROM runs WHERE status = 'FINISHED'").fetchone()
            return int(trials)
        except sqlite3.OperationalError:  # the tables are not there yet
            return 0
