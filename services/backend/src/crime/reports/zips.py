"""Open a zip without trusting what it says of itself."""

import struct
import zipfile
from typing import IO, Any, cast

from crime.core import limits
from crime.core.errors import DataError

# What `zipfile` raises for a damaged or encrypted file
ZIP_ERRORS = (zipfile.BadZipFile, RuntimeError, ValueError, struct.error, OSError, EOFError, OverflowError)


class _ShortReads:
    """The file while its list of members is read, which `zipfile` reads at once, however long it is."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.is_open = False

    def read(self, size: int = -1) -> bytes:
        if not self.is_open and size > limits.ZIP_DIRECTORY_BYTES:
            raise DataError("the zip holds too many files")
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """The zip. Raises `DataError` for one with thousands of members, and one of `ZIP_ERRORS`."""
    guarded = _ShortReads(file)
    archive = zipfile.ZipFile(cast(IO[bytes], guarded))
    guarded.is_open = True
    return archive
