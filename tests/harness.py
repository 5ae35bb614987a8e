"""What the tests share: a store trained once, and real servers."""

import atexit
import csv
import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import httpx
from crime.sample import sample_table

EARLY_UNTIL = "2020-07-25"
LEAST = {"DATE OCC": "01/15/2023 02:30:00 PM", "TIME OCC": 1430, "AREA": 1}


@dataclass(frozen=True)
class Store:
    """An MLflow store in which `crime train` and `crime forecast` were run once, and the JSON each ended with."""

    mlruns: Path
    summary: dict[str, Any]
    forecast: dict[str, Any]

    def crime(
        self, *arguments: str | Path, code: int = 0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the `crime` command on this store, with further environment; fails unless it exits with `code`."""
        done = subprocess.run(
            [sys.executable, "-m", "crime.cli", *map(str, arguments)],
            env={**os.environ, "CRIME_MLRUNS": str(self.mlruns), "COLUMNS": "200", **(environment or {})},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done


@cache
def session_folder() -> Path:
    """A folder of this test session, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="crime-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def early_reports() -> Path:
    """The embedded sample's 914 reports of its first 207 days: both models can be trained on them in seconds."""
    path = session_folder() / "early.csv"
    with sample_table() as sample, gzip.open(sample, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        rows = [row for row in reader if _iso_date(row["DATE OCC"]) <= EARLY_UNTIL]
    write_table(path, rows)
    return path


def _iso_date(text: str) -> str:
    month, day, year = text.partition(" ")[0].split("/")
    return f"{year}-{month}-{day}"


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Reports as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@cache
def trained_store() -> Store:
    """A store of this test session: `crime train` on the embedded sample, `crime forecast` on its early reports."""
    empty = Store(session_folder() / "mlruns", {}, {})
    trained = empty.crime("train", "--json")
    forecast = empty.crime("forecast", "--data", early_reports(), "--json")
    return Store(empty.mlruns, last_json(trained), last_json(forecast))


def last_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object that a command run with `--json` ended with."""
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@dataclass
class Backend:
    url: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def log(self) -> list[dict[str, Any]]:
        """The lines it has written so far."""
        self.output.seek(0)
        return [json.loads(line) for line in self.output.read().decode().splitlines() if line.startswith("{")]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()


@dataclass
class Mlflow:
    """A real MLflow server, started as its image starts it."""

    url: str
    place: Path
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    @classmethod
    def start(cls, place: Path, port: int | None = None, environment: Mapping[str, str] | None = None) -> "Mlflow":
        port = port or free_port()
        place.mkdir(parents=True, exist_ok=True)
        given = {
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{place / 'mlflow.db'}",
            "MLFLOW_ARTIFACTS_DESTINATION": str(place / "artifacts"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "PORT": str(port),
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        log = tempfile.TemporaryFile()  # noqa: SIM115 (the process keeps it)
        script = Path(__file__).parents[1] / "services/mlflow/serve"
        process = subprocess.Popen(
            [str(script)],
            env={**os.environ, **given, "PATH": path, **(environment or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        wait_for(f"http://127.0.0.1:{port}/health", process, log, 120)
        return cls(f"http://127.0.0.1:{port}", place, process, log)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()


def start_backend(environment: dict[str, str] | None = None, **settings: object) -> Backend:
    """Start the backend on a free port, unless `port` is set, and wait until it lives."""
    port = settings.setdefault("port", free_port())
    variables = {f"CRIME_{name.upper()}": str(value) for name, value in settings.items()}
    log = tempfile.TemporaryFile()  # noqa: SIM115 (the process keeps it)
    process = subprocess.Popen(
        [sys.executable, "-m", "crime.serving"],
        env=os.environ | variables | (environment or {}),
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    url = f"http://127.0.0.1:{port}"
    wait_for(f"{url}/health", process, log)
    return Backend(url, process, log)


def wait_for(url: str, process: subprocess.Popen[bytes], log: IO[bytes], seconds: float = 60) -> None:
    """Wait until `url` answers; fails with the log if the process ends first."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            log.seek(0)
            raise AssertionError(log.read().decode())
        try:
            httpx.get(url).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.02)
    raise AssertionError(f"nothing answers at {url}")
