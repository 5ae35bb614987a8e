"""The backend as a process: it imports little, and ends on a signal only after it has answered everything."""

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
from harness import Backend, wait_until
from reports import SMALLEST_REPORT


def test_nothing_heavy_is_imported_to_serve() -> None:
    code = (
        "import sys, crime.serving.server\n"
        "heavy = 'mlflow', 'pandas', 'sklearn', 'scipy', 'lightgbm', 'pyarrow', 'matplotlib', 'duckdb', 'httpx'\n"
        "heavy += ('opentelemetry.sdk',)\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_sigterm_loses_no_request(start: Callable[..., Backend]) -> None:
    server = start(drain_seconds=6)
    answered: list[httpx.Response] = []
    failed: list[str] = []
    stop, last_connections = threading.Event(), threading.Event()
    unready: list[float] = []

    def send(keep_alive: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if keep_alive else 0)
        with httpx.Client(base_url=server.url, limits=limits) as client:
            while not (stop if keep_alive else last_connections).is_set():
                try:
                    answered.append(client.post("/predict", json=SMALLEST_REPORT).raise_for_status())
                except httpx.ConnectError:
                    return  # the socket is closed: nothing was accepted
                except httpx.HTTPError as error:
                    failed.append(repr(error))

    clients = [threading.Thread(target=send, args=(number % 2 == 0,)) for number in range(8)]
    for client in clients:
        client.start()
    wait_until(lambda: len(answered) > 20)
    server.process.send_signal(signal.SIGTERM)
    signalled = time.perf_counter()
    with httpx.Client(base_url=server.url, limits=httpx.Limits(max_keepalive_connections=0)) as probe:
        while server.process.poll() is None:
            if time.perf_counter() > signalled + 5.5:  # what connects while a socket is being closed may be refused
                last_connections.set()
            try:
                if probe.get("/ready").status_code == 503:
                    unready.append(time.perf_counter() - signalled)
            except httpx.HTTPError:
                break
            time.sleep(0.02)
    stop.set()
    last_connections.set()
    for client in clients:
        client.join()
    assert failed == []
    assert len(answered) > 100
    assert unready[0] < 2  # unready long before the socket closes
    assert unready[-1] > 4
    assert server.process.wait(10) == -signal.SIGTERM  # ended by what it was sent, after all was answered


def test_large_and_small_tables_at_once_are_all_answered(start: Callable[..., Backend]) -> None:
    server = start()
    reports = {size: [SMALLEST_REPORT] * size for size in (1, 20, 200, 1_000)}  # on one thread, and on all
    ended = time.monotonic() + 5

    def send(path: str, body: object) -> int:
        answered = 0
        with httpx.Client(base_url=server.url, timeout=30) as client:
            while time.monotonic() < ended:
                client.post(path, json=body).raise_for_status()
                answered += 1
        return answered

    calls = [("/explain", SMALLEST_REPORT), *(("/predict/batch", rows) for rows in reports.values())] * 2
    with ThreadPoolExecutor(len(calls)) as pool:
        assert all(pool.map(send, *zip(*calls, strict=True)))
    assert server.process.poll() is None


def test_a_connection_made_before_the_signal_is_still_answered(start: Callable[..., Backend]) -> None:
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


def test_a_request_is_logged_with_its_id(start: Callable[..., Backend]) -> None:
    server = start()
    answer = httpx.post(f"{server.url}/predict", json=SMALLEST_REPORT, headers={"X-Request-ID": "from-the-page.1"})
    assert answer.headers["x-request-id"] == "from-the-page.1"
    answer = httpx.post(f"{server.url}/predict", json=SMALLEST_REPORT, headers={"X-Request-ID": "no\tid"})
    generated = answer.headers["x-request-id"]
    assert len(generated) == 32

    def logged() -> list[str]:
        return [line["id"] for line in server.log() if line["event"] == "request"]

    wait_until(lambda: logged() == ["from-the-page.1", generated], 10)  # a line is written after the answer


def test_traces_are_sent_to_the_collector(start: Callable[..., Backend]) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    collector = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    server = start({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "crime-backend"})
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert httpx.post(f"{server.url}/predict", json=SMALLEST_REPORT, headers={"traceparent": parent}).status_code == 200
    wait_until(lambda: bool(received))
    exported = ExportTraceServiceRequest.FromString(received[0]).resource_spans[0]
    assert {a.key: a.value.string_value for a in exported.resource.attributes}["service.name"] == "crime-backend"
    spans = [span for scope in exported.scope_spans for span in scope.spans if span.name == "POST /predict"]
    assert spans[0].trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    collector.shutdown()
    collector.server_close()
