"""Results that are kept, also where several threads ask at once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from crime.core.computed_once import ComputedOnce


def test_threads_that_ask_at_once_get_one_result() -> None:
    calls: list[int] = []
    begun, finish = threading.Event(), threading.Event()

    def compute(key: int) -> list[int]:
        calls.append(key)
        begun.set()
        assert finish.wait(10)
        return [key]

    once = ComputedOnce(compute)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(once, 1)
        assert begun.wait(10)
        others = [pool.submit(once, 1) for _ in range(3)]
        finish.set()
    assert calls == [1]
    assert all(other.result() is first.result() for other in others)


def test_a_result_may_need_others() -> None:
    once: ComputedOnce[[int], int] = ComputedOnce(lambda n: n if n < 2 else once(n - 1) + once(n - 2))
    assert once(80) == 23_416_728_348_467_685


def test_a_failure_is_not_kept() -> None:
    answers = iter([0, 1])
    once = ComputedOnce(lambda: 1 // next(answers))
    with pytest.raises(ZeroDivisionError):
        once()
    assert once() == 1
