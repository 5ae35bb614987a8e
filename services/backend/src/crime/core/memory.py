"""Returning freed memory to the operating system."""

import ctypes
from contextlib import suppress


def release_free_memory() -> None:
    """Trim glibc's heap, which glibc itself does late or never: 15 MB after loading a model, gigabytes after tables.

    Does nothing where the C library has no `malloc_trim`.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
