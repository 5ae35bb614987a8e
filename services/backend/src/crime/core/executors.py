"""Where the parts of a job run: in this process one after another, or on the workers of a Dask cluster.

A part is small enough for one worker, so that a worker may die: its parts are given to another. (LightGBM's own
distributed training can't lose one.)
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from crime.core.errors import ExecutorError

Task = Callable[..., Any]  # of what all parts share, its own item, and whom to tell the share of it that is done
ReportShare = Callable[[Any, float], None]


class LocalExecutor:
    """This process."""

    workers = 1

    def each(self, part: Task, shared: Any, items: Iterable[Any], told: ReportShare) -> Iterator[Any]:
        """What `part` makes of each item, in their order."""
        for item in items:
            yield part(shared, item, partial(told, item))


class DaskExecutor:
    """The workers of a scheduler, `tcp://HOST:8786`. Raises `ExecutorError` where none answers."""

    def __init__(self, address: str):
        from distributed import Client

        try:
            self._client = Client(address, timeout=30, set_as_default=False)
            self._client.wait_for_workers(1, timeout=60)
        except (OSError, TimeoutError, ValueError) as error:
            raise ExecutorError(f"no Dask workers at {address}: {error}") from error

    @property
    def workers(self) -> int:
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def each(self, part: Task, shared: Any, items: Iterable[Any], told: ReportShare) -> Iterator[Any]:
        """As `Here.each`; parts run side by side and are told of when they are done."""
        held = self._client.submit(_identity, shared, pure=False)  # the scheduler can make it again, as of parts
        futures = [self._client.submit(part, held, item, pure=False) for item in items]
        for item, future in zip(items, futures, strict=True):
            made = future.result()
            told(item, 1.0)
            yield made


Executor = LocalExecutor | DaskExecutor


def _identity(value: Any) -> Any:
    return value


def connect_executor(address: str | None) -> Executor:
    """The Dask cluster at `address`, or this process."""
    return DaskExecutor(address) if address else LocalExecutor()
