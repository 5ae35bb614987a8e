"""The backend as a process: quick to start, small, and never in the middle of an answer when it goes."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from harness import LEAST, Backend


def test_nothing_heavy_is_imported_to_serve() -> None:
    code = (
        "import sys, crime.serving\n"
        "heavy = 'mlflow', 'pandas', 'sklearn', 'scipy', 'lightgbm', 'pyarrow', 'matplotlib', 'duckdb', 'httpx'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_sigterm_loses_no_request(start: Callable[..., Backend]) -> None:
    server = start(drain_seconds=1.5)
    answered, failed, stop = [], [], threading.Event()
    unready: list[float] = []

    def ask(keep_alive: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if keep_alive else 0)
        with httpx.Client(base_url=server.url, limits=limits) as client:
            while not stop.is_set():
                try:
                    answered.append(client.post("/predict", json=LEAST).raise_for_status())
                except httpx.ConnectError:
                    return  # the socket is closed: nothing was accepted
                except httpx.HTTPError as error:
                    failed.append(repr(error))

    clients = [threading.Thread(target=ask, args=(at % 2 == 0,)) for at in range(8)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    server.process.send_signal(signal.SIGTERM)
    told = time.perf_counter()
    while server.process.poll() is None:
        try:
            if httpx.get(f"{server.url}/ready").status_code == 503:
                unready.append(time.perf_counter() - told)
        except httpx.HTTPError:
            break
        time.sleep(0.02)
    stop.set()
    for client in clients:
        client.join()
    assert failed == []
    assert len(answered) > 100
    assert unready[0] < 0.5  # unready long before the socket closes
    assert unready[-1] > 1
    assert server.process.wait(10) == -signal.SIGTERM  # ended by what it was sent, after all was answered


def test_without_a_model_it_lives_and_says_what_to_do(start: Callable[..., Backend], tmp_path: Path) -> None:
    server = start(mlruns=tmp_path)
    assert httpx.get(f"{server.url}/health").status_code == 200
    ready = httpx.get(f"{server.url}/ready")
    assert ready.status_code == 503
    assert "crime train" in ready.json()["why"]
    answer = httpx.post(f"{server.url}/predict", json=LEAST)
    assert answer.status_code == 503
    assert "crime train" in answer.json()["detail"]


def test_limits_are_said(start: Callable[..., Backend]) -> None:
    server = start(max_batch=2, max_upload_bytes=1_000)
    assert httpx.post(f"{server.url}/predict/batch", json=[LEAST] * 3).status_code == 413
    big = httpx.post(f"{server.url}/predict/batch", content=b"x" * 2_000, headers={"content-type": "text/csv"})
    assert big.status_code == 413
