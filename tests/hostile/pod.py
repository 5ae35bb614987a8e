"""A backend under a pod's memory limit, and a friendly client that is asked for beside every attack."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import yaml
from harness import Backend
from page_alone import PageAlone

ROOT = Path(__file__).parents[2]
TIMES_USUAL = 5  # how much slower its slowest hundredth may become under attack
CONTROL_GROUPS = (
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)
ATTACK_SECONDS = 10.0  # at least: 500 requests of the friendly client
LEAST_P99 = 5.0  # milliseconds, below which scheduling of the machine is all that is measured


def pod_memory(component: str) -> int:
    """The memory limit of a pod in bytes, as the chart sets it."""
    values = yaml.safe_load((ROOT / "charts/crime-prediction/values.yaml").read_text())
    text = values[component]["resources"]["limits"]["memory"]
    return int(text[:-2]) << {"Mi": 20, "Gi": 30}[text[-2:]]


class MemoryLimit:
    """A control group with a pod's memory limit; none where this machine lets us make none."""

    def __init__(self, size: int):
        self.folder = self._make(size)

    @staticmethod
    def _make(size: int) -> Path | None:
        for parent, name in CONTROL_GROUPS:
            folder = parent / f"crime-hostile-{token_hex(4)}"
            with suppress(OSError):
                folder.mkdir()
                try:
                    (folder / name).write_text(str(size))
                    return folder
                except OSError:
                    folder.rmdir()
        return None

    def hold(self, process: int) -> None:
        if self.folder:
            (self.folder / "cgroup.procs").write_text(str(process))

    def remove(self) -> None:
        if self.folder:
            self.folder.rmdir()


@dataclass
class Pod:
    """A backend or a page under its memory limit, which a friendly client asks by POST /predict, or for a `page`.

    `headers`: of that client's requests. `usual_p99`: of that client without an attack, in milliseconds.
    """

    server: Backend | PageAlone
    limit: int
    page: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    usual_p99: float = 0.0
    lines: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)  # of the friendly client's answers under all attacks

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.server.url.removeprefix("http://").split(":")
        return host, int(port)

    @property
    def backend(self) -> Backend:
        assert isinstance(self.server, Backend)
        return self.server

    def send_on(self, start: bytes, piece: bytes, size: int) -> tuple[int, bytes]:
        """Send a piece again and again until the connection is closed, or `size` bytes; how many, and the answer."""
        with socket.create_connection(self.address, timeout=30) as client:
            sent, answer = 0, b""
            with suppress(OSError):
                client.sendall(start)
                while sent < size:
                    client.sendall(piece)
                    sent += len(piece)
            with suppress(OSError):
                while part := client.recv(65536):
                    answer += part
        return sent, answer

    @contextmanager
    def connections(self, count: int, start: bytes) -> Iterator[list[socket.socket]]:
        """So many connections that have sent `start`."""
        with ExitStack() as opened:
            clients = [opened.enter_context(socket.create_connection(self.address, timeout=30)) for _ in range(count)]
            for client in clients:
                with suppress(OSError):
                    client.sendall(start)
            yield clients

    def peak_memory(self) -> int:
        """The most memory that the process held since `forget_peak`, in bytes."""
        lines = Path(f"/proc/{self.server.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10

    def forget_peak(self) -> None:
        Path(f"/proc/{self.server.process.pid}/clear_refs").write_text("5")

    @contextmanager
    def friendly(self) -> Iterator[dict[str, Any]]:
        """Let the friendly client ask meanwhile; what it has seen is in the dictionary at the end."""
        script = Path(__file__).with_name("friendly.py")
        client = subprocess.Popen(
            [sys.executable, str(script), self.server.url, self.page, json.dumps(self.headers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
            text=True,
        )
        assert client.stdout is not None
        assert client.stdout.readline() == "ready\n"
        seen: dict[str, Any] = {}
        try:
            yield seen
        finally:
            seen |= json.loads(client.communicate()[0].splitlines()[-1])

    @contextmanager
    def attacked(self, what: str) -> Iterator[None]:
        """An attack: the friendly client loses nothing, and the process stays within its memory."""
        self.forget_peak()
        before = self.peak_memory()
        with self.friendly() as seen:
            start = time.monotonic()
            yield
            time.sleep(max(0.0, ATTACK_SECONDS - (time.monotonic() - start)))
        peak = self.peak_memory()
        took = sorted(seen["milliseconds"])
        self.milliseconds += took
        line = f"{what}: {before >> 20} -> {peak >> 20} MiB, p99 {p99(took):.1f} ms of {len(took)}"
        print(line)
        self.lines.append(line)
        assert self.server.process.poll() is None, "the process died"
        assert seen["failures"] == []
        assert peak < self.limit

    def check_speed(self) -> None:
        """Under all attacks together the friendly client was as quick as it has to be."""
        under_attack = p99(sorted(self.milliseconds))
        print(f"usual p99 {self.usual_p99:.1f} ms, under attack {under_attack:.1f} ms of {len(self.milliseconds)}")
        assert under_attack < TIMES_USUAL * max(self.usual_p99, LEAST_P99)


def p99(sorted_values: list[float]) -> float:
    return sorted_values[int(len(sorted_values) * 0.99)]
