"""Admission control: limits on concurrent requests, on a client's request rate, and on the size of a body.

What exceeds a limit is refused at once, with 503, 429 or 413. Packed bodies are unpacked here, so that limits hold.
"""

import asyncio
import time
from collections import OrderedDict

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crime.core.memory import release_free_memory
from crime.serving.encodings import unpacked_receive
from crime.serving.errors import error_response
from crime.serving.metrics import REFUSED
from crime.serving.middleware import PROBE_PATHS
from crime.serving.state import AppState

MAX_REQUESTS = 250  # open at once, tables aside: about 75 ms of predictions
MAX_BATCHES = 2  # tables answered at a time, each with a thread and memory of its own
MAX_WAITING_BATCHES = 16  # tables that wait for one of those; more are refused
BATCH_PATHS = ("/predict/batch", "/invocations", "/review")
BATCH_ENDINGS = ("/infer", ":predict")  # of the paths of other protocols
MAX_BODY_BYTES = 1 << 20  # of a body that holds no table
MAX_CLIENTS = 10_000  # with a token bucket; of more, the least recently seen loses its bucket


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
    """The outermost middleware, so that a refusal costs little. Probes are never refused."""

    def __init__(self, app: ASGIApp, state: AppState):
        self.app, self.state = app, state
        self.rate_limit = state.settings.rate_limit
        self.buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # by client address, least recently seen first
        self.batch_slots = asyncio.Semaphore(MAX_BATCHES)
        self.admitted_batches = 0  # answered or waiting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBE_PATHS:
            await self.app(scope, receive, send)
        elif self.rate_limit and not self._take_token(scope):
            await _refuse("client", 429, "more requests than one client may make", scope, send)
        elif scope["path"] in BATCH_PATHS or scope["path"].endswith(BATCH_ENDINGS):
            limit = self.state.settings.max_upload_bytes
            await self._answer_batch(scope, _limit_body(unpacked_receive(scope, receive), limit), send)
        elif len(self.state.open_requests) - self.admitted_batches > MAX_REQUESTS:
            await _refuse("requests", 503, "too many requests at once", scope, send)
        else:
            await self.app(scope, _limit_body(unpacked_receive(scope, receive), MAX_BODY_BYTES), send)

    def _take_token(self, scope: Scope) -> bool:
        """Whether the client's rate allows this request."""
        client = (scope["client"] or ("",))[0]
        bucket = self.buckets.setdefault(client, TokenBucket(self.rate_limit))
        self.buckets.move_to_end(client)
        if len(self.buckets) > MAX_CLIENTS:
            self.buckets.popitem(last=False)
        return bucket.take()

    async def _answer_batch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a table once a slot is free; refuse it if too many wait already."""
        if self.admitted_batches >= MAX_BATCHES + MAX_WAITING_BATCHES:
            await _refuse("batches", 503, "too many requests at once", scope, send)
            return
        self.admitted_batches += 1
        try:
            async with self.batch_slots:
                await self.app(scope, receive, send)
        finally:
            self.admitted_batches -= 1
            if not self.admitted_batches:
                await run_in_threadpool(release_free_memory)


async def _refuse(bound: str, status: int, why: str, scope: Scope, send: Send) -> None:
    REFUSED.labels(bound).inc()
    answer = error_response(scope["path"], status, f"{why}: try again in a second", {"Retry-After": "1"})
    await answer(scope, _nothing, send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _limit_body(receive: Receive, limit: int) -> Receive:
    """`receive` that raises 413 once the body is larger than `limit`."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise HTTPException(413, f"the body is larger than {limit:,} bytes")
        return message

    return limited
