"""Figures as ratios, each measured beside its peer or limit in the same run, repeated, with the spread.

`mlflow models serve` serves the registry's champion and is sent the same report. All peers, it too, are also measured
with the champion's LightGBM model alone and its ready inputs, which spares them what the backend does before. Limits:
a FastAPI route that only parses the report and answers, and LightGBM's C library alone.
"""

import asyncio
import csv
import gzip
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import uvloop
from crime.classifier.booster import Booster
from crime.classifier.bundle import CategoryBundle
from crime.core.settings import Settings
from crime.features.detail_levels import detail_levels
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry
from crime.registry.lookup import load_champion
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.serving.formats.arrow import ARROW_TYPE as ARROW
from crime.serving.payloads.report import EXAMPLE_REPORT
from rich.console import Console
from rich.table import Table

CLIENTS, MANY = 16, 80
QUICK = "--quick" in sys.argv
SECONDS, REPEATS, LASTING = (1.0, 3, 10_000) if QUICK else (3.0, 5, 100_000)
PEERS = Path(".tools/peers")

LIMIT = """
import sys, uvicorn
from fastapi import FastAPI
from crime.serving.payloads.report import Report
app = FastAPI()
@app.post("/predict")
async def predict(report: Report) -> dict[str, str]:
    return {"status": "ok"}
@app.get("/health")
async def health() -> None: ...
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""
FASTAPI = """
import sys, lightgbm, uvicorn
from fastapi import FastAPI
app, model = FastAPI(), lightgbm.Booster(model_file=sys.argv[2])
@app.post("/predict")
async def predict(rows: list[list[float]]) -> list[list[float]]:
    return model.predict(rows, num_threads=1).tolist()
@app.get("/health")
async def health() -> None: ...
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""
BENTOML = """
import bentoml, lightgbm
@bentoml.service(workers=1)
class Category:
    def __init__(self) -> None:
        self.model = lightgbm.Booster(model_file="model.txt")
    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[list[float]]:
        return self.model.predict(rows, num_threads=1).tolist()
"""


@dataclass
class Server:
    """One that is compared: how it is started ({port} in the command), asked, and what was measured."""

    name: str
    command: tuple[str, ...]
    health: str
    path: str
    body: bytes
    directory: Path = Path()
    variables: dict[str, str] = field(default_factory=dict)
    ready: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    p95: list[float] = field(default_factory=list)
    memory: float = 0.0


@contextmanager
def started(server: Server) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The server on a free port, once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [part.replace("{port}", str(port)) for part in server.command],
        env={
            **os.environ,
            "CRIME_PORT": str(port),
            "MLSERVER_HTTP_PORT": str(port),
            **server.variables,
            "PYTHONDONTWRITEBYTECODE": "",  # all start from bytecode, as in an image
        },
        cwd=server.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{server.health}", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - began > 120:
                    raise RuntimeError(f"{server.name} did not start") from None
                time.sleep(0.005)
        server.ready.append(time.perf_counter() - began)
        yield port, process
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident MB of a process and its children."""
    table = subprocess.run(["ps", "-eo", "pgid=,rss="], capture_output=True, text=True, check=True).stdout
    return sum(int(line.split()[1]) for line in table.splitlines() if int(line.split()[0]) == process.pid) / 1024


@dataclass
class Answered:
    """Good answers a second, and the seconds they took, sorted; refusals count as none."""

    rate: float
    took: list[float]

    def percentile(self, share: float) -> float:
        return self.took[int(share * len(self.took))] * 1000 if self.took else float("nan")


def hammer(port: int, path: str, body: bytes, seconds: float, clients: int = CLIENTS, least: int = 0) -> Answered:
    """Clients that keep their connections ask for so many seconds, and until `least` answers are there."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    took: list[float] = []

    async def client(end: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end or len(took) < least:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(li[15:]) for li in head.lower().split(b"\r\n") if li.startswith(b"content-length:"))
            await reader.readexactly(length)
            if head.startswith(b"HTTP/1.1 200"):
                took.append(time.perf_counter() - began)
            elif not head.startswith(b"HTTP/1.1 503"):
                raise SystemExit(f"{path}: {head.splitlines()[0]!r}")
        writer.close()

    async def all_of_them() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(client(began + seconds) for _ in range(clients)))
        return time.perf_counter() - began

    lasted = uvloop.run(all_of_them())
    return Answered(len(took) / lasted, sorted(took))


def spread(values: list[float], digits: int = 0) -> str:
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def environment(name: str, *packages: str) -> Path:
    """A peer's own environment. Raises `RuntimeError` with the reason where it can't be had."""
    place = (PEERS / name).absolute()
    if not (place / "ready").exists():
        for command in (("venv", "--clear", "--python", "3.11"), ("pip", "install", "--compile-bytecode", "--python")):
            more = (str(place),) if command[0] == "venv" else (str(place / "bin/python"), *packages)
            done = subprocess.run(["uv", *command, *more], capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(done.stderr.strip().splitlines()[-1])
        (place / "ready").touch()
    return place / "bin"


def peers(model: CategoryBundle, place: Path) -> tuple[list[Server], dict[str, str]]:
    """Those that can be had here, and why the others can't."""
    file = place / "model.txt"
    shutil.copy(model.directory / "report.txt", file)
    fields = {name: column[0] for name, column in model.held_out.fields.items()}
    vector = np.nan_to_num(model.vector(fields)[model.columns["report"]]).astype(float).tolist()
    one = json.dumps([vector]).encode()

    def mlflow() -> Server:
        import lightgbm
        import mlflow.lightgbm

        mlflow.lightgbm.save_model(lightgbm.Booster(model_file=str(file)), str(place / "mlflow"))
        command = (sys.executable, "-m", "mlflow", "models", "serve", "-m", str(place / "mlflow"), "--env-manager",
                   "local", "-p", "{port}", "--workers", "1")  # fmt: skip
        return Server("mlflow, ready inputs", command, "/ping", "/invocations", b'{"inputs": %s}' % one)

    def mlflow_champion() -> Server:
        command = (sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{model.name}@champion",
                   "--env-manager", "local", "-p", "{port}", "--workers", "1")  # fmt: skip
        body = json.dumps({"dataframe_records": [EXAMPLE_REPORT]}).encode()
        store = {"MLFLOW_TRACKING_URI": EmbeddedRegistry(Settings().mlruns).tracking_uri}
        return Server("mlflow models serve", command, "/ping", "/invocations", body, variables=store)

    def mlserver() -> Server:
        python = environment("mlserver", "mlserver", "mlserver-lightgbm")
        folder = place / "mlserver"
        folder.mkdir()
        shutil.copy(file, folder / "model.bst")
        (folder / "settings.json").write_text(json.dumps({"parallel_workers": 0, "metrics_endpoint": None}))
        settings = {"name": "m", "implementation": "mlserver_lightgbm.LightGBMModel"}
        (folder / "model-settings.json").write_text(json.dumps(settings | {"parameters": {"uri": "./model.bst"}}))
        tensor = {"name": "x", "shape": [1, len(vector)], "datatype": "FP32", "data": vector}
        return Server("MLServer", (str(python / "mlserver"), "start", "."), "/v2/models/m/ready", "/v2/models/m/infer",
                      json.dumps({"inputs": [tensor]}).encode(), folder)  # fmt: skip

    def bentoml() -> Server:
        python = environment("bentoml", "bentoml", "lightgbm")
        folder = place / "bentoml"
        folder.mkdir()
        shutil.copy(file, folder)
        (folder / "service.py").write_text(BENTOML)
        return Server("BentoML", (str(python / "bentoml"), "serve", "service:Category", "-p", "{port}"), "/readyz",
                      "/predict", b'{"rows": %s}' % one, folder)  # fmt: skip

    def fastapi() -> Server:
        command = (sys.executable, "-c", FASTAPI, "{port}", str(file))
        return Server("FastAPI + Booster.predict", command, "/health", "/predict", one)

    made, missing = [], {}
    for make in (mlflow_champion, mlflow, mlserver, bentoml, fastapi):
        try:
            made.append(make())
        except (RuntimeError, ImportError) as error:
            missing[make.__name__] = str(error)
    return made, missing


def per_second(work: Callable[[], Any], rows: int) -> list[float]:
    """Rows a second, repeated."""
    found = []
    for _ in range(REPEATS):
        began, times = time.perf_counter(), 0
        while times == 0 or time.perf_counter() - began < SECONDS / 3:
            work()
            times += 1
        found.append(rows * times / (time.perf_counter() - began))
    return found


def batches(port: int, model: CategoryBundle) -> dict[str, list[float]]:
    """Rows a second of 10,000 reports, by what carries them, and of LightGBM alone on ready arrays."""
    with sample_table() as path:
        reports = load_reports(path, Tally(), labelled=False)
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            rows = [{name: row[name] for name in EXAMPLE_REPORT if name in row} for row in csv.DictReader(lines)]
    n = len(reports)
    matrix, used = model.matrix(reports.fields, n), detail_levels(reports.fields, n)
    ready = [(model.boosters[level], np.ascontiguousarray(matrix[used == at][:, model.columns[level]]))
             for at, level in enumerate(model.boosters)]  # fmt: skip
    text, stream = io.StringIO(newline=""), io.BytesIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(stream, table.schema) as arrow:
        arrow.write_table(table)
    bodies = {
        "Arrow": (ARROW, stream.getvalue()),
        "JSON": ("application/json", json.dumps(rows).encode()),
        "CSV": ("text/csv", text.getvalue().encode()),
    }

    def send(kind: str, body: bytes) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/predict/batch", body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=120) as response:
            response.read()

    found = {"LightGBM": per_second(lambda: [booster.predict(part) for booster, part in ready], n)}
    return found | {name: per_second(lambda sent=sent: send(*sent), len(rows)) for name, sent in bodies.items()}


def calls(booster: Booster, vector: np.ndarray) -> float:
    """LightGBM's single-row calls a second."""
    return median(per_second(lambda: [booster.predict_one(vector) for _ in range(1_000)], 1_000))


def images() -> dict[str, float]:
    """MB of each image over its base, of those that are built here."""
    base = os.environ.get("BASE_IMAGE", "python:3.13-slim")
    sizes = {}
    for image in (base, "crime-backend:dev", "crime-frontend:dev", "crime-mlflow:dev", "crime-training:dev"):
        found = subprocess.run(["docker", "image", "inspect", "-f", "{{.Size}}", image], capture_output=True, text=True)
        sizes[image] = int(found.stdout) / 1e6 if found.returncode == 0 else None
    first = sizes.pop(base)
    return {image: size - first for image, size in sizes.items() if size and first}


def main() -> None:
    model = load_champion(Settings())
    report = json.dumps(EXAMPLE_REPORT).encode()
    ours = Server("crime backend", (sys.executable, "-m", "crime.serving"), "/ready", "/predict", report)
    limit = Server("parse and answer", (sys.executable, "-c", LIMIT, "{port}"), "/health", "/predict", report)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        store = Path(folder) / "mlruns"  # the same, but what is recorded of these requests goes with it
        store.mkdir()
        (store / DATABASE_FILE).symlink_to(Settings().mlruns.absolute() / DATABASE_FILE)
        ours.variables["CRIME_MLRUNS"] = str(store)
        others, missing = peers(model, Path(folder))
        running: list[tuple[Server, int, subprocess.Popen[bytes]]] = []
        for server in (ours, limit, *others):
            try:
                for _ in range(REPEATS - 1):
                    with started(server):
                        pass
                running.append((server, *stack.enter_context(started(server))))
            except RuntimeError as error:
                missing[server.name] = str(error)
        others = [server for server, _, _ in running if server not in (ours, limit)]
        port, process = running[0][1:]
        before = memory(process)
        for _ in range(REPEATS):  # one after the other, so that a change of the machine meets all
            for server, at, _ in running:
                found = hammer(at, server.path, server.body, SECONDS)
                server.rates.append(found.rate)
                server.p95.append(found.percentile(0.95))
        for server, _, each in running:
            server.memory = memory(each)
        explain = [hammer(port, "/explain", report, SECONDS).rate for _ in range(REPEATS)]
        crowd = [(hammer(port, "/predict", report, SECONDS), hammer(port, "/predict", report, SECONDS, MANY))
                 for _ in range(REPEATS)]  # fmt: skip
        middle = memory(process)
        hammer(port, "/predict", report, 0, least=LASTING)
        after = memory(process)
        rows = batches(port, model)
        at_last = memory(process)
    fields = {name: column[0] for name, column in model.held_out.fields.items()}
    alone = calls(model.boosters["report"], model.vector(fields)[model.columns["report"]])

    def ratio(mine: list[float], theirs: list[float]) -> list[float]:
        return [a / b for a, b in zip(mine, theirs, strict=True)]

    console = Console()
    table = Table("server", "requests/s, 16 clients", "ours in times", "p95, ms", "MB", "ready, s")
    for server in (ours, *others, limit):
        table.add_row(server.name, spread(server.rates), spread(ratio(ours.rates, server.rates), 2),
                      spread(server.p95, 1), f"{server.memory:.0f}", spread(server.ready, 1))  # fmt: skip
    for name, why in missing.items():
        table.add_row(name, f"not here: {why}")
    console.print(table)
    by = {server.name: server for server in others}
    sizes = images() if shutil.which("docker") else {}
    goodput = [many.rate / few.rate for few, many in crowd]
    late = [many.percentile(0.99) / few.percentile(0.99) for few, many in crowd]
    batch = {name: ratio(rates, rows["LightGBM"]) for name, rates in rows.items()}
    figures = {
        "of parse and answer": ratio(ours.rates, limit.rates),
        "LightGBM's single-row calls/s": [alone],
        "predictions in the time of an explanation": ratio(ours.rates, explain),
        f"goodput of {MANY} clients to {CLIENTS}": goodput,
        f"p99 of {MANY} clients to {CLIENTS}": late,
        **{f"{name}, rows/s": rates for name, rates in rows.items()},
        **{f"{name} of LightGBM's rows/s": rates for name, rates in batch.items() if name != "LightGBM"},
        "MB ready": [before],
        f"MB after {LASTING:,} more requests": [after],
        "MB that these requests added": [after - middle],
        "MB after tables": [at_last],
        **{f"{image} over its base, MB": [size] for image, size in sizes.items()},
    }
    table = Table("figure", "median (least to most)")
    for name, values in figures.items():
        table.add_row(name, spread(values, 0 if median(values) >= 100 else 2))
    console.print(table)

    aims: dict[str, bool] = {}

    def aim(words: str, kept: bool) -> None:
        aims[words] = kept
        console.print(f"{'kept  ' if kept else 'MISSED'} {words}", highlight=False)

    aim("ready in 2 s", median(ours.ready) <= 2)
    aim("200 MB when ready", before <= 200)
    for name, times in (("mlflow models serve", 20), ("MLServer", 5)):
        if name in by:
            aim(f"{times} times {name}", median(ratio(ours.rates, by[name].rates)) >= times)
    if others:
        aim("p95 a fifth of the best peer's", median(ours.p95) <= min(median(peer.p95) for peer in others) / 5)
        aim("ready in a third of the quickest peer's time",
            median(ours.ready) <= min(median(peer.ready) for peer in others) / 3)  # fmt: skip
        aim("less memory than the smallest peer", after < min(peer.memory for peer in others))
    aim("65 % of parse and answer", median(figures["of parse and answer"]) >= 0.65)
    aim("memory flat", after - middle <= 5)
    aim("an explanation in 5 predictions' time", median(figures["predictions in the time of an explanation"]) <= 5)
    aim("90 % of the goodput at five times the clients", median(goodput) >= 0.9)
    aim("p99 at five times the clients within five times", median(late) <= 5)
    aim("90 % of LightGBM's rows a second in a batch", max(median(batch[name]) for name in ("Arrow", "JSON")) >= 0.9)
    for image, most in (("crime-backend:dev", 350), ("crime-frontend:dev", 320)):
        if image in sizes:
            aim(f"{image} {most} MB over its base", sizes[image] <= most)
    servers = {server.name: {"requests_per_s": server.rates, "p95_ms": server.p95, "memory_mb": server.memory,
                             "ready_s": server.ready} for server in (ours, limit, *others)}  # fmt: skip
    result = {"servers": servers, "missing": missing, "figures": figures, "aims": aims}
    Path("benchmark.json").write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(not (aims["ready in 2 s"] and aims["200 MB when ready"]))


if __name__ == "__main__":
    main()
