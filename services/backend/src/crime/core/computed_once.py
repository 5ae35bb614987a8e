"""A cache for functions that several threads call."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class ComputedOnce(Generic[Arguments, Result]):
    """A function that computes each result once and keeps it, whichever threads call it.

    A thread that needs a result which another thread is computing waits for it. Arguments are hashable and positional.
    Computing a result must not call for that same result, directly or through others: it would deadlock.
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

    def keep(self, result: Result, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        """Keep a result that was computed elsewhere, as by another process."""
        self._results.setdefault(args, result)
