"""Cells of a table: their text, and their value once parsed."""

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from sys import intern
from typing import Any

import numpy as np

from crime.core import limits
from crime.reports.parsers import TABLE_FORMS
from crime.reports.sources import BLANK_MEANS_NONE, NAME_OF_CODE, SOURCES
from crime.reports.systems import NONE_RECORDED, System
from crime.reports.table import CellError

MAX_CACHED_CHARACTERS = 80  # longer cells are parsed without the cache
MAX_SHOWN_CHARACTERS = 40  # of a cell in a message, which is kept and told of each row
PRIVATE_USE_BASE = 0xF700  # U+F780 to U+F7FF stand for bytes 0x80 to 0xFF that are not valid UTF-8
TEXT_MARKS = ("=", "'")  # with which a spreadsheet is told that a cell is text
BLANKS = frozenset(
    ("nan", "null", "none", "nat", "na", "n/a", "#n/a", "<na>", "(null)", "\\n", "-", "--", ".", "?")
)  # as programs write
OMITTED: Any = object()  # the cell of a field that was left out, which differs from a blank one


def _escape_invalid_bytes(error: UnicodeError) -> tuple[str, int]:
    """Error handler of a decoder: each invalid byte becomes its own character of the private use area."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(PRIVATE_USE_BASE + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("crime-escaped", _escape_invalid_bytes)
_CP1252 = {PRIVATE_USE_BASE + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(128, 256)}
_text_formula = re.compile(r"=\"([^\"]*)\"|'([^']*)'?")
_has_escaped_bytes = re.compile(f"[{chr(PRIVATE_USE_BASE + 128)}-{chr(PRIVATE_USE_BASE + 255)}]").search


def decode_escaped_bytes(text: str) -> str:
    """The text with bytes that were not valid UTF-8 read as Windows-1252."""
    return text.translate(_CP1252)


def cell_text(cell: Any) -> tuple[str, str | None]:
    """A cell as stripped text, '' if blank, and the repair that this took."""
    repair = None
    if cell is None or cell != cell:  # None or NaN
        return "", None
    text = cell.decode() if isinstance(cell, bytes) else str(cell)
    if not text.isascii():
        text = text.replace("\u202f", " ").replace("\xa0", " ")  # before AM and PM, as Java and macOS write them
        if _has_escaped_bytes(text):
            text, repair = decode_escaped_bytes(text), "not UTF-8, read as Windows-1252"
    stripped = text.strip()
    if len(stripped) != len(text):
        repair = repair or "spaces around a value"
    if stripped.startswith(TEXT_MARKS):
        stripped, repair = _text_of_formula(stripped), "value marked as text, as spreadsheets do"
    return ("" if stripped.lower() in BLANKS else stripped), repair


def _text_of_formula(text: str) -> str:
    """The value that a spreadsheet is told not to take for a number: of `="0344"` and `'0344` it is `0344`."""
    match = _text_formula.fullmatch(text)
    return (match[1] or match[2] or "").strip() if match else text


@dataclass(frozen=True, slots=True)
class ParsedCell:
    """`value` as in `Reports.fields`, None if not known; `repair`: what had to be repaired to read it.

    `error` says why there is no value. It is "missing" for a blank cell, which is an error only in a required column.
    """

    value: Any
    repair: str | None = None
    error: CellError | None = None


def parse_cell(system: System, key: str, cell: Any, strict: bool) -> ParsedCell:
    """Parse a cell of the column that fills the field `key` in a system's reports.

    A `strict` cell comes from a payload: it is text or a number, or `OMITTED`. The same short cells come again in every
    block, and are parsed once.
    """
    is_short = not isinstance(cell, str | bytes) or len(cell) <= MAX_CACHED_CHARACTERS
    return (_parse_once if is_short and key not in PLAIN_PARSERS else _parse)(system, key, cell, strict)


def _parse(system: System, key: str, cell: Any, strict: bool) -> ParsedCell:
    column = SOURCES[system].fields[key]
    if strict:
        text, repair = "" if cell is OMITTED else str(cell).strip(), None
    else:
        text, repair = cell_text(cell)
    if not text:
        none_recorded = key in BLANK_MEANS_NONE and cell is not OMITTED
        none: Any = () if key == "mocodes" else NONE_RECORDED
        return ParsedCell(none if none_recorded else None, repair, CellError(column.name, "missing", "is blank"))
    assert column.parse
    try:
        value, parse_repair = column.parse(text)
        if strict and parse_repair in TABLE_FORMS:
            raise ValueError(TABLE_FORMS[parse_repair])
    except ValueError as error:
        return ParsedCell(None, repair, CellError(column.name, "unreadable", str(error)))
    repair = parse_repair or repair
    if key == "crime_code" and not (value.code and column.is_known(value.code)):
        message = f"no category is known for code {(value.code or text)[:MAX_SHOWN_CHARACTERS]}"
        return ParsedCell(value, repair, CellError(column.name, "unknown_code", message))
    if key in NAME_OF_CODE and value.code and not column.is_known(value.code):
        return ParsedCell(None, f"{column.name}: code not in LAPD's table, taken as not known")
    return ParsedCell(value, repair)


_parse_once = lru_cache(1 << 15, typed=True)(
    _parse
)  # tables of many years have 20,000 different cells; it takes 18 MB at most


def _parse_plain_texts(cells: Sequence[Any]) -> np.ndarray | None:
    """Non-blank alphanumeric cells as text (n,), all at once; None if any cell needs `parse_cell`."""
    joined = _ascii_lines(cells, limits.NUMBER_CHARACTERS)
    if joined is None:
        return None
    texts = joined.decode("ascii").split("\n")
    if len(texts) != len(cells) or not joined.replace(b"\n", b"").isalnum() or "" in texts:
        return None
    return np.array(texts, object)


def _parse_plain_mocodes(cells: Sequence[Any]) -> np.ndarray | None:
    """MO codes (n,) of cells that are blank or as LAPD writes them, all at once; None if any needs `parse_cell`."""
    blank = b"0000" if bytes in set(map(type, cells)) else "0000"
    joined = _ascii_lines([blank if not cell or cell is OMITTED else cell for cell in cells], 5 * limits.MO_CODES)
    if joined is None:
        return None
    characters = np.frombuffer(joined + b"\n", np.uint8)
    if len(characters) % 5:
        return None
    digits, gaps = characters.reshape(-1, 5)[:, :4].astype(np.uint16) - ord("0"), characters[4::5]
    ends = np.flatnonzero(gaps == ord("\n")) + 1
    if (digits > 9).any() or len(ends) != len(cells) or len(ends) + (gaps == ord(" ")).sum() != len(gaps):
        return None
    numbers = digits @ np.array([1000, 100, 10, 1], np.uint16)
    codes = _mo_code_texts()[numbers].tolist()
    of_rows = np.sort(np.searchsorted(ends, np.arange(len(numbers)), "right") * 10_000 + numbers)
    repeating = set((of_rows[1:][np.diff(of_rows) == 0] // 10_000).tolist())  # rows with a code twice
    parsed = [tuple(codes[start:end]) for start, end in pairwise([0, *ends.tolist()])]
    for row in repeating:
        parsed[row] = tuple(dict.fromkeys(parsed[row]))
    known = ((None if cell is OMITTED else of_row) if cell else () for cell, of_row in zip(cells, parsed, strict=True))
    return np.fromiter(known, object, len(cells))


@cache
def _mo_code_texts() -> np.ndarray:
    """(10000,) the text of each MO code, by its number. All reports share these texts, which saves memory."""
    return np.array([intern(f"{number:04}") for number in range(10_000)], object)


def _ascii_lines(cells: Sequence[Any], longest: int) -> bytes | None:
    """The cells joined by newlines, in ASCII.

    None if they are not all bytes or all text, if one is not ASCII, or has more than `longest` characters.
    """
    try:
        if max(map(len, cells), default=0) > longest:  # first: long cells would be copied here several times
            return None
        is_text = str in set(map(type, cells))
        joined = "\n".join(cells).encode("ascii") if is_text else b"\n".join(cells)
    except (TypeError, UnicodeEncodeError):
        return None
    return joined if joined.isascii() else None


# for columns in which nearly every cell differs, so that caching parsed cells gains nothing but takes 130 MB
PLAIN_PARSERS: dict[str, Callable[[Sequence[Any]], np.ndarray | None]] = {
    "dr_no": _parse_plain_texts,
    "mocodes": _parse_plain_mocodes,
}
