"""Where the tasks of a job run: in this process, or on the workers of a Dask cluster.

Each task fits one worker. If a worker dies, its tasks run again on another one (LightGBM's own distributed training
can't lose a worker).
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from crime.core.errors import ExecutorError

CONNECT_SECONDS, WORKER_SECONDS = 30, 60
LARGE_GRAPH_WARNING = "distributed.admin.large-graph-warning-threshold"

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
        *,
        runs: bool = False,
    ) -> Iterator[Result]:
        """Results of `task(shared, item, ...)`, in the order of the items.

        `progress` is called with an item and the share of its task that is done, 0 to 1. `runs`: whether neighbouring
        items have work in common that `shared` keeps, so that each worker is given a run of them.
        """


class LocalExecutor:
    """This process: one task after another, or as many at the same time as it is given threads."""

    def __init__(self, threads: int = 1):
        self.workers = threads

    def map(
        self,
        task: Task[Shared, Item, Result],
        shared: Shared,
        items: Iterable[Item],
        progress: Callable[[Item, float], None] = lambda item, share: None,
        *,
        runs: bool = False,
    ) -> Iterator[Result]:
        def run(item: Item) -> Result:
            return task(shared, item, partial(progress, item))

        if self.workers == 1:
            yield from map(run, items)
        else:
            with ThreadPoolExecutor(self.workers) as pool:
                yield from pool.map(run, items)


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
        *,
        runs: bool = False,
    ) -> Iterator[Result]:
        """As `Executor.map`. Tasks begin at once, at the same time; `progress` is called only when they are done."""
        import dask

        items = list(items)
        size = -(-len(items) // self.workers) if runs else 1
        parts = [items[start : start + size] for start in range(0, len(items), size)]
        # a future, not scattered data: the scheduler can compute it again if the worker that holds it dies
        with dask.config.set({LARGE_GRAPH_WARNING: "1 TB"}):  # large, but sent once
            shared_future = self._client.submit(_identity, shared, pure=False)
        futures = [self._client.submit(_run, task, shared_future, part, pure=False) for part in parts]

        def results() -> Iterator[Result]:
            for part, future in zip(parts, futures, strict=True):
                for item, result in zip(part, future.result(), strict=True):
                    progress(item, 1.0)
                    yield result

        return results()


def _identity(value: Any) -> Any:
    return value


def _run(task: Task[Shared, Item, Result], shared: Shared, items: list[Item]) -> list[Result]:
    """Runs on a worker."""
    return [task(shared, item, _ignore_share) for item in items]


def _ignore_share(share: float) -> None:
    """Progress within a task is not sent back from a worker."""


def connect_executor(address: str | None) -> DaskExecutor | None:
    """The Dask cluster at `address`; None without one: this process then does the work. Raises `ExecutorError`."""
    return DaskExecutor(address) if address else None
