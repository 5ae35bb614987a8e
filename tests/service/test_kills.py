"""Commands and servers killed at random moments: the store stays readable, and a rerun ends the same.

`KILLS=25` before a release.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crime.core.model_names import CATEGORY_MODEL
from crime.registry.audit import read_decisions
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry
from crime.registry.kinds import CATEGORY
from crime.registry.lookup import find_version
from crime.registry.protocol import CHAMPION
from crime.registry.served import ServedRegistry
from harness import Mlflow, Store, last_json, publish, simulated_table, two_bundles

KILLS = int(os.environ.get("KILLS", "1"))  # of each command
MOMENTS = random.Random(20)


def kill_after(seconds: float, mlruns: Path, *arguments: str | Path) -> None:
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


def check_champion(mlruns: Path) -> None:
    """There is no champion, or one whose bundle is whole."""
    registry = EmbeddedRegistry(mlruns)
    if not (mlruns / DATABASE_FILE).exists():
        return
    for model in registry.models():  # raises where the store can't be read
        if CHAMPION in model.aliases:
            version, directory = find_version(registry, CATEGORY_MODEL)
            CATEGORY.open(directory, version)


def check_reruns(
    run: Callable[[Path], dict[str, Any]], command: Callable[[Path], list[str | Path]], folder: Path
) -> None:
    """Run a command to its end, and `KILLS` times kill it at some moment and run it again, in folders of their own."""
    start = time.monotonic()
    whole = run(folder / "whole")
    seconds = time.monotonic() - start
    for number in range(KILLS):
        here, moment = folder / str(number), MOMENTS.uniform(0.3, seconds)
        kill_after(moment, here / "mlruns", *command(here))
        check_champion(here / "mlruns")
        assert run(here) == whole, f"killed after {moment:.2f} s of {seconds:.2f}"
        check_champion(here / "mlruns")


def test_train(tmp_path: Path) -> None:
    table = simulated_table(3, 1_500)

    def run(folder: Path) -> dict[str, Any]:
        return last_json(Store(folder / "mlruns").crime("train", "--data", table, "--json")) | {"version": "any"}

    check_reruns(run, lambda folder: ["train", "--data", table], tmp_path)


def test_features(tmp_path: Path) -> None:
    table = simulated_table(3, 1_500)

    def run(folder: Path) -> dict[str, Any]:
        arguments = "features", "build", "--data", table, "--output", folder / "features"
        Store(folder / "mlruns").crime(*arguments)
        files = sorted((folder / "features").rglob("*.parquet"))
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    check_reruns(run, lambda folder: ["features", "build", "--data", table, "--output", folder / "features"], tmp_path)


def test_the_registry(tmp_path: Path) -> None:
    """MLflow killed while a model is promoted and rolled back, over and over."""
    server = Mlflow.start(tmp_path / "mlflow")
    publish(server.url, *two_bundles())
    registry, port = ServedRegistry(server.url), int(server.url.rpartition(":")[2])
    for _ in range(KILLS):
        promoting = subprocess.Popen(
            [sys.executable, "-c", PROMOTE, server.url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(MOMENTS.uniform(0.5, 2.5))
        server.stop()
        promoting.kill()
        promoting.wait()
        server = Mlflow.start(tmp_path / "mlflow", port)
        version, directory = find_version(registry, CATEGORY_MODEL)
        CATEGORY.open(directory, version)
        assert len(registry.versions(CATEGORY_MODEL)) == 2
        assert read_decisions(registry)
    server.stop()


PROMOTE = """
import itertools, sys
from crime.registry.promotion import promote
from crime.registry.served import ServedRegistry
registry = ServedRegistry(sys.argv[1])
for number in itertools.count():
    promote(registry, "crime-category", str(1 + number % 2), "a test", "to be killed", force=True)
"""


def test_a_writer_killed_within_its_transaction(store: Store, tmp_path: Path) -> None:
    """The next reader rolls back what it wrote."""
    before = EmbeddedRegistry(store.mlruns).versions(CATEGORY_MODEL)
    database = tmp_path / DATABASE_FILE
    shutil.copy(store.mlruns / DATABASE_FILE, database)
    done = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, database])
    assert (done.returncode, database.with_name(f"{database.name}-journal").exists()) == (9, True)
    assert database.read_bytes() != (store.mlruns / DATABASE_FILE).read_bytes()
    assert EmbeddedRegistry(tmp_path).versions(CATEGORY_MODEL) == before


WRITE_AND_DIE = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")
for table in ("latest_metrics", "metrics"):
    database.execute(f"UPDATE {table} SET value = 0")
os._exit(9)
"""
