"""Reads a gzipped tar of regular files within bounds, while it is unpacked.

Python's `tarfile` reads headers of any size into memory and knows links, devices and sparse files; a backup has none.
The form: POSIX.1-2001, pax, in which names of more than 100 bytes and exact times stand in headers of their own.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from crime.core import limits
from crime.core.errors import BackupError
from crime.core.regular_files import open_regular
from crime.pipelines.backup_index import file_limit

BLOCK = 512  # bytes; everything in a tar file is filled up to a multiple
COPIED_BYTES = 1 << 20  # at a time
MAX_HEADER_BYTES = 64 << 10  # of a pax or GNU header before a file's own
REGULAR, FOLDER, PAX, GNU_NAME = (b"0", b"\0"), b"5", b"x", b"L"  # types of members


def unpack_backup(source: Path, directory: Path) -> str:
    """Unpack a backup, and return its SHA-256. Nothing is written outside of `directory`.

    Raises `BackupError` for anything that a backup does not have, as soon as it is met, and `FileNotFoundError`.
    """
    try:
        with open_regular(source) as file:
            hashed = _HashedFile(file)
            with gzip.GzipFile(fileobj=hashed, mode="rb") as unpacked:  # type: ignore[call-overload]
                _unpack(_BoundedFile(unpacked), directory)
            return hashed.digest.hexdigest()
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BackupError(f"{source.name} is not a complete backup: {error}") from None


class _HashedFile:
    """Hashes what is read."""

    def __init__(self, file: IO[bytes]):
        self.file, self.digest = file, hashlib.sha256()

    def read(self, size: int) -> bytes:
        content = self.file.read(size)
        self.digest.update(content)
        return content


class _BoundedFile:
    """Reads exactly as much as is asked for, `limits.BACKUP_BYTES` at most in all."""

    def __init__(self, file: IO[bytes]):
        self.file, self.left = file, limits.BACKUP_BYTES

    def read(self, size: int) -> bytes:
        """Raises `ValueError` at the end of the file, and beyond the limit."""
        content = self.read_some(size)
        if len(content) < size:
            raise ValueError("it ends too early")
        return content

    def read_some(self, size: int) -> bytes:
        content = self.file.read(size)
        self.left -= len(content)
        if self.left < 0:
            raise ValueError(f"unpacked it has more than {limits.BACKUP_BYTES:,} bytes")
        return content


def _unpack(archive: _BoundedFile, directory: Path) -> None:
    files: set[str] = set()
    for name, size in _members(archive):
        limit = file_limit(name)
        if limit is None or name in files:
            raise ValueError(f"a file named {name[:100]!r}" + (" twice" if name in files else ""))
        if size > limit:
            raise ValueError(f"{name} has {size:,} bytes, expected {limit:,} at most")
        if len(files) >= limits.BACKUP_FILES:
            raise ValueError(f"more than {limits.BACKUP_FILES:,} files")
        files.add(name)
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for start in range(0, size, COPIED_BYTES):
                file.write(archive.read(min(COPIED_BYTES, size - start)))
        archive.read(-size % BLOCK)


def _members(archive: _BoundedFile) -> Iterator[tuple[str, int]]:
    """Name and size of each regular file, whose content the caller reads before the next. Folders are left out.

    Raises `ValueError` for members of other types.
    """
    name = None
    while (header := archive.read(BLOCK)).strip(b"\0"):
        _check_sum(header)
        kind, size = header[156:157], _octal(header[124:136])
        if kind in (PAX, GNU_NAME):
            if size > MAX_HEADER_BYTES:
                raise ValueError("a header that is too large")
            content = archive.read(size)
            archive.read(-size % BLOCK)
            name = _pax_name(content) if kind == PAX else content.rstrip(b"\0").decode()
            continue
        name = (name or _short_name(header)).removeprefix("./").rstrip("/")
        if kind in REGULAR:
            yield name, size
        elif kind != FOLDER or size or ".." in name.split("/"):
            raise ValueError(f"{name[:100]!r} is no regular file")
        name = None
    while archive.read_some(COPIED_BYTES):  # to the end, where gzip's check sum stands
        pass


def _short_name(header: bytes) -> str:
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    name = header[:100].split(b"\0")[0]
    return (prefix + b"/" + name if prefix else name).decode()


def _pax_name(content: bytes) -> str | None:
    """The name in a pax header of lines `LENGTH KEY=VALUE`; None if it tells other things, such as the exact time."""
    name = None
    while content:
        digits, _, _ = content.partition(b" ")
        if not (digits.isdigit() and len(digits) <= 6 and len(digits) + 3 <= int(digits) <= len(content)):
            raise ValueError("a malformed header")
        line, content = content[len(digits) + 1 : int(digits)], content[int(digits) :]
        key, separator, value = line.removesuffix(b"\n").partition(b"=")
        if not separator or key == b"size" or key.startswith(b"GNU.sparse"):
            raise ValueError("a header that no backup has")
        if key == b"path":
            name = value.decode()
    return name


def _check_sum(header: bytes) -> None:
    if sum(header[:148]) + sum(b" " * 8) + sum(header[156:]) != _octal(header[148:156]):
        raise ValueError("it is no tar file")


def _octal(field: bytes) -> int:
    text = field.strip(b" \0")
    if not all(digit in b"01234567" for digit in text):
        raise ValueError("it is no tar file")
    return int(text or b"0", 8)
