"""Tasks run in this process, in the order of their items."""

import pytest
from crime.core.errors import ExecutorError
from crime.core.executors import DaskExecutor, LocalExecutor, ShareDone, connect_executor


def add(shared: int, item: int, share_done: ShareDone) -> int:
    share_done(0.5)
    return shared + item


def test_results_come_in_order_and_progress_names_the_item() -> None:
    shares: list[tuple[int, float]] = []
    executor = LocalExecutor()
    assert list(executor.map(add, 10, [3, 1, 2], lambda item, share: shares.append((item, share)))) == [13, 11, 12]
    assert shares == [(3, 0.5), (1, 0.5), (2, 0.5)]
    assert executor.workers == 1


def test_without_an_address_tasks_run_here() -> None:
    assert isinstance(connect_executor(None), LocalExecutor)


def test_an_address_without_a_scheduler_is_an_executor_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.core.executors.CONNECT_SECONDS", 1)
    with pytest.raises(ExecutorError, match="no Dask workers"):
        DaskExecutor("tcp://127.0.0.1:1")
