"""Hostile visitors of the page: endless heads, many connections, many tabs that read nothing, and uploads."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import httpx
import pytest
from hostile.pod import Pod
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

ENDLESS = {
    "a header that never ends": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65536, b"431"),
    "header lines that never end": (b"GET / HTTP/1.1\r\nHost: x\r\n", (b"X-A: " + b"a" * 1_000 + b"\r\n") * 64, b"431"),
    "a URL that never ends": (b"GET /", b"a" * 65536, b"414"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_never_ends_is_cut_off(what: str, page_pod: Pod) -> None:
    start, piece, status = ENDLESS[what]
    with page_pod.attacked(what):
        sent, answer = page_pod.send_on(start, piece, 300 << 20)
    assert answer.startswith(b"HTTP/1.1 " + status), (sent, answer[:100])


def test_idle_and_half_sent_connections(page_pod: Pod) -> None:
    with page_pod.attacked("700 half-sent requests"), page_pod.connections(700, b"GET / HTTP/1.1\r\nHost: x\r\n"):
        for _ in range(20):
            assert httpx.get(f"{page_pod.server.url}/").status_code == 200


def test_many_tabs_that_read_nothing(page_pod: Pod) -> None:
    stream = page_pod.server.url.replace("http", "ws") + "/_stcore/stream"
    with page_pod.attacked("300 tabs that read nothing"), ExitStack() as tabs:
        for _ in range(300):
            with suppress(WebSocketException, OSError):
                tabs.enter_context(connect(stream, subprotocols=[Subprotocol("streamlit")]))


def test_uploads_of_nobody(page_pod: Pod) -> None:
    """An upload needs a session; what comes without one is refused before it is held."""

    def upload(number: int) -> int | str:
        try:
            url = f"{page_pod.server.url}/_stcore/upload_file/session{number}/file{number}"
            return httpx.put(url, files={"file": b"x" * (190 << 20)}, timeout=60).status_code
        except httpx.TransportError as error:
            return type(error).__name__

    with page_pod.attacked("6 uploads of 190 MB without a session"), ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(upload, range(6)))
    assert answers <= {400, 403, 413, 503, "WriteError", "ReadError"}, answers


def test_the_friendly_client_stayed_quick(page_pod: Pod) -> None:
    page_pod.check_speed()
