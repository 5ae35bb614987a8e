"""Which format a table has, told by its first bytes."""

from typing import IO, Literal

from crime.core.errors import DataError
from crime.reports.zips import ZIP_ERRORS, open_zip

Format = Literal["csv", "json", "parquet", "arrow", "workbook"]
FORMAT_NAMES: dict[Format, str] = {
    "csv": "a CSV table",
    "json": "a JSON table",
    "parquet": "a Parquet file",
    "arrow": "a Feather file",
    "workbook": "a workbook",
}
_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),  # a stream's first message
    (b"\xd0\xcf\x11\xe0", "workbook"),  # Excel's until 2003
)
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"7z\xbc\xaf", "packed with 7-Zip"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML file"),
)
READ_FORMATS = "CSV (also packed with gzip or zip), a workbook, JSON, Parquet or Feather"
WORKBOOK_MEMBERS = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}  # in the zip of Excel or OpenDocument


def format_of(file: IO[bytes]) -> Format:
    """The format of a seekable file, which is left at its start. What is no other format is CSV.

    Raises `DataError` for a known format that is not read, and for text in UTF-16 without its mark.
    """
    head = file.read(64)
    file.seek(0)
    for magic, words in _OTHERS:
        if head.lower().startswith(magic.lower()):
            raise DataError(f"the file is {words}: expected {READ_FORMATS}")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"PK\x03\x04") and _is_workbook(file):
        return "workbook"
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b", b"PK\x03\x04")):
        raise DataError(f"the file is binary, or UTF-16 without its byte order mark: expected {READ_FORMATS}")
    return "json" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{") else "csv"


def _is_workbook(file: IO[bytes]) -> bool:
    try:
        with open_zip(file) as archive:
            return not WORKBOOK_MEMBERS.isdisjoint(archive.namelist())
    except ZIP_ERRORS:
        return False
    finally:
        file.seek(0)
