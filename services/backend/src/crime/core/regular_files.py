"""Files that others may have put there, read within bounds."""

import os
import stat
from pathlib import Path
from typing import IO


def open_regular(path: Path, follow: bool = True) -> IO[bytes]:
    """Open a regular file to read; a pipe that would wait for a writer, a device or a folder is refused at once.

    `follow`: symbolic links. Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb")


def read_bounded(path: Path, max_bytes: int, follow: bool = True) -> bytes:
    """The content of a regular file of at most so many bytes. Raises `OSError`."""
    with open_regular(path, follow) as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise OSError(f"{path} has more than {max_bytes:,} bytes")
    return content
