"""Figures as ratios, each measured beside its peer or limit in the same run, repeated, with the spread.

The peer is `mlflow models serve` on the same champion; the limit a FastAPI route that only parses and answers.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

CLIENTS = 16
QUICK = "--quick" in sys.argv
SECONDS, REPEATS = (1.0, 3) if QUICK else (3.0, 5)
REPORT = {
    "DATE OCC": "01/15/2023",
    "TIME OCC": 1430,
    "AREA": 6,
    "Premis Cd": 101,
    "Weapon Used Cd": 400,
    "Mocodes": "0344",
}
LIMIT = """
import sys, uvicorn
from fastapi import FastAPI
from crime.serving.report import Report
app = FastAPI()
@app.post("/predict")
async def predict(report: Report) -> dict[str, str]:
    return {"status": "ok"}
@app.get("/health")
async def health() -> None: ...
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""


@contextmanager
def server(*command: str, health: str, **variables: str) -> Iterator[tuple[int, float, subprocess.Popen[bytes]]]:
    """A process on a free port ({port} in `command`), the seconds until `health` answered, and the process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [part.replace("{port}", str(port)) for part in command],
        env={**os.environ, "CRIME_PORT": str(port), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{health}", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - began > 120:
                    raise SystemExit(f"did not start: {' '.join(command)}") from None
                time.sleep(0.005)
        yield port, time.perf_counter() - began, process
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def memory(process: subprocess.Popen[bytes]) -> float:
    """Resident MB of a process and its children."""
    table = subprocess.run(["ps", "-eo", "pgid=,rss="], capture_output=True, text=True, check=True).stdout
    return sum(int(line.split()[1]) for line in table.splitlines() if int(line.split()[0]) == process.pid) / 1024


async def hammer(port: int, path: str, body: bytes, seconds: float) -> tuple[float, float]:
    """Requests a second of 16 clients that keep their connections, and the 95th percentile in ms."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"{path}: {head.splitlines()[0]!r}")
            length = next(int(li[15:]) for li in head.lower().split(b"\r\n") if li.startswith(b"content-length:"))
            await reader.readexactly(length)
            took.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return len(took) / (time.perf_counter() - began), sorted(took)[int(0.95 * len(took))] * 1000


def spread(values: list[float], digits: int = 0) -> str:
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def main() -> None:
    python = sys.executable
    ours = (python, "-m", "crime.serving")
    one = json.dumps(REPORT).encode()
    asked = json.dumps({"dataframe_records": [REPORT]}).encode()
    figures: dict[str, Any] = {}
    rows: list[tuple[str, str, str]] = []

    ready, floor = [], []
    for _ in range(REPEATS):
        with server(*ours, health="/ready") as (_, seconds, process):
            ready.append(seconds)
            idle = memory(process)
        with server(python, "-c", LIMIT, "{port}", health="/health") as (_, seconds, _process):
            floor.append(seconds)
    mlflow = (python, "-m", "mlflow", "models", "serve", "-m", "models:/crime-category@champion",
              "--env-manager", "local", "-p", "{port}", "--workers", "1")  # fmt: skip
    store = f"sqlite:///{Path('mlruns/mlflow.db').absolute()}"
    mine: list[float] = []
    limit: list[float] = []
    theirs: list[float] = []
    slow: list[float] = []
    slow_theirs: list[float] = []
    with (
        server(*ours, health="/ready") as (port, _, process),
        server(python, "-c", LIMIT, "{port}", health="/health") as (bare, _, _limit),
        server(*mlflow, health="/ping", MLFLOW_TRACKING_URI=store) as (peer, peer_ready, peer_process),
    ):
        for _ in range(REPEATS):
            rate, p95 = asyncio.run(hammer(port, "/predict", one, SECONDS))
            mine.append(rate)
            slow.append(p95)
            limit.append(asyncio.run(hammer(bare, "/predict", one, SECONDS))[0])
            rate, p95 = asyncio.run(hammer(peer, "/invocations", asked, SECONDS))
            theirs.append(rate)
            slow_theirs.append(p95)
        after, peer_memory = memory(process), memory(peer_process)
    to_peer = [a / b for a, b in zip(mine, theirs, strict=True)]
    to_limit = [a / b for a, b in zip(mine, limit, strict=True)]
    rows += [
        ("ready after start, s", spread(ready, 2), f"bare FastAPI {median(floor):.2f}, mlflow {peer_ready:.1f}"),
        (
            "memory ready, MB",
            f"{idle:.0f}",
            f"after {sum(mine) * SECONDS:,.0f} requests {after:.0f}, mlflow {peer_memory:.0f}",
        ),
        (
            f"requests/s, {CLIENTS} clients",
            spread(mine),
            f"mlflow {median(theirs):,.0f}, parse and answer {median(limit):,.0f}",
        ),
        ("times mlflow models serve", spread(to_peer, 1), ""),
        ("share of parse and answer", spread(to_limit, 2), ""),
        ("p95, ms", spread(slow, 1), f"mlflow {median(slow_theirs):.0f}"),
    ]
    figures |= {
        "ready_s": ready, "bare_ready_s": floor, "mlflow_ready_s": peer_ready,
        "memory_mb": idle, "memory_after_mb": after, "mlflow_memory_mb": peer_memory,
        "requests_per_s": mine, "mlflow_requests_per_s": theirs, "limit_requests_per_s": limit,
        "p95_ms": slow, "mlflow_p95_ms": slow_theirs,
    }  # fmt: skip
    budgets = {"ready in 2 s": median(ready) <= 2, "200 MB when ready": idle <= 200}
    if shutil.which("docker"):
        base = os.environ.get("BASE_IMAGE", "python:3.13-slim")
        sizes = {}
        for image in (base, "crime-backend:dev", "crime-frontend:dev"):
            found = subprocess.run(
                ["docker", "image", "inspect", "-f", "{{.Size}}", image], capture_output=True, text=True
            )
            sizes[image] = int(found.stdout) / 1e6 if found.returncode == 0 else None
        for image, most in (("crime-backend:dev", 350), ("crime-frontend:dev", 320)):
            if sizes[base] is not None and sizes[image] is not None:
                over = sizes[image] - sizes[base]
                rows.append((f"{image} over its base, MB", f"{over:.0f}", f"aim {most}"))
                figures[f"{image}_mb"] = over
                budgets[f"{image} {most} MB over its base"] = over <= most
    table = Table("figure", "median (least to most)", "beside it")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    for budget, kept in budgets.items():
        print(f"{'kept  ' if kept else 'MISSED'} {budget}")
    Path("benchmark.json").write_text(json.dumps(figures | {"budgets": budgets}, indent=1) + "\n")
    sys.exit(not all(budgets.values()))


if __name__ == "__main__":
    main()
