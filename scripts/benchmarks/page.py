"""One page process with many sessions: how long a rerun takes, what a session costs, how much is sent."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import httpx
from rich.console import Console
from rich.table import Table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.servers import free_port

SESSIONS, SECONDS = 50, 60
PAUSE_SECONDS = 15.0  # between two clicks of one session, on average
FRONTEND = Path("services/frontend")
AREAS = ("Hollywood (6)", "Central (1)", "Pacific (14)", "Van Nuys (9)")
PAGES = ("", "predict", "predict", "predict", "forecast", "explore", "model", "models", "monitoring")  # "": this week


@dataclass(frozen=True)
class Rerun:
    """Seconds until the script has finished, and bytes of the largest message."""

    seconds: float
    largest_message: int


def random_page(rng: random.Random) -> tuple[str, str]:
    """A page's name and query string."""
    name = rng.choice(PAGES)
    report = {"date": f"2023-0{rng.randint(1, 9)}-15", "time": f"{rng.randint(0, 23):02}:30", "area": rng.choice(AREAS)}
    return name, urlencode(report if name == "predict" else {})


async def run_page(connection: ClientConnection, page: str, query: str) -> Rerun:
    """Send a page as a browser does, and wait until its script has finished."""
    message = BackMsg()
    message.rerun_script.page_name, message.rerun_script.query_string = page, query
    start, largest = time.perf_counter(), 0
    await connection.send(message.SerializeToString())
    while True:
        content = await connection.recv(decode=False)
        largest = max(largest, len(content))
        if ForwardMsg.FromString(content).WhichOneof("type") == "script_finished":
            return Rerun(time.perf_counter() - start, largest)


async def session(url: str, seed: int, until: float, reruns: list[Rerun]) -> None:
    """One browser session that opens random pages `until` a monotonic time, and appends to `reruns`."""
    rng = random.Random(seed)
    protocols = [Subprotocol("streamlit")]
    async with connect(f"{url}/_stcore/stream", subprotocols=protocols, max_size=None, open_timeout=60) as connection:
        await run_page(connection, *random_page(rng))  # the first visit does not count
        while time.monotonic() < until:
            await asyncio.sleep(rng.expovariate(1 / PAUSE_SECONDS))
            reruns.append(await run_page(connection, *random_page(rng)))


def resident_megabytes(process: subprocess.Popen[bytes]) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def start_server(command: list[str], health: str, folder: Path = Path(), **variables: str) -> subprocess.Popen[bytes]:
    """Start a server and wait until it is healthy. Raises `RuntimeError`."""
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | variables, stdout=quiet, stderr=quiet, cwd=folder)
    for _ in range(600):
        try:
            httpx.get(health).raise_for_status()
            return process
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing answers at {health}")


async def measure(url: str, page: subprocess.Popen[bytes]) -> tuple[list[Rerun], float]:
    """All reruns, and the MB that each session added."""
    reruns: list[Rerun] = []
    await session(url, 0, 0, reruns)
    before = resident_megabytes(page)
    until = time.monotonic() + SECONDS
    await asyncio.gather(*(session(url, seed, until, reruns) for seed in range(1, SESSIONS + 1)))
    return reruns, (resident_megabytes(page) - before) / SESSIONS


def main() -> None:
    backend_port, page_port = free_port(), free_port()
    backend_url, page_url = f"http://127.0.0.1:{backend_port}", f"http://127.0.0.1:{page_port}"
    serve = [sys.executable, "-m", "crime.serving"]
    backend = start_server(serve, f"{backend_url}/ready", CRIME_PORT=str(backend_port))
    command = [sys.executable, "-m", "streamlit", "run", "src/crime_ui/server.py"]
    variables = {"BACKEND_URL": backend_url, "STREAMLIT_SERVER_PORT": str(page_port)}
    page = start_server(command, f"{page_url}/_stcore/health", FRONTEND, **variables)
    try:
        reruns, session_megabytes = asyncio.run(measure(page_url.replace("http", "ws"), page))
    finally:
        page.kill()
        backend.kill()
    seconds = sorted(rerun.seconds for rerun in reruns)
    figures = {
        "reruns": len(seconds),
        "median_s": median(seconds),
        "p95_s": seconds[int(0.95 * len(seconds))],
        "mb_a_session": session_megabytes,
        "largest_message_kb": max(rerun.largest_message for rerun in reruns) / 1e3,
    }
    table = Table("figure", f"{SESSIONS} sessions, {SECONDS} s")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3g}")
    Console().print(table)
    Path("benchmark-page.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
