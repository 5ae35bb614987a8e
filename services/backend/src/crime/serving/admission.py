"""Admission control: limits on concurrent requests, on a client's request rate, and on the size of a body.

What exceeds a limit is refused at once, with 503, 429 or 413. Packed bodies are unpacked here, so that limits hold.
A body is here as a whole before its request counts or takes a table's place: a slow client holds nothing that others
need. For the same reason answers to tables wait on disk for their client. A small list is answered as one report is.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, closing
from time import perf_counter
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crime.core import limits
from crime.core.memory import release_free_memory
from crime.serving.bodies import media_type
from crime.serving.encodings import unpacked_receive
from crime.serving.errors import error_response
from crime.serving.metrics import REFUSED
from crime.serving.middleware import BEGAN, PROBE_PATHS
from crime.serving.payloads.open_inference import HEADER_LENGTH
from crime.serving.protocol import CONNECTION
from crime.serving.spool import AT_ONCE, TABLE_BODY, Spool, SpooledAnswer, SpoolFile
from crime.serving.state import AppState

TABLE_PATHS = ("/predict/batch", "/invocations", "/review")
TABLE_ENDINGS = ("/infer", ":predict")  # of the paths of other protocols
RELEASE_SECONDS = 1.0  # after the last table
READ_BY_BLOCK = ("text/csv", "application/vnd.apache.arrow.stream", "multipart/form-data")  # by `/predict/batch`


class TokenBucket:
    """Allows `rate` requests a second on average, and bursts of as many requests (at least one)."""

    def __init__(self, rate: float):
        self.rate = rate
        self.capacity = max(1.0, rate)
        self.tokens = self.capacity
        self.filled_at = time.monotonic()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = time.monotonic()
        self.tokens = min(self.capacity, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class AdmissionControl:
    """Middleware outside of all that a request costs. Probes are never refused."""

    def __init__(self, app: ASGIApp, state: AppState):
        self.app, self.state = app, state
        self.rate_limit = state.settings.rate_limit
        self.buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # by client address, least recently seen first
        self.spool = Spool()
        self.table_places = asyncio.Semaphore(limits.TABLES)
        self.list_turn = asyncio.Lock()  # of those that take all places, which they gather one by one
        self.tables = 0  # answered, or whole and waiting
        self.releasing: asyncio.Task[None] | None = None
        self.whole_tables = 0  # those, and the ones whose answer waits for its client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBE_PATHS:
            await self.app(scope, receive, send)
            return
        try:
            if self.rate_limit and not self._take_token(scope):
                raise _refusal("client", 429, "more requests than one client may make: try again in a second")
            if scope["path"] in TABLE_PATHS or scope["path"].endswith(TABLE_ENDINGS):
                await self._answer_table(scope, receive, send)
            else:
                await self._answer(scope, receive, send)
        except HTTPException as error:
            answer = error_response(scope["path"], error.status_code, error.detail, error.headers)
            await answer(scope, receive, send)

    def _take_token(self, scope: Scope) -> bool:
        """Whether the client's rate allows this request."""
        client = (scope["client"] or ("",))[0]
        bucket = self.buckets.setdefault(client, TokenBucket(self.rate_limit))
        self.buckets.move_to_end(client)
        if len(self.buckets) > limits.RATED_CLIENTS:
            self.buckets.popitem(last=False)
        return bucket.take()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that holds no table, unless too many are open."""
        parts: list[bytes] = []
        if not await _read_body(scope, receive, parts.append, limits.BODY_BYTES):
            return
        whole: Message | None = {"type": "http.request", "body": b"".join(parts), "more_body": False}

        async def receive_whole() -> Message:
            nonlocal whole
            if whole is None:
                return await receive()
            message, whole = whole, None
            return message

        await self._answer_whole(scope, receive_whole, send)

    async def _answer_whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that needs no table's place. `receive` has its whole body."""
        if self.state.open_requests.count - self.whole_tables > limits.REQUESTS:
            raise _refusal("requests", 503, "too many requests at once: try again in a second")
        scope[BEGAN] = perf_counter()
        await self.app(scope, receive, send)

    async def _answer_table(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a table once it is here as a whole and there is a place; refuse it if too many wait already.

        It is not answered if its client hangs up while it waits. A small list needs no place.
        """
        is_list = _is_list(scope)
        if not is_list or _told_length(scope) > limits.SMALL_LIST_BYTES:
            self._check_places()
        refuse = scope.get("extensions", {}).get(CONNECTION, {}).get("refuse")

        def drop() -> None:
            if refuse:
                refuse("slow", 408, "too slow while others wait: try again in a second")

        with closing(SpoolFile(self.spool, drop)) as body:
            if not await _read_body(scope, receive, body.append, self.state.settings.max_upload_bytes):
                return
            body.waits_for_client = False
            scope[TABLE_BODY] = body
            if is_list and await _is_small(body):
                scope[AT_ONCE] = True
                await self._answer_whole(scope, body.receive(receive), send)
                return
            self._check_places()
            self.whole_tables += 1
            try:
                with closing(SpoolFile(self.spool, drop)) as answer:
                    await self._answer_whole_table(scope, receive, body, SpooledAnswer(answer, send))
            finally:
                self.whole_tables -= 1

    def _check_places(self) -> None:
        if self.tables >= limits.TABLES + limits.WAITING_TABLES:
            raise _refusal("batches", 503, "too many requests at once: try again in a second")

    async def _answer_whole_table(self, scope: Scope, receive: Receive, body: SpoolFile, answer: SpooledAnswer) -> None:
        self.tables += 1
        forwarding = asyncio.create_task(answer.forward())
        try:
            async with AsyncExitStack() as places:
                if await self._has_places(scope, receive, places):
                    scope[BEGAN] = perf_counter()
                    await self.app(scope, body.receive(receive), answer.write)
            answer.end()
        except BaseException:
            forwarding.cancel()
            raise
        finally:
            self.tables -= 1
            if not self.tables and (self.releasing is None or self.releasing.done()):
                self.releasing = asyncio.create_task(self._release_memory())
        answer.file.waits_for_client = True
        await forwarding

    async def _release_memory(self) -> None:
        """Give freed memory back to the system a while after the last table.

        At once would be too early: the next table asks for the same memory again, which takes a tenth of its time.
        """
        await asyncio.sleep(RELEASE_SECONDS)
        if not self.tables:
            await run_in_threadpool(release_free_memory)

    async def _has_places(self, scope: Scope, receive: Receive, places: AsyncExitStack) -> bool:
        """Take the places of a table, once they are free; False if its client hangs up before."""
        by_block = _is_read_by_block(scope)
        taking = self._take_places(by_block, places)
        if self.tables == 1 or (by_block and not self.table_places.locked()):
            await taking
            return True
        return await _is_there_until(taking, receive)

    async def _take_places(self, by_block: bool, places: AsyncExitStack) -> None:
        wanted = 1
        if not by_block:
            await places.enter_async_context(self.list_turn)
            wanted = limits.TABLES
        for _ in range(wanted):
            await places.enter_async_context(self.table_places)


async def _is_there_until(wait: Coroutine[Any, Any, None], receive: Receive) -> bool:
    """Wait, but no longer than the client is there: `receive` tells when it hangs up, once its request was read."""
    waiting, hang_up = asyncio.create_task(wait), asyncio.ensure_future(receive())
    try:
        await asyncio.wait((waiting, hang_up), return_when=asyncio.FIRST_COMPLETED)
        return not hang_up.done()
    finally:
        waiting.cancel()
        hang_up.cancel()
        await asyncio.gather(waiting, hang_up, return_exceptions=True)


def _refusal(bound: str, status: int, why: str) -> HTTPException:
    REFUSED.labels(bound).inc()
    return HTTPException(status, why, {"Retry-After": "1"})


def _is_read_by_block(scope: Scope) -> bool:
    """Whether a table is read a block at a time, so that it takes little memory."""
    return scope["path"] == "/predict/batch" and media_type(Request(scope)) in READ_BY_BLOCK


def _is_list(scope: Scope) -> bool:
    """Whether a body is predicted as a whole, and has a comma or a line end between any two of its reports."""
    request = Request(scope)
    if scope["path"] == "/predict/batch":
        return media_type(request) == "application/json"
    # tensors as bytes after the JSON have no commas
    return scope["path"] != "/review" and HEADER_LENGTH not in request.headers


async def _is_small(body: SpoolFile) -> bool:
    """Whether a list is short enough to be answered in the event loop."""
    if body.size > limits.SMALL_LIST_BYTES:
        return False
    content = await body.read(0)
    return sum(map(content.count, (b",", b"\n", b"\r"))) < limits.SMALL_LIST_MARKS


def _told_length(scope: Scope) -> int:
    """The request's Content-Length; 0 without one."""
    told: bytes = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told) if told.isdigit() and len(told) < 20 else 0


async def _read_body(
    scope: Scope, receive: Receive, write: Callable[[bytes], Awaitable[None] | None], limit: int
) -> bool:
    """Read a whole body out of its Content-Encoding. Returns False if the client hung up before its end.

    Raises 413 as soon as the body is larger than `limit`, packed or unpacked, whatever length it tells; 400 and 415
    for its encoding.
    """
    is_packed = any(name == b"content-encoding" for name, _ in scope["headers"])
    size = _told_length(scope)
    is_whole, sent, read = False, 0, 0

    async def receive_counted() -> Message:
        nonlocal sent
        message = await receive()
        sent += len(message.get("body", b""))
        return message

    receive_unpacked = unpacked_receive(scope, receive_counted) if is_packed else receive
    while not is_whole:
        if max(size, sent, read) > limit:
            REFUSED.labels("body").inc()
            raise HTTPException(413, f"the body is larger than {limit:,} bytes")
        message = await receive_unpacked()
        if message["type"] != "http.request":
            return False
        piece = message.get("body", b"")
        read += len(piece)
        if read <= limit and piece:
            written = write(piece)
            if written is not None:
                await written
        is_whole = not message.get("more_body", False) and max(sent, read) <= limit
    return True
