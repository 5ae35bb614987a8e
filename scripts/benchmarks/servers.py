"""Servers under test: starting them, their memory, and clients that put load on them."""

import asyncio
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

CLIENTS = 16
START_SECONDS = 120  # after which a server counts as not started


@dataclass
class Server:
    """A server: the command to start it (with `{port}`), the request to send, and its measurements.

    `ready`: seconds from start to ready; `rates`: requests a second; `p95`: milliseconds; `memory`: MB.
    """

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


@dataclass(frozen=True)
class Load:
    """`rate`: successful answers a second, without refusals; `seconds`: their latencies, ascending."""

    rate: float
    seconds: list[float]

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that a share (0 to 1) of the answers did not exceed."""
        return self.seconds[int(share * len(self.seconds))] * 1000 if self.seconds else float("nan")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def started(server: Server) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Start the server on a free port, wait until it is ready, kill it at the end. Raises `RuntimeError`."""
    port = free_port()
    start = time.perf_counter()
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
        while not _answers(f"http://127.0.0.1:{port}{server.health}"):
            if process.poll() is not None or time.perf_counter() - start > START_SECONDS:
                raise RuntimeError(f"{server.name} did not start")
            time.sleep(0.005)
        server.ready.append(time.perf_counter() - start)
        yield port, process
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
        return True
    except OSError:
        return False


def resident_megabytes(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of a process group."""
    table = subprocess.run(["ps", "-eo", "pgid=,rss="], capture_output=True, text=True, check=True).stdout
    return sum(int(line.split()[1]) for line in table.splitlines() if int(line.split()[0]) == process.pid) / 1024


def put_load(port: int, path: str, body: bytes, seconds: float, clients: int = CLIENTS, min_answers: int = 0) -> Load:
    """Clients on keep-alive connections send `body` for `seconds`, or longer until there are `min_answers`."""
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    latencies: list[float] = []

    async def client(end: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (start := time.perf_counter()) < end or len(latencies) < min_answers:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            await reader.readexactly(next(int(line[15:]) for line in lines if line.startswith(b"content-length:")))
            if head.startswith(b"HTTP/1.1 200"):
                latencies.append(time.perf_counter() - start)
            elif not head.startswith(b"HTTP/1.1 503"):
                raise SystemExit(f"{path}: {head.splitlines()[0]!r}")
        writer.close()

    async def all_clients() -> float:
        start = time.perf_counter()
        await asyncio.gather(*(client(start + seconds) for _ in range(clients)))
        return time.perf_counter() - start

    elapsed = uvloop.run(all_clients())
    return Load(len(latencies) / elapsed, sorted(latencies))
