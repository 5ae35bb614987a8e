"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

import csv
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from crime.core.errors import DataError


@contextmanager
def open_unpacked(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """The table's bytes, out of gzip or zip (told by content, not by name); `raw` is at its start and can seek."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        with gzip.open(raw) as plain:
            yield plain  # type: ignore[misc]
    elif magic == b"PK\x03\x04":
        with _open_zip(raw) as plain:
            yield plain
    else:
        yield raw


def _open_zip(raw: IO[bytes]) -> IO[bytes]:
    """The one table in a zip."""
    try:
        archive = zipfile.ZipFile(raw)
        members = [m for m in archive.namelist() if m.lower().endswith((".csv", ".txt"))]
        if len(members) == 1:
            return archive.open(members[0])
    except (RuntimeError, ValueError, struct.error) as error:  # encrypted, or packed in a way that is not known
        raise DataError(f"the zip can't be read: {error}") from error
    raise DataError(f"expected one CSV file in the zip, found {len(members)}: {members[:5]}")


UNREADABLE_ERRORS = (EOFError, csv.Error, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)
