"""Tables in gzip or zip archives."""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from crime.core import limits
from crime.core.errors import DataError
from crime.reports.formats import format_of
from crime.reports.zips import ZIP_ERRORS, open_zip

# raised while a damaged file is read
UNREADABLE_ERRORS = (EOFError, csv.Error, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)

TABLE_ENDINGS = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may take gigabytes of memory to unpack
METHOD_NAMES = {9: "deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA", 93: "zstd", 95: "xz"}
BUFFER_BYTES = 1 << 16
_GZIP_BITS = 16 + zlib.MAX_WBITS  # what zlib calls the format
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
        members = None if max_bytes is None else limits.GZIP_MEMBERS
        yield _bounded(io.BufferedReader(_Gzip(raw, members), BUFFER_BYTES), max_bytes)
    elif magic == b"PK\x03\x04" and format_of(raw) != "workbook":
        with _open_table(raw) as plain:
            yield _bounded(plain, max_bytes)
    else:
        yield raw


class _Gzip(io.RawIOBase):
    """What a gzip file packs: `members` of them at most, None for any number. Of the header zlib keeps nothing.

    (Python's `gzip` reads the name in a header byte by byte.)
    """

    def __init__(self, packed: IO[bytes], members: int | None):
        self._packed, self._most = packed, members
        self._begin()

    def _begin(self) -> None:
        self._member = zlib.decompressobj(_GZIP_BITS)
        self._members, self._rest, self._position = 1, b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go back to the start, or on."""
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation
        offset += self._position if whence == io.SEEK_CUR else 0
        if offset < self._position:
            self._packed.seek(0)
            self._begin()
        while self._position < offset and self.read(min(offset - self._position, BUFFER_BYTES)):
            pass
        return self._position

    def readinto(self, buffer: Any) -> int:
        content = b""
        while not content:
            if self._member.eof and not self._next_member():
                return 0
            packed = self._rest or self._packed.read(BUFFER_BYTES)
            content = self._member.decompress(packed, len(buffer))
            if not packed and not content and not self._member.eof:
                raise EOFError("the gzip file ends too early")
            self._rest = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def _next_member(self) -> bool:
        """Whether there is another member, behind zeros that may fill up a block of a tape."""
        while not self._rest.lstrip(b"\0"):
            self._rest = self._packed.read(BUFFER_BYTES)
            if not self._rest:
                return False
        self._rest = self._rest.lstrip(b"\0")
        self._member = zlib.decompressobj(_GZIP_BITS)
        self._members += 1
        if self._most is not None and self._members > self._most:
            raise DataError(f"expected a body of at most {self._most:,} gzip members")
        return True


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
