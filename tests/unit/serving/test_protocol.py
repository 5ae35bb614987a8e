"""Connections: long heads, requests that are answered early, slow readers, and what stays in memory after a reset."""

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest
import uvicorn
from crime.core import limits
from crime.serving.protocol import BoundedProtocol
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

REQUEST = b"GET / HTTP/1.1\r\nHost: backend\r\n\r\n"


class Client(asyncio.Transport):
    """The client's side of a connection, which reads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.received, self.is_cut_off = b"", False

    def write(self, data: Any) -> None:
        self.received += bytes(data)

    def get_write_buffer_size(self) -> int:
        return len(self.received)

    def is_closing(self) -> bool:
        return self.is_cut_off

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None: ...

    def abort(self) -> None:
        self.is_cut_off = True


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for more in (True, False):
        await send({"type": "http.response.body", "body": b"x", "more_body": more})


def connected() -> tuple[BoundedProtocol, Client]:
    config = uvicorn.Config(answer, log_config=None)
    config.load()
    protocol, client = BoundedProtocol(config, ServerState(), {}), Client()
    protocol.connection_made(client)
    return protocol, client


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_nothing_is_kept_of_a_connection_that_its_client_reset() -> None:
    async def work() -> None:
        protocol, client = connected()
        protocol.data_received(REQUEST)
        await asyncio.sleep(0.01)
        assert client.received.endswith(b"0\r\n\r\n")
        protocol.connection_lost(ConnectionResetError())
        is_kept = weakref.ref(protocol)
        del protocol, client
        await asyncio.sleep(0)
        gc.collect()
        assert is_kept() is None

    run(work())


def test_a_refused_client_that_does_not_read_its_answer_loses_its_connection() -> None:
    async def work() -> None:
        protocol, client = connected()
        protocol.data_received(REQUEST + b"no request\r\n\r\n")
        protocol.pause_writing()
        await asyncio.sleep(0.01)
        is_looked_after = protocol in protocol.connections
        now = protocol.loop.time()
        protocol.look(now + limits.SLOW_SECONDS - 1)
        was_cut_off = client.is_cut_off
        protocol.look(now + limits.SLOW_SECONDS + 1)
        protocol.connection_lost(None)  # in any case, so that the answer ends
        await asyncio.sleep(0.01)
        assert is_looked_after
        assert (was_cut_off, client.is_cut_off, len(protocol.tasks)) == (False, True, 0)

    run(work())


BEFORE = {
    "nothing": b"",
    "a request": REQUEST,
    "a body": b"POST / HTTP/1.1\r\nHost: backend\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
}
HEADS = {
    "long URL": (b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: backend\r\n\r\n", b"414"),
    "URL without an end": (b"GET /" + b"a" * 60_000, b"414"),
    "long line": (b"GET / HTTP/1.1\r\nHost: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
    "line without an end": (b"GET / HTTP/1.1\r\nHost: " + b"a" * 60_000, b"431"),
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("head", HEADS)
def test_a_long_head_is_refused_whatever_came_before_it_in_the_same_data(head: str, before: str) -> None:
    async def work() -> None:
        protocol, client = connected()
        request, status = HEADS[head]
        protocol.data_received(BEFORE[before] + request)
        await asyncio.sleep(0.01)
        is_refused = protocol.is_refused
        protocol.connection_lost(None)
        assert is_refused
        if before == "nothing":
            assert client.received.startswith(b"HTTP/1.1 " + status)
        else:  # the request before is answered, and the connection is closed
            assert client.received.startswith(b"HTTP/1.1 200")
            assert client.received.count(b"HTTP/1.1") == 1

    run(work())


def test_a_request_that_is_answered_before_its_end_leaves_its_connection_to_the_next() -> None:
    async def work() -> None:
        protocol, client = connected()
        request = BEFORE["a body"]
        protocol.data_received(request[:50_000])
        await asyncio.sleep(0.01)
        answered_early = client.received.count(b"HTTP/1.1 200")
        protocol.look(protocol.loop.time() + 0.5)
        protocol.data_received(request[50_000:])
        protocol.look(protocol.loop.time() + 2)
        protocol.data_received(REQUEST)
        await asyncio.sleep(0.01)
        protocol.connection_lost(None)
        assert (answered_early, client.received.count(b"HTTP/1.1 200")) == (1, 2)

    run(work())


def test_a_client_that_sends_on_after_its_answer_is_closed() -> None:
    async def work() -> None:
        protocol, client = connected()
        protocol.data_received(BEFORE["a body"][:50_000])
        await asyncio.sleep(0.01)
        protocol.look(protocol.loop.time() + 2)
        protocol.data_received(BEFORE["a body"][50_000:] + REQUEST)
        await asyncio.sleep(0.01)
        protocol.connection_lost(None)
        assert client.received.count(b"HTTP/1.1 200") == 1

    run(work())
