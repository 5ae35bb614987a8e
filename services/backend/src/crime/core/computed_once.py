"""Values that several threads need, each computed once."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class ComputedOnce(Generic[Arguments, Result]):
    """A function whose results are kept. A thread that asks for what another one is computing waits for it.

    The arguments are hashable and given by position. A result must not need itself, on whatever way: that never ends.
    """

    def __init__(self, compute: Callable[Arguments, Result]):
        self._compute = compute
        self._lock = Lock()
        self._locks: dict[object, Lock] = {}
        self._results: dict[object, Result] = {}

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with self._lock:
            lock = self._locks.setdefault(args, Lock())
        with lock:
            if args not in self._results:
                self._results[args] = self._compute(*args, **kwargs)
        return self._results[args]
