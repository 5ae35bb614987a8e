"""Killed at random moments: the store stays readable, and a rerun ends the same. `KILLS=25` before a release."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crime.core.model_names import CATEGORY_MODEL
from crime.registry.audit import read_decisions
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry
from crime.registry.kinds import CATEGORY
from crime.registry.lookup import find_version
from crime.registry.protocol import CHAMPION
from crime.registry.served import ServedRegistry
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from harness import Mlflow, Store, early_reports

ROWS = 1_500
KILLS = int(os.environ.get("KILLS", "1"))  # of each command
MOMENTS = random.Random(20)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("twin") / "reports.csv"
    write_city(SimulatedCity(CitySettings(3, ROWS)), path)
    return path


def killed(seconds: float, mlruns: Path, *arguments: str | Path) -> None:
    """Run the command and kill it after so many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "crime.cli", *map(str, arguments)],
        env=os.environ | {"CRIME_MLRUNS": str(mlruns)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def whole_or_none(mlruns: Path) -> None:
    """There is no champion, or one that answers as it did where it was trained."""
    where = EmbeddedRegistry(mlruns)
    if not (mlruns / DATABASE_FILE).exists():
        return
    for model in where.models():  # raises where the store can't be read
        if CHAMPION in model.aliases:
            version, place = find_version(where, CATEGORY_MODEL)
            CATEGORY.open(place, version)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def tried(run: Callable[[Path], dict[str, Any]], command: Callable[[Path], list[str | Path]], place: Path) -> None:
    """Run it whole, then `KILLS` times killed at some moment and run again, each in a place of its own."""
    began = time.monotonic()
    whole = run(place / "whole")
    took = time.monotonic() - began
    for at in range(KILLS):
        here, moment = place / str(at), MOMENTS.uniform(0.3, took)
        killed(moment, here / "mlruns", *command(here))
        whole_or_none(here / "mlruns")
        assert run(here) == whole, f"killed after {moment:.2f} s of {took:.2f}"
        whole_or_none(here / "mlruns")


def test_train(table: Path, tmp_path: Path) -> None:
    def run(place: Path) -> dict[str, Any]:
        return told(Store(place / "mlruns", {}, {}).crime("train", "--data", table, "--json")) | {"version": "any"}

    tried(run, lambda place: ["train", "--data", table], tmp_path)


def test_features(table: Path, tmp_path: Path) -> None:
    def run(place: Path) -> dict[str, Any]:
        arguments = "features", "build", "--data", table, "--output", place / "features"
        Store(place / "mlruns", {}, {}).crime(*arguments)
        return {
            str(path.relative_to(place)): path.read_bytes() for path in sorted((place / "features").rglob("*.parquet"))
        }

    tried(run, lambda place: ["features", "build", "--data", table, "--output", place / "features"], tmp_path)


def test_retrain(table: Path, tmp_path: Path) -> None:
    def run(place: Path) -> dict[str, Any]:
        done = Store(place / "mlruns", {}, {}).crime("retrain", "--data", table, "--work", place / "work", "--json")
        return {name: found["verdict"] for name, found in told(done)["models"].items()}

    tried(run, lambda place: ["retrain", "--data", table, "--work", place / "work"], tmp_path)


def test_the_registry(store: Store, tmp_path: Path) -> None:
    """MLflow killed while a model is promoted and rolled back, over and over."""
    archive = tmp_path / "backup.tar.gz"
    mine = Store(tmp_path / "mlruns", {}, {})
    mine.crime("train", "--data", early_reports())
    mine.crime("train", "--data", early_reports(), "--seed", "1")
    mine.crime("backup", archive)
    server = Mlflow.start(tmp_path / "mlflow")
    mine.crime("restore", archive, environment={"CRIME_TRACKING_URI": server.url})
    where, port = ServedRegistry(server.url), int(server.url.rpartition(":")[2])
    for _ in range(KILLS):
        acting = subprocess.Popen(
            [sys.executable, "-c", ACT, server.url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(MOMENTS.uniform(0.5, 2.5))
        server.stop()
        acting.kill()
        acting.wait()
        server = Mlflow.start(tmp_path / "mlflow", port)
        version, place = find_version(where, CATEGORY_MODEL)
        CATEGORY.open(place, version)
        assert len(where.versions(CATEGORY_MODEL)) == 2
        assert read_decisions(where)
    server.stop()


ACT = """
import itertools, sys
from crime.registry.promotion import promote
from crime.registry.served import ServedRegistry
where = ServedRegistry(sys.argv[1])
for at in itertools.count():
    promote(where, "crime-category", str(1 + at % 2), "a test", "to be killed")
"""


def test_a_writer_killed_within_its_transaction(store: Store, tmp_path: Path) -> None:
    """What it wrote by half is taken back by whoever reads next."""
    before = EmbeddedRegistry(store.mlruns).versions(CATEGORY_MODEL)
    database = tmp_path / DATABASE_FILE
    shutil.copy(store.mlruns / DATABASE_FILE, database)
    done = subprocess.run([sys.executable, "-c", HALF, database])
    assert (done.returncode, database.with_name(f"{database.name}-journal").exists()) == (9, True)
    assert database.read_bytes() != (store.mlruns / DATABASE_FILE).read_bytes()
    assert EmbeddedRegistry(tmp_path).versions(CATEGORY_MODEL) == before


HALF = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")
for table in ("latest_metrics", "metrics"):
    database.execute(f"UPDATE {table} SET value = 0")
os._exit(9)
"""
