"""Memory that is free goes back to the system."""

import ctypes
from contextlib import suppress


def release_free_memory() -> None:
    """As glibc alone does late or never: some 15 MB after a model was read, gigabytes after tables."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
