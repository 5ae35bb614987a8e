"""Files that appear under their name only when they are whole."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ENDING = ".part"
NAME_BYTES = 200  # of the target's name in the hidden one, which may have 255 in all


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """A hidden path beside `target` to write to. It replaces `target` at the end, or is removed after an error.

    Each writer has a path of its own. A killed one leaves it behind, and the next writer of `target` removes it.
    Raises `FileExistsError` if `target` is no regular file, such as a device.
    """
    if target.exists() and not target.is_file():
        raise FileExistsError(f"{target} is no regular file, so it is not replaced")
    prefix = f".{os.fsdecode(os.fsencode(target.name)[:NAME_BYTES])}."
    _remove_abandoned(target.parent, prefix)
    partial, lock = _claim(target.parent, prefix)
    try:
        yield partial
        partial.replace(target)
    finally:
        os.close(lock)
        partial.unlink(missing_ok=True)


def _claim(folder: Path, prefix: str) -> tuple[Path, int]:
    """A new file, and a descriptor whose lock tells others that its writer lives."""
    while True:
        path = folder / f"{prefix}{secrets.token_hex(4)}{ENDING}"
        lock = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        with suppress(OSError):  # not every network file system has locks; there nothing is taken for abandoned
            fcntl.flock(lock, fcntl.LOCK_SH)
        if path.exists():
            return path, lock
        os.close(lock)  # another writer took it for abandoned before it was locked


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove the files of writers that were killed: nobody holds their lock."""
    with suppress(OSError):
        names = [name for name in os.listdir(folder) if name.startswith(prefix) and name.endswith(ENDING)]
        for path in map(folder.joinpath, names):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
