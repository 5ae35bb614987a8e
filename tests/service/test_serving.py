"""The backend as a process: quick to start, small, and never in the middle of an answer when it goes."""

import gzip
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from harness import LEAST, Backend


def test_nothing_heavy_is_imported_to_serve() -> None:
    code = (
        "import sys, crime.serving.server\n"
        "heavy = 'mlflow', 'pandas', 'sklearn', 'scipy', 'lightgbm', 'pyarrow', 'matplotlib', 'duckdb', 'httpx'\n"
        "heavy += ('opentelemetry.sdk',)\n"
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


def test_large_and_small_tables_at_once_are_all_answered(start: Callable[..., Backend]) -> None:
    server = start()
    reports = {size: [LEAST] * size for size in (1, 20, 200, 1_000)}  # on one thread, and on all
    ended = time.monotonic() + 5

    def ask(path: str, body: object) -> int:
        asked = 0
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while time.monotonic() < ended:
                client.post(path, json=body).raise_for_status()
                asked += 1
        return asked

    calls = [("/explain", LEAST), *(("/predict/batch", rows) for rows in reports.values())] * 2
    with ThreadPoolExecutor(len(calls)) as pool:
        assert all(pool.map(ask, *zip(*calls, strict=True)))
    assert server.process.poll() is None


def test_who_connected_before_the_end_may_still_ask(start: Callable[..., Backend]) -> None:
    server = start(drain_seconds=0.2)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        server.process.send_signal(signal.SIGTERM)
        while True:  # until the socket is closed
            try:
                socket.create_connection((host, int(port))).close()
            except OSError:
                break
            time.sleep(0.02)
        time.sleep(0.6)
        slow.sendall(b"GET /health HTTP/1.1\r\nHost: crime\r\n\r\n")
        assert slow.recv(1024).startswith(b"HTTP/1.1 200 OK\r\n")
    assert server.process.wait(10) == -signal.SIGTERM


def test_a_request_is_found_again_by_its_id(start: Callable[..., Backend]) -> None:
    server = start()
    answer = httpx.post(f"{server.url}/predict", json=LEAST, headers={"X-Request-ID": "from-the-page.1"})
    assert answer.headers["x-request-id"] == "from-the-page.1"
    given = httpx.post(f"{server.url}/predict", json=LEAST, headers={"X-Request-ID": "no\tid"}).headers["x-request-id"]
    assert len(given) == 32
    until = time.monotonic() + 5  # a line is written when the answer is gone
    while [line["id"] for line in server.log() if line["event"] == "request"] != ["from-the-page.1", given]:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_traces_go_to_a_collector_that_is_named(start: Callable[..., Backend]) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    came: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    server = start({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "crime-backend"})
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert httpx.post(f"{server.url}/predict", json=LEAST, headers={"traceparent": parent}).status_code == 200
    until = time.monotonic() + 10
    while not came:
        assert time.monotonic() < until
        time.sleep(0.05)
    found = ExportTraceServiceRequest.FromString(came[0]).resource_spans[0]
    assert {a.key: a.value.string_value for a in found.resource.attributes}["service.name"] == "crime-backend"
    spans = [span for scope in found.scope_spans for span in scope.spans if span.name == "POST /predict"]
    assert spans[0].trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    collector.shutdown()
    collector.server_close()


def test_limits_are_said(start: Callable[..., Backend]) -> None:
    server = start(max_batch=2, max_upload_bytes=1_000)
    assert httpx.post(f"{server.url}/predict/batch", json=[LEAST] * 3).status_code == 413
    big = httpx.post(f"{server.url}/predict/batch", content=b"x" * 2_000, headers={"content-type": "text/csv"})
    assert big.status_code == 413
