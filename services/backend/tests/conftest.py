"""Real files, a real MLflow store, real servers. The store is trained once a session, by the command users run."""

import csv
import gzip
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from crime.bundle import Bundle
from crime.data import Reports, Tally, load, sample
from crime.registry import champion
from crime.settings import Settings
from harness import Server, Store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    empty = Store(tmp_path_factory.mktemp("store") / "mlruns", {})
    done = empty.crime("train", "--json")
    return Store(empty.mlruns, json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="session")
def model(store: Store) -> Bundle:
    return champion(Settings(mlruns=store.mlruns))


@pytest.fixture(scope="session")
def reports() -> Reports:
    with sample() as path:
        return load(path, Tally())


@pytest.fixture(scope="session")
def rows() -> list[dict[str, str]]:
    """The embedded sample as it stands."""
    with sample() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="session")
def start(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Start a backend on a free port; all that still run are ended after the session."""
    started: list[Server] = []
    logs = tmp_path_factory.mktemp("logs")

    def start_one(**settings: Any) -> Server:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        variables = {f"CRIME_{name.upper()}": str(value) for name, value in settings.items()}
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "crime.serving"],
            env={**os.environ, "CRIME_MLRUNS": str(store.mlruns), "CRIME_PORT": str(port), **variables},
            stdout=(logs / f"{port}.log").open("w"),
            stderr=subprocess.STDOUT,
            text=True,
        )
        url = f"http://127.0.0.1:{port}"
        while True:
            assert process.poll() is None, (logs / f"{port}.log").read_text()
            try:
                httpx.get(f"{url}/health").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.01)
            assert time.perf_counter() - began < 60
        started.append(Server(url, process, time.perf_counter() - began))
        return started[-1]

    yield start_one
    for server in started:
        server.process.kill()
        server.process.communicate()


@pytest.fixture(scope="session")
def api(start: Callable[..., Server]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=start().url, timeout=60) as client:
        yield client
