"""One page process and many sessions that use it: how long a rerun takes, what a session costs, what is sent."""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import httpx
from rich.console import Console
from rich.table import Table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

SESSIONS, SECONDS, PAUSE = 50, 60, 15.0  # between two clicks of one session, on average
FRONTEND = Path("services/frontend")
AREAS = ("Hollywood (6)", "Central (1)", "Pacific (14)", "Van Nuys (9)")


def page_of(rng: random.Random) -> tuple[str, str]:
    """A page's name and what stands in the address bar."""
    name = rng.choice(["", "", "", "forecast", "explore", "model", "models", "monitoring"])
    report = {"date": f"2023-0{rng.randint(1, 9)}-15", "time": f"{rng.randint(0, 23):02}:30", "area": rng.choice(AREAS)}
    return name, urlencode(report if not name else {})


async def rerun(connection: object, page: str, query: str) -> tuple[float, int]:
    """Seconds until the script has finished, and bytes of the largest message."""
    ask = BackMsg()
    ask.rerun_script.page_name, ask.rerun_script.query_string = page, query
    began, largest = time.perf_counter(), 0
    await connection.send(ask.SerializeToString())  # type: ignore[attr-defined]
    while True:
        content = await connection.recv()  # type: ignore[attr-defined]
        largest = max(largest, len(content))
        if ForwardMsg.FromString(content).WhichOneof("type") == "script_finished":
            return time.perf_counter() - began, largest


async def session(url: str, seed: int, until: float, found: list[tuple[str, float, int]]) -> None:
    rng = random.Random(seed)
    protocols = [Subprotocol("streamlit")]
    async with connect(f"{url}/_stcore/stream", subprotocols=protocols, max_size=None, open_timeout=60) as connection:
        await rerun(connection, *page_of(rng))  # whoever comes: not a rerun yet
        while time.monotonic() < until:
            await asyncio.sleep(rng.expovariate(1 / PAUSE))
            page, query = page_of(rng)
            found.append((page or "predict", *await rerun(connection, page, query)))


def memory(process: subprocess.Popen[bytes]) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def started(command: list[str], health: str, place: Path = Path(), **variables: str) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | variables, stdout=quiet, stderr=quiet, cwd=place)
    for _ in range(600):
        try:
            httpx.get(health).raise_for_status()
            return process
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing at {health}")


def free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


async def measure(url: str, page: subprocess.Popen[bytes]) -> tuple[list[tuple[str, float, int]], float]:
    found: list[tuple[str, float, int]] = []
    await session(url, 0, 0, found)
    before = memory(page)
    until = time.monotonic() + SECONDS
    await asyncio.gather(*(session(url, seed, until, found) for seed in range(1, SESSIONS + 1)))
    return found, (memory(page) - before) / SESSIONS


def main() -> None:
    one, two = free(), free()
    backend = started([sys.executable, "-m", "crime.serving"], f"http://127.0.0.1:{one}/ready", CRIME_PORT=str(one))
    app = [sys.executable, "-m", "streamlit", "run", "src/crime_ui/app.py"]
    options = {"BACKEND_URL": f"http://127.0.0.1:{one}", "STREAMLIT_SERVER_PORT": str(two)}
    page = started(app, f"http://127.0.0.1:{two}/_stcore/health", FRONTEND, **options)
    try:
        found, each = asyncio.run(measure(f"ws://127.0.0.1:{two}", page))
    finally:
        page.kill()
        backend.kill()
    times = sorted(seconds for _, seconds, _ in found)
    figures = {
        "reruns": len(times),
        "median_s": median(times),
        "p95_s": times[int(0.95 * len(times))],
        "mb_a_session": each,
        "largest_message_kb": max(size for _, _, size in found) / 1e3,
    }
    table = Table("figure", f"{SESSIONS} sessions, {SECONDS} s")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3g}")
    Console().print(table)
    Path("benchmark-page.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
