"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

import codecs
import re
from collections.abc import Sequence
from functools import lru_cache
from sys import intern
from typing import Any

import numpy as np

from crime.reports.schema import BLANK_MEANS_NONE, COLUMNS, is_known_code

MAX_CACHED_CHARACTERS = 80  # characters of a cell that is remembered
BLANK = ""
PRIVATE_USE_BASE = 0xF700  # added to a byte that is not UTF-8, while its row is cut into cells
OMITTED: Any = object()  # a cell that is not there, which says less than one that is blank


def _escape_invalid_bytes(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are not UTF-8, each as a character for private use, told from all others when its cell is read."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(PRIVATE_USE_BASE + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("crime-escaped", _escape_invalid_bytes)
_CP1252 = {PRIVATE_USE_BASE + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(128, 256)}
_has_escaped_bytes = re.compile(f"[{chr(PRIVATE_USE_BASE + 128)}-{chr(PRIVATE_USE_BASE + 255)}]").search


def decode_escaped_bytes(text: str) -> str:
    """With bytes that were not UTF-8 read as Windows-1252."""
    return text.translate(_CP1252)


def cell_text(cell: Any) -> tuple[str, str | None]:
    """A cell as stripped text ('' for blank) and what was repaired on the way."""
    repair = None
    if cell is None or cell != cell:  # None or NaN
        return "", None
    text = cell.decode() if isinstance(cell, bytes) else str(cell)
    if not text.isascii() and _has_escaped_bytes(text):
        text, repair = decode_escaped_bytes(text), "not UTF-8, read as Windows-1252"
    stripped = text.strip()
    if len(stripped) != len(text):
        repair = repair or "spaces around a value"
    return ("" if stripped.lower() in ("nan", "null", "none", "nat") else stripped), repair


def _plain_texts(cells: Sequence[Any]) -> np.ndarray | None:
    """Bytes cells as text, at once; None if any needs a closer look."""
    try:
        joined = b"\n".join(cells)
        texts = joined.decode("ascii").split("\n")
    except (TypeError, UnicodeDecodeError):
        return None
    if len(texts) != len(cells) or not joined.replace(b"\n", b"").isalnum() or b"" in cells:
        return None
    return np.array(texts, object)


def _plain_mocodes(cells: Sequence[Any]) -> np.ndarray | None:
    """MO codes in bytes cells as LAPD writes them, or blank, at once; None if any needs a closer look."""
    try:
        joined = b"\n".join([cell or b"0000" for cell in cells])
    except TypeError:
        return None
    gaps = np.flatnonzero(np.isin(np.frombuffer(joined + b"\n", np.uint8), (ord(" "), ord("\n"))))
    texts = joined.decode("latin-1").split("\n")
    if joined.translate(None, b"0123456789 \n") or (np.diff(gaps, prepend=-1) != 5).any() or len(texts) != len(cells):
        return None
    # interned: there are some hundred codes, and millions of reports
    codes = (
        tuple(dict.fromkeys(map(intern, text.split(" ")))) if cell else ()
        for cell, text in zip(cells, texts, strict=True)
    )
    return np.fromiter(codes, object, len(cells))


PLAIN_PARSERS = {"dr_no": _plain_texts, "mocodes": _plain_mocodes}  # of columns whose cells nearly all differ


@lru_cache(1 << 16, typed=True)
def parse_cell(name: str, cell: Any, strict: bool) -> tuple[Any, str | None, str | None]:
    """Value of a cell of column `name`, what was repaired, and why it can't be read: `BLANK`, or what was expected.

    Tables say the same again and again, block after block: each cell is read once.
    """
    column = COLUMNS[name]
    if strict:
        text, repair = "" if cell is OMITTED else str(cell).strip(), None
    else:
        text, repair = cell_text(cell)
    if not text:
        none = name in BLANK_MEANS_NONE and cell is not OMITTED
        return (() if name == "mocodes" else 0) if none else None, repair, BLANK
    assert column.parse
    try:
        value, mended = column.parse(text)
    except ValueError as error:
        return None, repair, str(error)
    if name in ("premis_cd", "weapon_used_cd") and value is not None and not is_known_code(name, value):
        return None, f"{column.name}: code not in LAPD's table, taken as not known", None
    return value, mended or repair, None
