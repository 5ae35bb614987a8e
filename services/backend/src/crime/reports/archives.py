"""Tables in gzip or zip archives."""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from crime.core.errors import DataError
from crime.reports.formats import format_of
from crime.reports.zips import ZIP_ERRORS, open_zip

# raised while a damaged file is read
UNREADABLE_ERRORS = (EOFError, csv.Error, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)

TABLE_ENDINGS = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may take gigabytes of memory to unpack
METHOD_NAMES = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA", 93: "zstd", 95: "xz"}
BUFFER_BYTES = 1 << 16
MAX_NAME_CHARACTERS = 100  # of a file in a zip, in a message


@contextmanager
def open_unpacked(raw: IO[bytes], max_bytes: int | None = None) -> Iterator[IO[bytes]]:
    """The table's bytes, out of gzip or zip, which are recognised by content. `raw` is seekable and at its start.

    Raises `DataError` if a zip can't be read or does not hold exactly one table. Reading may raise one of
    `UNREADABLE_ERRORS`, and `DataError` once an archive gives more than `max_bytes`.
    """
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=raw, mode="rb") as plain:
            yield _bounded(cast(IO[bytes], plain), max_bytes)
    elif magic == b"PK\x03\x04" and format_of(raw) != "workbook":
        with _open_table(raw) as plain:
            yield _bounded(plain, max_bytes)
    else:
        yield raw


def _bounded(plain: IO[bytes], max_bytes: int | None) -> IO[bytes]:
    return plain if max_bytes is None else io.BufferedReader(_Bounded(plain, max_bytes), BUFFER_BYTES)


class _Bounded(io.RawIOBase):
    """An unpacked file of which at most `max_bytes` are read."""

    def __init__(self, plain: IO[bytes], max_bytes: int):
        self._plain, self._max_bytes = plain, max_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._plain.seek(offset, whence)

    def tell(self) -> int:
        return self._plain.tell()

    def readinto(self, buffer: Any) -> int:
        content = self._plain.read(len(buffer))
        if self._plain.tell() > self._max_bytes:
            raise DataError(f"the archive unpacks to more than {self._max_bytes:,} bytes")
        buffer[: len(content)] = content
        return len(content)


def _open_table(raw: IO[bytes]) -> IO[bytes]:
    """The only table in a zip. Raises `DataError`."""
    try:
        archive = open_zip(raw)
        members = [member for member in archive.infolist() if member.filename.lower().endswith(TABLE_ENDINGS)]
        if len(members) != 1:
            names = [member.filename[:MAX_NAME_CHARACTERS] for member in members[:5]]
            raise DataError(f"expected one table in the zip, found {len(members)}: {names}")
        if members[0].compress_type not in METHODS:
            method = METHOD_NAMES.get(members[0].compress_type, f"method {members[0].compress_type}")
            raise DataError(f"the zip is packed with {method}: expected deflate, as most programs write it")
        return archive.open(members[0])
    except ZIP_ERRORS as error:
        raise DataError(f"the zip can't be read: {error}") from error
