"""Which format a table has, told by its first bytes."""

import zipfile
from typing import IO, Literal

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
WORKBOOK_MEMBERS = {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}  # in the zip of Excel or OpenDocument


def format_of(file: IO[bytes]) -> Format:
    """The format of a seekable file, which is left at its start. What is no other format is CSV."""
    head = file.read(64)
    file.seek(0)
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head.startswith(b"PK\x03\x04") and _is_workbook(file):
        return "workbook"
    return "json" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{") else "csv"


def _is_workbook(file: IO[bytes]) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return not WORKBOOK_MEMBERS.isdisjoint(archive.namelist())
    except (zipfile.BadZipFile, ValueError):
        return False
    finally:
        file.seek(0)
