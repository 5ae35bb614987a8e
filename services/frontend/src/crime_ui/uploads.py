"""Tables that people upload, as the CSV that the backend reads."""

import codecs
import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from crime_ui import limits
from crime_ui.conversion import (
    ARROW_FILE,
    ARROW_STREAM,
    AS_IS,
    HEADER_ROWS,
    OLE,
    PARQUET,
    UNREADABLE,
    ZIP,
    UnreadableTable,
    too_large,
)
from crime_ui.language import _

ENDINGS = [
    *("csv", "tsv", "txt", "gz", "zip", "xlsx", "xlsm", "xls", "xlsb", "ods"),
    *("parquet", "feather", "arrow", "arrows", "json", "jsonl", "ndjson", "geojson"),
]
HEAD_BYTES = 1 << 16  # in which the header's rows stand
DELIMITERS = ",;\t|"
PACKED = (b"\x1f\x8b", ZIP)  # first bytes of gzip and zip
ROOT = Path(__file__).parent.parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")

_turns = threading.BoundedSemaphore(limits.CONVERSIONS)


def as_csv(file: IO[bytes]) -> IO[bytes]:
    """A seekable file as CSV: workbooks, Parquet, Feather and JSON are turned into it; CSV stays, also packed.

    Another process does so, one at a time, with bounded memory and time. Raises `UnreadableTable`.
    """
    head = file.read(64)
    file.seek(0)
    begins = head.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if not head.startswith((PARQUET, ARROW_FILE, ARROW_STREAM, OLE, ZIP)) and begins not in (b"[", b"{"):
        return file
    if not _turns.acquire(timeout=limits.CONVERSION_WAIT_SECONDS):
        raise UnreadableTable(_("other files are being read now. Try again in a minute"))
    try:
        return _converted(file)
    finally:
        _turns.release()
        file.seek(0)


def _converted(file: IO[bytes]) -> IO[bytes]:
    """The file's CSV in a temporary file, which goes with the object; the file itself if it is not of these formats."""
    with tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        process = subprocess.Popen(
            [sys.executable, "-m", "crime_ui.conversion"],
            stdin=copy,
            stdout=written,
            stderr=subprocess.PIPE,
            cwd=tempfile.gettempdir(),
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT), "ARROW_DEFAULT_MEMORY_POOL": "system"},
        )
        try:
            _nothing, told = process.communicate(timeout=limits.CONVERSION_WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            told = b""
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:
            return _reopened(written)
    if process.returncode == AS_IS:
        return file
    if process.returncode == UNREADABLE:
        with suppress(ValueError):
            reason = json.loads(told)
            text, values = reason["text"], reason["values"]
            raise UnreadableTable(_(text), **values)
    raise UnreadableTable(_(too_large().text))  # it was ended: too much memory, or too long


def _reopened(written: IO[bytes]) -> IO[bytes]:
    """The same temporary file from its start. It is closed with the object, by whomever that is dropped."""
    descriptor = os.dup(written.fileno())
    file = open(descriptor, "rb", closefd=False)  # noqa: SIM115
    weakref.finalize(file, os.close, descriptor)
    file.seek(0)
    return file


def count_rows(file: IO[bytes]) -> int | None:
    """About how many rows a seekable CSV file has; None if it is packed."""
    is_packed = file.read(4).startswith(PACKED)
    file.seek(0)
    lines = 0 if is_packed else sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    file.seek(0)
    return None if is_packed else max(lines - 1, 1)


def has_header(file: IO[bytes], names: Sequence[str]) -> bool:
    """Whether one of the first rows of a seekable CSV file has exactly these cells; not told of one that is zipped."""
    is_gzip = file.read(2) == PACKED[0]
    file.seek(0)
    with suppress(OSError, EOFError, csv.Error):
        head = (gzip.GzipFile(fileobj=file) if is_gzip else file).read(HEAD_BYTES)
        lines = head.decode("utf-8-sig", "replace").splitlines()[:HEADER_ROWS]
        rows = [row for line in lines for delimiter in DELIMITERS for row in csv.reader([line], delimiter=delimiter)]
        file.seek(0)
        return list(names) in rows
    file.seek(0)
    return False
