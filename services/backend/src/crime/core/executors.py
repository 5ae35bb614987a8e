"""Where the tasks of a job run: in this process, or on the workers of a Dask cluster.

Each task fits one worker. If a worker dies, its tasks run again on another one (LightGBM's own distributed training
can't lose a worker).
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from crime.core.errors import ExecutorError

CONNECT_SECONDS, WORKER_SECONDS = 30, 60

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

ShareDone = Callable[[float], None]  # called by a task with the share of its work that is done, 0 to 1
Task = Callable[[Shared, Item, ShareDone], Result]


class Executor(Protocol):
    """Runs a task for each of several items, like `concurrent.futures.Executor`."""

    @property
    def workers(self) -> int:
        """How many tasks run at the same time."""

    def map(
        self,
        task: Task[Shared, Item, Result],
        shared: Shared,
        items: Iterable[Item],
        progress: Callable[[Item, float], None] = lambda item, share: None,
    ) -> Iterator[Result]:
        """Results of `task(shared, item, ...)`, in the order of the items.

        `progress` is called with an item and the share of its task that is done, 0 to 1.
        """


class LocalExecutor:
    """This process: one task after another."""

    workers = 1

    def map(
        self,
        task: Task[Shared, Item, Result],
        shared: Shared,
        items: Iterable[Item],
        progress: Callable[[Item, float], None] = lambda item, share: None,
    ) -> Iterator[Result]:
        for item in items:
            yield task(shared, item, partial(progress, item))


class DaskExecutor:
    """The workers of a Dask scheduler at `tcp://HOST:8786`. Raises `ExecutorError` if no worker is there."""

    def __init__(self, address: str):
        from distributed import Client

        try:
            self._client = cast(Any, Client)(address, timeout=CONNECT_SECONDS, set_as_default=False)  # untyped
            self._client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            raise ExecutorError(f"no Dask workers at {address}: {error}") from error

    @property
    def workers(self) -> int:
        return len(self._client.scheduler_info(n_workers=-1)["workers"])

    def map(
        self,
        task: Task[Shared, Item, Result],
        shared: Shared,
        items: Iterable[Item],
        progress: Callable[[Item, float], None] = lambda item, share: None,
    ) -> Iterator[Result]:
        """As `Executor.map`. Tasks run at the same time; `progress` is called only when one is done."""
        items = list(items)
        # a future, not scattered data: the scheduler can compute it again if the worker that holds it dies
        shared_future = self._client.submit(_identity, shared, pure=False)
        futures = [self._client.submit(task, shared_future, item, _ignore_share, pure=False) for item in items]
        for item, future in zip(items, futures, strict=True):
            result: Result = future.result()
            progress(item, 1.0)
            yield result


def _identity(value: Any) -> Any:
    return value


def _ignore_share(share: float) -> None:
    """Progress within a task is not sent back from a worker."""


def connect_executor(address: str | None) -> Executor:
    """The Dask cluster at `address`, or this process if None. Raises `ExecutorError`."""
    return DaskExecutor(address) if address else LocalExecutor()
