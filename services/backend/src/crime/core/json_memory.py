"""How much memory a JSON text takes once it is parsed, estimated before any object is created."""

import re
from collections.abc import Mapping

import numpy as np

from crime.core import limits

# Bytes of memory for a value that ends with it, or for what begins with it, once parsed: measured, and rounded up
MEMORY_PER_MARK = {",": 100, "\n": 100, "[": 160, "{": 500}
COUNTED_BLOCK = 1 << 17  # bytes at a time
# a character of which one makes each character of a text take four bytes, as UTF-8 and as JSON escapes it
_wide_character = re.compile(rb"[\xf0-\xff]").search
_wide_escape = re.compile(rb"\\u[dD][89abAB]").search


def parsed_memory(content: bytes, counts: Mapping[str, int] | None = None) -> int:
    """An upper bound of the memory that a JSON text takes once parsed, in bytes.

    `counts`: what `count_marks` says of the text, where that is known already.
    """
    is_wide = (not content.isascii() and _wide_character(content)) or (b"\\" in content and _wide_escape(content))
    counts = counts or count_marks(content)
    return len(content) * (4 if is_wide else 1) + sum(size * counts[mark] for mark, size in MEMORY_PER_MARK.items())


def check_parsed_memory(content: bytes) -> None:
    """Raise `ValueError` if a JSON text may take more than `limits.PARSED_BYTES` of memory once parsed."""
    if parsed_memory(content) > limits.PARSED_BYTES:
        raise ValueError(f"takes more than {limits.PARSED_BYTES:,} bytes of memory once parsed")


def count_marks(content: bytes) -> dict[str, int]:
    """How often each of `MEMORY_PER_MARK` is in a text, five times as fast as `bytes.count`."""
    values = np.frombuffer(content, np.uint8)
    blocks = [values[start : start + COUNTED_BLOCK] for start in range(0, len(content), COUNTED_BLOCK)]
    return {mark: sum(int(np.count_nonzero(block == ord(mark))) for block in blocks) for mark in MEMORY_PER_MARK}
