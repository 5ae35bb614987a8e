"""What several kinds of tests share: models and stores trained once per session, and real servers."""

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import httpx
from crime.core.model_names import CATEGORY_MODEL
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.lookup import find_version
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.training.classifier.train import train_category_model

EARLY_UNTIL = "2020-07-25"


@dataclass(frozen=True)
class Store:
    """A folder for an MLflow store. `summary`, `forecast`: the JSON with which its training commands ended."""

    mlruns: Path
    summary: dict[str, Any] = field(default_factory=dict)
    forecast: dict[str, Any] = field(default_factory=dict)

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

    def bundle(self, model: str = CATEGORY_MODEL) -> Path:
        """The files of the champion."""
        return find_version(EmbeddedRegistry(self.mlruns), model)[1]

    def copy(self, mlruns: Path) -> "Store":
        """A store of its own with the same versions, for a test that writes. Bundles stay where they are."""
        mlruns.mkdir(parents=True)
        shutil.copy(self.mlruns / "mlflow.db", mlruns)
        return Store(mlruns, self.summary, self.forecast)


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
    write_table(path, [row for row in rows_of_sample() if _iso_date(row["DATE OCC"]) <= EARLY_UNTIL])
    return path


def rows_of_sample() -> list[dict[str, str]]:
    """The embedded sample's cells, row by row."""
    with sample_table() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _iso_date(text: str) -> str:
    month, day, year = text.partition(" ")[0].split("/")
    return f"{year}-{month}-{day}"


def write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write reports to a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@cache
def simulated_table(seed: int, rows: int) -> Path:
    """A CSV table of a simulated city, which is not to be changed."""
    path = session_folder() / f"city-{seed}-{rows}.csv"
    write_city(SimulatedCity(CitySettings(seed, rows)), path)
    return path


@cache
def trained_store() -> Store:
    """`crime train` on the embedded sample, `crime forecast` on its early reports. Shared: take a copy to write."""
    empty = Store(session_folder() / "mlruns")
    trained = empty.crime("train", "--json")
    forecast = empty.crime("forecast", "--data", early_reports(), "--json")
    empty.crime("promote", "crime-risk", "--force", "of so few reports a baseline may be as good")
    return Store(empty.mlruns, last_json(trained), last_json(forecast))


@cache
def two_bundles() -> tuple[Path, Path]:
    """Two category models of the early reports, the first with the lower log loss. Take a copy to change one."""
    tally = Tally()
    reports = load_reports(early_reports(), tally)
    losses = {}
    for seed in (0, 1):
        directory = session_folder() / f"seed-{seed}" / "bundle"
        model, _ = train_category_model(reports, tally, directory, seed=seed)
        losses[directory] = model.spec.metrics["overall"]["log_loss"]
    better, worse = sorted(losses, key=lambda directory: losses[directory])
    return better, worse


@cache
def two_versions() -> Store:
    """A store in which `two_bundles` were published in their order, the first as champion. Take a copy to write."""
    store = Store(session_folder() / "two-versions")
    assert publish(store.mlruns, *two_bundles()) == ["1", "2"]
    return store


def publish(registry: str | Path, *bundles: Path) -> list[str]:
    """Register category bundles as training does, in a process of its own; returns their versions.

    `registry`: the address of an MLflow server, or the folder of an embedded store.
    """
    code = (
        "import sys; from pathlib import Path; from crime.classifier.bundle import CategoryBundle;"
        "from crime.core.settings import Settings; from crime.pipelines.publishing import publish;"
        "from crime.registry.lookup import open_registry; registry = open_registry(Settings());"
        "print(*(publish(CategoryBundle(Path(path)), Path(path), registry).version for path in sys.argv[1:]))"
    )
    name = "CRIME_MLRUNS" if isinstance(registry, Path) else "CRIME_TRACKING_URI"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, bundles)],
        env={**os.environ, name: str(registry)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()


def last_json(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON object that a command run with `--json` ended with."""
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> float:
    """Wait until a condition holds; returns the seconds it took. Fails after `seconds`."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - start


@dataclass
class Backend:
    """A backend as a process. `http` is a client of it."""

    url: str
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def log(self) -> list[dict[str, Any]]:
        """The lines it has written so far."""
        self.output.seek(0)
        return [json.loads(line) for line in self.output.read().decode().splitlines() if line.startswith("{")]

    def metrics(self) -> str:
        return self.http.get("/metrics").text

    def stop(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait()
        self.output.close()


@dataclass
class Mlflow:
    """A real MLflow server, started as its image starts it. `folder` holds its database and its artifacts."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    @classmethod
    def start(cls, folder: Path, port: int | None = None, environment: Mapping[str, str] | None = None) -> "Mlflow":
        port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder / 'mlflow.db'}",
            "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "PORT": str(port),
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 (the process keeps it)
        script = Path(__file__).parents[1] / "services/mlflow/serve"
        process = subprocess.Popen(
            [str(script)],
            env={**os.environ, **settings, "PATH": path, **(environment or {})},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        wait_for(f"http://127.0.0.1:{port}/health", process, log, 120)
        return cls(f"http://127.0.0.1:{port}", folder, process, log)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.output.close()


def start_backend(environment: dict[str, str] | None = None, **settings: object) -> Backend:
    """Start the backend, on a free port unless `port` is set, and wait until it lives."""
    port = settings.setdefault("port", free_port())
    variables = {f"CRIME_{name.upper()}": str(value) for name, value in settings.items()}
    log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 (the process keeps it)
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
    with httpx.Client() as client:
        while time.monotonic() < until:
            if process.poll() is not None:
                log.seek(0)
                raise AssertionError(log.read().decode())
            try:
                client.get(url).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.05)
    raise AssertionError(f"nothing answers at {url}")
