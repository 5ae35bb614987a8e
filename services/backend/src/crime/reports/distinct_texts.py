"""The distinct texts of a column that lies in one piece of memory, found without a Python object for each row."""

import numpy as np

from crime.reports.table import EncodedColumn

PADDING = bytes(8)  # behind the texts, which are read eight bytes at a time
MAX_CHARACTERS = 128  # of a text; columns with a longer one are encoded text by text
_WORD = np.dtype("<u8")
# what lies behind a text's last byte in its word, by the bytes that belong to the text: no ASCII text has such bytes
_BEYOND = np.array([(1 << 64) - (1 << 8 * known) for known in range(9)], np.uint64)
_FACTOR = 0x9E3779B97F4A7C15  # odd, of mixed bits: 2⁶⁴ divided by the golden ratio


def encode_texts(texts: memoryview, starts: np.ndarray, lengths: np.ndarray) -> EncodedColumn | None:
    """The distinct texts, and each row's index among them; None if a text is too long, or one is not ASCII.

    `texts`: of all rows, one after another; `starts`, `lengths` (rows,): of each row's text in bytes.
    """
    longest = int(lengths.max(initial=0))
    if longest > MAX_CHARACTERS:
        return None
    data = b"".join((texts, PADDING))
    if not data.isascii():
        return None
    at_each_byte = np.ndarray((len(data) - 7,), _WORD, data, strides=(1,))
    words = [
        at_each_byte[np.minimum(starts + first, len(data) - 8)] | _BEYOND[np.clip(lengths - first, 0, 8)]
        for first in range(0, max(longest, 1), 8)
    ]
    key = words[0]
    for word in words[1:]:
        key = (key ^ key >> np.uint64(32)) * np.uint64(_FACTOR) + word
    order = np.argsort(key)
    is_first = np.append(True, np.diff(key[order]) != 0)[: len(order)]
    index = np.empty(len(order), np.intp)
    index[order] = np.cumsum(is_first) - 1
    rows = order[is_first]
    if len(words) > 1 and any((word != word[rows][index]).any() for word in words):  # two texts of one key
        return None
    text = str(data, "ascii")
    begins, ends = starts[rows], starts[rows] + lengths[rows]
    return [text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)], index
