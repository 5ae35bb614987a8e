"""Tables in gzip or zip archives."""

import csv
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from crime.core.errors import DataError
from crime.reports.formats import format_of

# raised while a damaged file is read
UNREADABLE_ERRORS = (EOFError, csv.Error, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)

TABLE_ENDINGS = (".csv", ".txt", ".tsv", ".json", ".jsonl", ".ndjson")


@contextmanager
def open_unpacked(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """The table's bytes, out of gzip or zip, which are recognised by content. `raw` is seekable and at its start.

    Raises `DataError` if a zip does not hold exactly one table; reading may raise one of `UNREADABLE_ERRORS`.
    """
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=raw, mode="rb") as plain:
            yield cast(IO[bytes], plain)
    elif magic == b"PK\x03\x04" and format_of(raw) != "workbook":
        with _open_zip(raw) as plain:
            yield plain
    else:
        yield raw


def _open_zip(raw: IO[bytes]) -> IO[bytes]:
    """The only table in a zip."""
    try:
        archive = zipfile.ZipFile(raw)
        members = [name for name in archive.namelist() if name.lower().endswith(TABLE_ENDINGS)]
        if len(members) == 1:
            return archive.open(members[0])
    except (RuntimeError, ValueError, struct.error) as error:  # encrypted, or of an unknown compression
        raise DataError(f"the zip can't be read: {error}") from error
    raise DataError(f"expected one table in the zip, found {len(members)}: {members[:5]}")
