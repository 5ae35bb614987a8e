"""The page: a first visit by a cold browser, and how soon a changed filter is answered while twenty analysts work."""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import httpx
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.servers import free_port

SESSIONS, SECONDS = 20, 60
PAUSE_SECONDS = 5.0  # between two changes of one session, on average
VISITS = 5
FRONTEND = Path("services/frontend")
AREAS = ("Hollywood", "Central", "Pacific", "Van Nuys", "Olympic", "Harbor")
VIEWS = ("", "", "forecast", "explore")  # "": this week


@dataclass
class Run:
    """Seconds until the script has finished, bytes of the largest message, ids of select boxes by key."""

    seconds: float = 0.0
    largest_message: int = 0
    boxes: dict[str, str] = field(default_factory=dict)


async def run_view(connection: ClientConnection, message: BackMsg) -> Run:
    """Send a rerun as a browser does, and wait until its script has finished."""
    start, run = time.perf_counter(), Run()
    await connection.send(message.SerializeToString())
    while True:
        content = await connection.recv(decode=False)
        run.largest_message = max(run.largest_message, len(content))
        answer = ForwardMsg.FromString(content)
        if answer.WhichOneof("type") == "script_finished":
            run.seconds = time.perf_counter() - start
            return run
        if answer.WhichOneof("type") == "delta" and answer.delta.new_element.WhichOneof("type") == "selectbox":
            identifier = answer.delta.new_element.selectbox.id
            run.boxes[identifier.rsplit("-", 1)[-1]] = identifier


async def session(url: str, seed: int, until: float, runs: list[Run]) -> None:
    """One browser session that changes the area of a view `until` a monotonic time, and appends to `runs`."""
    rng = random.Random(seed)
    protocols = [Subprotocol("streamlit")]
    async with connect(f"{url}/_stcore/stream", subprotocols=protocols, max_size=None, open_timeout=60) as connection:
        visit = BackMsg()
        visit.rerun_script.page_name = VIEWS[seed % len(VIEWS)]
        boxes = (await run_view(connection, visit)).boxes
        while time.monotonic() < until:
            await asyncio.sleep(rng.expovariate(1 / PAUSE_SECONDS))
            change = BackMsg()
            change.rerun_script.page_name = VIEWS[seed % len(VIEWS)]
            change.rerun_script.widget_states.widgets.add(id=boxes["area"], string_value=rng.choice(AREAS))
            runs.append(await run_view(connection, change))


@dataclass(frozen=True)
class Visit:
    """Seconds until the first chart is drawn, and MB that came over the wire."""

    seconds: float
    megabytes: float


def visit_cold(browser: Browser, url: str) -> Visit:
    """A first visit of the first page, with an empty cache."""
    page = browser.new_context(viewport={"width": 1360, "height": 1200}).new_page()
    received: list[float] = []
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    start = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=60_000)
    seconds = time.perf_counter() - start
    page.context.close()
    return Visit(seconds, sum(received) / 1e6)


def visits(url: str) -> list[Visit]:
    """First visits, each with a browser of its own: its code cache is cold, too."""
    found = []
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        for _ in range(VISITS):
            browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox"])
            found.append(visit_cold(browser, url))
            browser.close()
    return found


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


async def measure(url: str, page: subprocess.Popen[bytes]) -> tuple[list[Run], float]:
    """All changes of filters, and the MB that each session added."""
    runs: list[Run] = []
    await session(url, 0, 0, runs)
    before = resident_megabytes(page)
    until = time.monotonic() + SECONDS
    await asyncio.gather(*(session(url, seed, until, runs) for seed in range(1, SESSIONS + 1)))
    return runs, (resident_megabytes(page) - before) / SESSIONS


def main() -> None:
    backend_port, page_port = free_port(), free_port()
    backend_url, page_url = f"http://127.0.0.1:{backend_port}", f"http://127.0.0.1:{page_port}"
    serve = [sys.executable, "-m", "crime.serving"]
    backend = start_server(serve, f"{backend_url}/ready", CRIME_PORT=str(backend_port))
    command = [sys.executable, "-m", "streamlit", "run", "src/crime_ui/server.py"]
    variables = {"BACKEND_URL": backend_url, "STREAMLIT_SERVER_PORT": str(page_port)}
    page = start_server(command, f"{page_url}/_stcore/health", FRONTEND, **variables)
    try:
        first = visits(page_url)
        runs, session_megabytes = asyncio.run(measure(page_url.replace("http", "ws"), page))
    finally:
        page.kill()
        backend.kill()
    seconds = sorted(run.seconds for run in runs)
    figures = {
        "first_visit_s": median(visit.seconds for visit in first),
        "first_visit_slowest_s": max(visit.seconds for visit in first),
        "first_visit_mb": median(visit.megabytes for visit in first),
        "changed_filters": len(seconds),
        "median_s": median(seconds),
        "p95_s": seconds[int(0.95 * len(seconds))],
        "mb_a_session": session_megabytes,
        "largest_message_kb": max(run.largest_message for run in runs) / 1e3,
    }
    table = Table("figure", f"{VISITS} first visits; {SESSIONS} sessions, {SECONDS} s")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3g}")
    Console().print(table)
    Path("benchmark-page.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
