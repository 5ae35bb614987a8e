"""How long-running work reports what it is doing."""

from collections.abc import Callable

Progress = Callable[[str, float], None]  # called with the present step, and the share of it that is done (0 to 1)


def no_progress(step: str, share: float) -> None:
    """Reports nothing."""
