"""How much is taken on: at once, of one client, and in one body. More is refused at once, with 503, 429 or 413."""

import asyncio
import time
from collections import OrderedDict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crime.core.memory import release_free_memory
from crime.serving.metrics import REFUSED
from crime.serving.middleware import PROBE_PATHS

MAX_REQUESTS = 250  # waiting or being answered: some 75 ms of predictions
MAX_BATCHES, MAX_WAITING_BATCHES = (
    2,
    16,
)  # tables being answered, each in a thread and memory of its own, and those that wait
BATCH_PATHS = ("/predict/batch", "/invocations")
MAX_BODY_BYTES = 1 << 20  # bytes of a body that holds no table
MAX_CLIENTS = 10_000  # that are remembered; whoever came longest ago is forgotten


def _refusal(status: int, why: str) -> list[Message]:
    body = b'{"detail":"%s: try again in a second"}' % why.encode()
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"1")]
    headers.append((b"content-length", b"%d" % len(body)))
    start = {"type": "http.response.start", "status": status, "headers": headers}
    return [start, {"type": "http.response.body", "body": body}]


TOO_MANY_REQUESTS, TOO_FAST = (
    _refusal(503, "too many requests at once"),
    _refusal(429, "more requests than one client may make"),
)


class TokenBucket:
    """Lets `rate` calls a second pass, and as many at once (token bucket)."""

    def __init__(self, rate: float):
        self.rate, self.left, self.at = rate, max(1.0, rate), time.monotonic()

    def take(self) -> bool:
        """Whether one more may pass."""
        now = time.monotonic()
        self.left = min(max(1.0, self.rate), self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class AdmissionControl:
    """Outside all else, so that a refusal costs little. `state.requests`: the server's requests, of whatever age."""

    def __init__(self, app: ASGIApp, state: Any):
        self.app, self.state = app, state
        self.batches, self.taken = asyncio.Semaphore(MAX_BATCHES), 0
        self.rate: float = state.settings.rate_limit
        self.clients: OrderedDict[str, TokenBucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBE_PATHS:
            await self.app(scope, receive, send)
        elif self.rate and not self._may(scope):
            await _refuse("client", TOO_FAST, send)
        elif scope["path"] in BATCH_PATHS or scope["path"].endswith("/infer"):
            await self._batch(scope, receive, send)
        elif len(self.state.requests) - self.taken > MAX_REQUESTS:
            await _refuse("requests", TOO_MANY_REQUESTS, send)
        else:
            await self.app(scope, _limit_body(receive), send)

    def _may(self, scope: Scope) -> bool:
        client = (scope["client"] or ("",))[0]
        bucket = self.clients.setdefault(client, TokenBucket(self.rate))
        self.clients.move_to_end(client)
        if len(self.clients) > MAX_CLIENTS:
            self.clients.popitem(last=False)
        return bucket.take()

    async def _batch(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.taken >= MAX_BATCHES + MAX_WAITING_BATCHES:
            await _refuse("batches", TOO_MANY_REQUESTS, send)
            return
        self.taken += 1
        try:
            async with self.batches:
                await self.app(scope, receive, send)
        finally:
            self.taken -= 1
            if not self.taken:
                await run_in_threadpool(release_free_memory)


async def _refuse(what: str, refusal: list[Message], send: Send) -> None:
    REFUSED.labels(what).inc()
    for message in refusal:
        await send(message)


def _limit_body(receive: Receive) -> Receive:
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {MAX_BODY_BYTES:,} bytes")
        return message

    return limited
