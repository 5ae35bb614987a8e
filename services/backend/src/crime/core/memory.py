"""Returning freed memory to the operating system, and bounding what a piece of work may take."""

import ctypes
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STATUS = Path("/proc/self/status")
M_ARENA_MAX = -8  # of glibc's malloc.h


def release_free_memory() -> None:
    """Return memory that Arrow, if it is imported, and glibc's heap have freed to the operating system.

    glibc does that late or never: 15 MB after loading a model, gigabytes after tables. Where the C library has no
    `malloc_trim`, its heap stays as it is.
    """
    with suppress(OSError, AttributeError):
        if arrow := sys.modules.get("pyarrow"):
            arrow.default_memory_pool().release_unused()
        ctypes.CDLL(None).malloc_trim(0)


def use_one_heap() -> None:
    """Let all threads share glibc's heap: a heap of each keeps what its tables have left, 50 MB together.

    Does nothing where the C library has no `mallopt`.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Let the process have so much more memory than now: what asks for more fails, as a rule with `MemoryError`.

    Does nothing where the system does not tell how much there is now: anywhere but on Linux.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        used = int(re.findall(r"VmData:\s*(\d+) kB", STATUS.read_text())[0]) << 10
    except (OSError, IndexError):
        yield
        return
    limit = min(used + more_bytes, *(bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY), 1 << 62)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
