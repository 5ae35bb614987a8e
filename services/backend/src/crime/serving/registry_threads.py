"""Threads of requests that ask the registry: their own, so that a slow registry holds none that others need."""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import HTTPException

from crime.core import limits

RETRY_SECONDS = "5"
_THREADS = CapacityLimiter(limits.REGISTRY_REQUESTS)
_asking = 0  # requests that have one of them, or wait for one
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def asks_registry(endpoint: Callable[Arguments, Answer]) -> Callable[Arguments, Awaitable[Answer]]:
    """An endpoint that runs in one of these threads. Raises 503 where too many wait for one already."""

    @wraps(endpoint)
    async def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
        global _asking
        if _asking >= limits.REGISTRY_REQUESTS + limits.REGISTRY_WAITING:
            raise HTTPException(503, "too many requests wait for the registry", {"Retry-After": RETRY_SECONDS})
        _asking += 1
        try:
            return await to_thread.run_sync(partial(endpoint, *arguments, **named), limiter=_THREADS)
        finally:
            _asking -= 1

    return run
