"""Results come in the order of the items, whether tasks run in this process or on Dask workers."""

from threading import Barrier
from typing import Any

import pytest
from crime.core.errors import ExecutorError
from crime.core.executors import DaskExecutor, LocalExecutor, ShareDone, connect_executor


def add(shared: int, item: int, share_done: ShareDone) -> int:
    share_done(0.5)
    return shared + item


def length(shared: bytes, item: int, share_done: ShareDone) -> int:
    return len(shared) + item


class Keeper:
    """Keeps the items that were computed; other processes get it empty."""

    def __init__(self) -> None:
        self.kept: list[int] = []

    def __reduce__(self) -> tuple[type["Keeper"], tuple[()]]:
        return Keeper, ()


def keep(keeper: Keeper, item: int, share_done: ShareDone) -> set[int]:
    keeper.kept.append(item)
    return set(keeper.kept)


def test_results_come_in_order_and_progress_names_the_item() -> None:
    shares: list[tuple[int, float]] = []
    executor = LocalExecutor()
    assert list(executor.map(add, 10, [3, 1, 2], lambda item, share: shares.append((item, share)))) == [13, 11, 12]
    assert shares == [(3, 0.5), (1, 0.5), (2, 0.5)]
    assert executor.workers == 1


def test_threads_run_tasks_at_the_same_time() -> None:
    meet = Barrier(2, timeout=60)

    def wait_for_the_other(shared: int, item: int, share_done: ShareDone) -> int:
        meet.wait()
        return shared + item

    assert list(LocalExecutor(2).map(wait_for_the_other, 10, [3, 1, 2, 0])) == [13, 11, 12, 10]


def test_without_an_address_there_is_no_cluster() -> None:
    assert connect_executor(None) is None


def test_an_address_without_a_scheduler_is_an_executor_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.core.executors.CONNECT_SECONDS", 1)
    with pytest.raises(ExecutorError, match="no Dask workers"):
        DaskExecutor("tcp://127.0.0.1:1")


def test_dask_workers_give_the_same_results() -> None:
    from distributed import LocalCluster

    shares: list[tuple[int, float]] = []
    local_cluster: Any = LocalCluster  # untyped
    with local_cluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        executor = DaskExecutor(cluster.scheduler_address)
        assert executor.workers == 2
        results = executor.map(add, 10, [3, 1, 2], lambda item, share: shares.append((item, share)))
        assert list(results) == [13, 11, 12]
        assert list(executor.map(length, bytes(20_000_000), [1])) == [20_000_001]  # without a warning
    assert shares == [(3, 1.0), (1, 1.0), (2, 1.0)]
