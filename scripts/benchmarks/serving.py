"""The backend compared with its peers and limits in one run: repeated ratios and their spread."""

import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
from crime.classifier.booster import Booster
from crime.classifier.bundle import CategoryBundle
from crime.core.settings import Settings
from crime.features.detail_levels import detail_levels
from crime.registry.embedded import DATABASE_FILE
from crime.registry.lookup import load_champion
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.serving.formats.arrow import ARROW_TYPE
from crime.serving.payloads.report import EXAMPLE_REPORT

from benchmarks import serving_report
from benchmarks.peers import backend, find_peers, parse_only, report_body, report_tensors
from benchmarks.servers import Load, Server, put_load, resident_megabytes, started

MANY_CLIENTS = 80
QUICK = "--quick" in sys.argv
SECONDS, REPEATS, LASTING_REQUESTS = (1.0, 3, 10_000) if QUICK else (3.0, 5, 100_000)
IMAGES = ("crime-backend:dev", "crime-frontend:dev", "crime-mlflow:dev", "crime-training:dev")


@dataclass
class Measurements:
    """Everything measured in one run. Memory in MB; `rows` and `single_row` are rows a second."""

    ours: Server
    limit: Server
    peers: list[Server]
    missing: dict[str, str]
    v2_rates: list[float] = field(default_factory=list)  # of the backend, sent the report by MLServer's protocol
    explain_rates: list[float] = field(default_factory=list)
    crowd: list[tuple[Load, Load]] = field(default_factory=list)  # with the usual clients, and with many
    memory_ready: float = 0.0
    memory_before_lasting: float = 0.0
    memory_after_lasting: float = 0.0
    memory_after_tables: float = 0.0
    rows: dict[str, list[float]] = field(default_factory=dict)
    single_row: float = 0.0
    image_sizes: dict[str, float] = field(default_factory=dict)


def measure(model: CategoryBundle) -> Measurements:
    """Start all servers and measure them in turn, so that a change of the machine's speed affects all of them."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        peers, missing = find_peers(model, folder)
        result = Measurements(backend(), parse_only(), [], missing)
        result.ours.variables["CRIME_MLRUNS"] = str(scratch_store(folder))
        running: list[tuple[Server, int, subprocess.Popen[bytes]]] = []
        for server in (result.ours, result.limit, *peers):
            try:
                for _ in range(REPEATS - 1):
                    with started(server):
                        pass
                running.append((server, *stack.enter_context(started(server))))
            except RuntimeError as error:
                missing[server.name] = str(error)
        result.peers = [server for server, _, _ in running if server not in (result.ours, result.limit)]
        _, port, process = running[0]
        result.memory_ready = resident_megabytes(process)
        for _ in range(REPEATS):
            for server, server_port, _ in running:
                load = put_load(server_port, server.path, server.body, SECONDS)
                server.rates.append(load.rate)
                server.p95.append(load.percentile(0.95))
            by_v2 = put_load(port, f"/v2/models/{model.name}/infer", report_tensors(), SECONDS)
            result.v2_rates.append(by_v2.rate)
        for server, _, server_process in running:
            server.memory = resident_megabytes(server_process)
        _measure_backend(result, port, process, model)
    fields = {name: column[0] for name, column in model.held_out.fields.items()}
    vector = model.vector(fields)[model.columns["report"]]
    result.single_row = _single_row_rate(model.boosters["report"], vector)
    result.image_sizes = _image_sizes() if shutil.which("docker") else {}
    return result


def scratch_store(folder: Path) -> Path:
    """The same models in a scratch store, so that recorded predictions disappear with it."""
    store = folder / "mlruns"
    store.mkdir()
    (store / DATABASE_FILE).symlink_to(Settings().mlruns.absolute() / DATABASE_FILE)
    return store


def _measure_backend(result: Measurements, port: int, process: subprocess.Popen[bytes], model: CategoryBundle) -> None:
    """Measure the backend alone: explanations, many clients, lasting load, tables."""
    report = report_body()
    result.explain_rates = [put_load(port, "/explain", report, SECONDS).rate for _ in range(REPEATS)]
    result.crowd = [
        (
            put_load(port, "/predict", report, SECONDS),
            put_load(port, "/predict", report, SECONDS, MANY_CLIENTS),
        )
        for _ in range(REPEATS)
    ]
    result.memory_before_lasting = resident_megabytes(process)
    put_load(port, "/predict", report, 0, min_answers=LASTING_REQUESTS)
    result.memory_after_lasting = resident_megabytes(process)
    result.rows = _batch_rates(port, model)
    result.memory_after_tables = resident_megabytes(process)


def _rates(work: Callable[[], Any], rows: int) -> list[float]:
    """Rows a second of `work`, which handles `rows`, measured `REPEATS` times."""
    rates = []
    for _ in range(REPEATS):
        start, repeats = time.perf_counter(), 0
        while repeats == 0 or time.perf_counter() - start < SECONDS / 3:
            work()
            repeats += 1
        rates.append(rows * repeats / (time.perf_counter() - start))
    return rates


def _batch_rates(port: int, model: CategoryBundle) -> dict[str, list[float]]:
    """Rows a second of the sample's reports by format, and of LightGBM alone on ready arrays."""
    with sample_table() as path:
        reports = load_reports(path, Tally(), labelled=False)
    rows = sample_rows()
    count = len(reports)
    matrix, level_index = model.matrix(reports.fields, count), detail_levels(reports.fields, count)
    ready = [
        (lightgbm.Booster(model_file=model.directory / f"{level}.txt"), matrix[level_index == index][:, columns])
        for index, (level, columns) in enumerate(model.columns.items())
        if (level_index == index).any()
    ]

    rates = {"LightGBM": _rates(lambda: [booster.predict(inputs) for booster, inputs in ready], count)}
    for name, (content_type, body) in batch_bodies(rows).items():
        rates[name] = _rates(lambda kind=content_type, body=body: send_table(port, kind, body), len(rows))  # type: ignore[misc]
    return rates


def sample_rows() -> list[dict[str, str]]:
    """The embedded reports, with the fields that a report may have."""
    with sample_table() as path, gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        return [{name: row[name] for name in EXAMPLE_REPORT if name in row} for row in csv.DictReader(lines)]


def send_table(port: int, content_type: str, body: bytes) -> None:
    url = f"http://127.0.0.1:{port}/predict/batch"
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    with urllib.request.urlopen(request, timeout=120) as response:
        response.read()


def batch_bodies(rows: list[dict[str, str]]) -> dict[str, tuple[str, bytes]]:
    """Content type and body of a table, by format."""
    text, stream = io.StringIO(newline=""), io.BytesIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    table = pa.Table.from_pylist(rows)
    with pa.ipc.new_stream(stream, table.schema) as arrow:
        arrow.write_table(table)
    return {
        "Arrow": (ARROW_TYPE, stream.getvalue()),
        "JSON": ("application/json", json.dumps(rows).encode()),
        "CSV": ("text/csv", text.getvalue().encode()),
    }


def _single_row_rate(booster: Booster, vector: np.ndarray) -> float:
    """LightGBM's single-row calls a second."""
    return median(_rates(lambda: [booster.predict_one(vector) for _ in range(1_000)], 1_000))


def _image_sizes() -> dict[str, float]:
    """MB of each built image beyond its base image."""
    base = _image_megabytes(os.environ.get("BASE_IMAGE", "python:3.13-slim"))
    sizes = {image: _image_megabytes(image) for image in IMAGES}
    return {image: size - base for image, size in sizes.items() if size and base}


def _image_megabytes(image: str) -> float | None:
    result = subprocess.run(["docker", "image", "inspect", "-f", "{{.Size}}", image], capture_output=True, text=True)
    return int(result.stdout) / 1e6 if result.returncode == 0 else None


def main() -> None:
    report = serving_report.ServingReport(measure(load_champion(Settings())), LASTING_REQUESTS, MANY_CLIENTS)
    report.print()
    report.write(Path("benchmark.json"))
    sys.exit(not report.acceptable)


if __name__ == "__main__":
    main()
