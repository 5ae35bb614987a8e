"""This checkout beside an earlier commit, each in an environment of its own: the same requests and commands in turn."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.commands import run
from benchmarks.peers import ENVIRONMENTS, report_body
from benchmarks.servers import Server, put_load, started
from benchmarks.serving import batch_bodies, sample_rows, scratch_store, send_table

REPEATS = 3  # of commands
ROUNDS = 9  # of requests, which are short: the machine's own spread is larger than 3 %
STARTS = 7
SECONDS = 2.0
COMMANDS = {
    "crime forecast": ("forecast",),
    "crime backtest": ("backtest", "--by", "area", "--every", "day"),
    "crime train": ("train",),
    "crime predict": ("predict", "--output", "{folder}/answers.parquet"),
}

Figures = dict[str, tuple[list[float], list[float]]]  # by what was measured: before, and now


def install(commit: str) -> Path:
    """The commit's files and their locked packages in a folder. Raises `CalledProcessError`."""
    sha = subprocess.run(["git", "rev-parse", commit], capture_output=True, text=True, check=True).stdout.strip()
    folder = (ENVIRONMENTS / f"before-{sha[:12]}").absolute()
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        files = subprocess.run(["git", "archive", sha], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder)], input=files, check=True)
        variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        subprocess.run(["uv", "sync", "-q", "--frozen", "--compile-bytecode"], cwd=folder, env=variables, check=True)
        (folder / "ready").touch()
    return folder


def turns(repeats: int) -> Iterator[int]:
    """The sides (0 before, 1 now) in the order in which they are measured: each goes first every second time."""
    for repeat in range(repeats):
        yield from (0, 1) if repeat % 2 else (1, 0)


def in_turn(name: str, measures: tuple[Callable[[], float], Callable[[], float]], repeats: int, into: Figures) -> None:
    """Measure both sides, `repeats` times."""
    figures = into.setdefault(name, ([], []))
    for side in turns(repeats):
        figures[side].append(measures[side]())


def requests(roots: tuple[Path, Path], folder: Path) -> Figures:
    """Milliseconds of each request, and from start to ready. Both serve this checkout's champion."""
    figures: Figures = {}
    servers = []
    for side, root in enumerate(roots):
        store = folder / str(side)
        store.mkdir()
        python = str(root / ".venv/bin/python")
        variables = {"CRIME_MLRUNS": str(scratch_store(store)), "CRIME_RECORD_SHARE": "0"}
        command = (python, "-m", "crime.serving")
        servers.append(Server(str(side), command, "/ready", "/predict", report_body(), root, variables))

    def start(server: Server) -> float:
        with started(server):
            return server.ready[-1] * 1000

    for server in servers:
        start(server)  # reads the files once
    in_turn("start to ready", _both(start, servers), STARTS, figures)
    with ExitStack() as stack:
        ports = [stack.enter_context(started(server))[0] for server in servers]
        single = _both(lambda port: 1000 / put_load(port, "/predict", report_body(), SECONDS).rate, ports)
        in_turn("POST /predict, 16 clients", single, ROUNDS, figures)
        for name, (kind, body) in batch_bodies(sample_rows()).items():

            def send(port: int, kind: str = kind, body: bytes = body) -> float:
                begin = time.perf_counter()
                send_table(port, kind, body)
                return (time.perf_counter() - begin) * 1000

            for port in ports:
                send(port)
            in_turn(f"{name}, the sample's reports", _both(send, ports), 2 * ROUNDS, figures)
    return figures


def commands(roots: tuple[Path, Path], folder: Path, chosen: tuple[str, ...]) -> Figures:
    """Seconds, and MB at most, of whole commands on the embedded sample."""
    figures: Figures = {}
    for name in chosen:
        seconds: tuple[list[float], list[float]] = ([], [])
        memory: tuple[list[float], list[float]] = ([], [])
        for side in turns(REPEATS):
            taken = _run(roots[side], COMMANDS[name], folder / f"{side}")
            seconds[side].append(taken[0])
            memory[side].append(taken[1])
        figures |= {f"{name}, s": seconds, f"{name}, MB": memory}
    return figures


def _both(measure: Callable[..., float], arguments: Sequence[Any]) -> tuple[Callable[[], float], Callable[[], float]]:
    old, new = arguments
    return lambda: measure(old), lambda: measure(new)


def _run(root: Path, command: tuple[str, ...], store: Path) -> tuple[float, float]:
    """Seconds and peak MB of a command with a model store of its own; `crime predict` gets a champion first."""
    store.mkdir(exist_ok=True)
    program, mlruns = str(root / ".venv/bin/crime"), store / "mlruns"
    if command[0] == "predict" and not mlruns.exists():
        run([program, "train"], mlruns, root)
    return run([program, *(part.replace("{folder}", str(store)) for part in command)], mlruns, root)


def main() -> None:
    commit, *chosen = sys.argv[1:]
    roots = (install(commit), Path.cwd())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = commands(roots, folder, tuple(chosen)) if chosen else requests(roots, folder)
    table = Table("what", f"{commit}: median (least to most)", "now", "now in times of before")
    for what, (old, new) in figures.items():
        table.add_row(what, _spread(old), _spread(new), f"{median(new) / median(old):.2f}")
    Console().print(table)
    Path("benchmark-before.json").write_text(json.dumps(figures, indent=1) + "\n")


def _spread(values: list[float]) -> str:
    return f"{median(values):,.1f} ({min(values):,.1f} to {max(values):,.1f})"


if __name__ == "__main__":
    main()
