"""The next item is produced while one is used."""

import threading
from collections.abc import Iterator

import pytest
from crime.core.prefetch import prefetch


def test_the_next_item_is_produced_while_one_is_used() -> None:
    produced = [threading.Event() for _ in range(3)]

    def produce() -> Iterator[int]:
        for number, event in enumerate(produced):
            event.set()
            yield number

    for number in prefetch(produce()):
        if number < 2:
            assert produced[number + 1].wait(5)


def test_an_error_comes_after_the_items_before_it() -> None:
    def produce() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    items = prefetch(produce())
    assert next(items) == 1
    with pytest.raises(ValueError, match="broken"):
        next(items)
