"""Hostile connections: heads and bodies without end, and clients that send or read slowly, or never."""

import gzip
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from crime.core import limits
from harness import wait_until
from hostile.pod import Pod
from reports import SMALLEST_REPORT

LINE = b"X-A: " + b"a" * 1_000 + b"\r\n"
TABLE = b"DATE OCC,TIME OCC,AREA\n" + b"01/15/2023,1430,1\n" * 2_000
HEAD = b"POST /predict HTTP/1.1\r\nHost: crime\r\nContent-Type: application/json\r\n"
UPLOAD = b"POST /predict/batch HTTP/1.1\r\nHost: crime\r\nContent-Type: text/csv\r\nContent-Length: "


ENDLESS = {
    "a header that never ends": (b"GET / HTTP/1.1\r\nX-A: ", b"a" * 65536, b"431"),
    "header lines that never end": (b"GET / HTTP/1.1\r\n", LINE * 64, b"431"),
    "many short header lines": (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 10_000, b"431"),
    "a URL that never ends": (b"GET /", b"a" * 65536, b"414"),
    "a header after a body that never ends": (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-A: ",
        b"a" * 65536,
        b"4",
    ),
    "a body that never ends": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
        b"10000\r\n" + b"x" * 65536 + b"\r\n",
        b"413",
    ),
    "blank lines that never end": (b"", b"\r\n" * 32768, b"4"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_cut_off(what: str, pod: Pod) -> None:
    start, piece, status = ENDLESS[what]
    with pod.attacked(what):
        sent, answer = pod.send_on(start, piece, 300 << 20)
    assert answer.startswith(b"HTTP/1.1 " + status), (sent, answer[:100])
    assert b"x-frame-options: DENY" in answer


def test_a_url_of_50_mb_is_414(pod: Pod) -> None:
    with pod.attacked("a URL of 50 MB"):
        _, answer = pod.send_on(b"GET /" + b"a" * (50 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"", 0)
    assert answer.startswith(b"HTTP/1.1 414")


def upload(pod: Pod) -> int:
    kind = {"Content-Type": "text/csv"}
    return httpx.post(f"{pod.backend.url}/predict/batch", content=TABLE, headers=kind, timeout=30).status_code


def test_uploads_that_wait_hold_no_place(pod: Pod) -> None:
    with pod.attacked("60 uploads that send a part and wait"):
        part = UPLOAD + b"100000000\r\n\r\n" + TABLE
        with pod.connections(60, part):
            assert [upload(pod) for _ in range(3)] == [200] * 3


def test_half_sent_predictions_hold_no_place(pod: Pod) -> None:
    half = HEAD + b"Content-Length: 32000\r\n\r\n{" + b" " * 31_000
    with pod.attacked("900 half-sent predictions"), pod.connections(900, half):
        for _ in range(50):
            assert pod.backend.http.post("/predict", json=SMALLEST_REPORT).status_code == 200


def test_slow_bodies_and_heads_lose_their_connections(pod: Pod) -> None:
    drips = {b"GET /": limits.HEAD_SECONDS, HEAD + b"Content-Length: 30000\r\n\r\n{": limits.SLOW_SECONDS}
    for start, seconds in drips.items():
        with pod.attacked(f"one byte a second for {seconds:g} s"), pod.connections(1, start) as (client,):
            client.settimeout(1)
            answer, begun = b"", time.monotonic()
            while not answer and time.monotonic() - begun < seconds + 10:
                with suppress(TimeoutError):
                    answer = client.recv(1000)
                if not answer:
                    client.send(b" " if b"{" in start else b"T")
        assert answer.startswith(b"HTTP/1.1 408"), answer


def test_clients_that_do_not_read_their_answers_hold_no_place(pod: Pod) -> None:
    table = TABLE * 20
    whole = UPLOAD + str(len(table)).encode() + b"\r\n\r\n" + table
    with pod.attacked("10 clients that never read their tables"), pod.connections(10, whole):
        assert [upload(pod) for _ in range(3)] == [200] * 3


def test_more_connections_than_a_process_takes(pod: Pod) -> None:
    count = limits.CONNECTIONS + 500
    with pod.attacked(f"{count} idle connections"), pod.connections(count, b""):
        for _ in range(20):
            assert pod.backend.http.post("/predict", json=SMALLEST_REPORT).status_code == 200


def test_a_flood_of_pipelined_requests(pod: Pod) -> None:
    with pod.attacked("20 connections with endless pipelined requests"), ThreadPoolExecutor(20) as pool:
        flood = [
            pool.submit(pod.send_on, b"", b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 5_000, 40 << 20)
            for _ in range(20)
        ]
        assert all(b"HTTP/1.1 200" in answer for _, answer in (one.result() for one in flood))


def test_an_upload_is_413_when_it_passes_the_limit(pod: Pod) -> None:
    start = (
        b"POST /predict/batch HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="f.csv"\r\n\r\n' + TABLE
    chunk = b"%x\r\n" % len(head) + head + b"\r\n"
    row = b"01/15/2023,1430,1\n" * 5_000
    with pod.attacked("a chunked upload without a length, twice the limit"):
        sent, answer = pod.send_on(start + chunk, b"%x\r\n" % len(row) + row + b"\r\n", 2 * limits.UPLOAD_BYTES)
    assert answer.startswith(b"HTTP/1.1 413"), (sent, answer[:200])


def test_clients_that_hang_up_are_counted_apart(pod: Pod) -> None:
    before = len(pod.backend.log())
    with pod.attacked("50 clients that hang up"):
        with pod.connections(50, HEAD + b"Content-Length: 1000\r\n\r\n{"):
            time.sleep(0.5)
        wait_until(lambda: 'status="499"} 50' in pod.backend.metrics() or _hung_up(pod, before) >= 50)
    assert 'status="500"' not in pod.backend.metrics()
    pod.backend.output.seek(0)
    assert b"Traceback" not in pod.backend.output.read()


def _hung_up(pod: Pod, first: int) -> int:
    return sum(line.get("status") == 499 for line in pod.backend.log()[first:])


def test_drift_is_measured_once_for_all_who_ask(pod: Pod) -> None:
    table = TABLE * 5
    httpx.post(f"{pod.backend.url}/predict/batch", content=table, headers={"Content-Type": "text/csv"}, timeout=60)
    with pod.attacked("40 times /drift"), ThreadPoolExecutor(40) as pool:
        asked = [pool.submit(pod.backend.http.get, "/drift") for _ in range(40)]
        assert {one.result().status_code for one in asked} == {200}


def test_a_packed_body_without_end(pod: Pod) -> None:
    bomb = gzip.compress(b" " * (1 << 30), 1)
    with pod.attacked("a gzip body of 1 GB"):
        for path, kind in (("/predict", "application/json"), ("/predict/batch", "text/csv")):
            headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
            answer = httpx.post(f"{pod.backend.url}{path}", content=bomb, headers=headers, timeout=60)
            assert answer.status_code == 413


def test_the_friendly_client_stayed_quick(pod: Pod) -> None:
    pod.check_speed()
