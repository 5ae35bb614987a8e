"""A clock that a test sets."""


class Clock:
    """Replaces the `time` module."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now
