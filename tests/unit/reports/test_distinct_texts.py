"""Texts in one piece of memory are told apart as Python's texts are."""

import numpy as np
import pytest
from crime.reports.distinct_texts import MAX_CHARACTERS, encode_texts
from crime.reports.table import EncodedColumn
from hypothesis import given
from hypothesis import strategies as st

ASCII = st.text(st.characters(max_codepoint=127), max_size=40)


def encoded(texts: list[str]) -> EncodedColumn | None:
    content = [text.encode() for text in texts]
    lengths = np.array(list(map(len, content)), int)
    return encode_texts(memoryview(b"".join(content)), np.cumsum(lengths) - lengths, lengths)


@given(st.lists(ASCII | st.sampled_from(["", "\0", "a", "a\0", "01/15/2023 12:00:00 AM", "01/15/2023 12:00:00 PM"])))
def test_each_row_gets_its_text(texts: list[str]) -> None:
    found = encoded(texts)
    assert found
    distinct, index = found
    assert [distinct[position] for position in index] == texts
    assert len(distinct) == len(set(texts))


def test_long_texts_and_others_than_ascii_are_left_to_others() -> None:
    assert encoded(["a", "é"]) is None
    assert encoded(["a", "b" * MAX_CHARACTERS]) is not None
    assert encoded(["a", "b" * (MAX_CHARACTERS + 1)]) is None


def test_two_texts_of_one_key_are_never_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.reports.distinct_texts._FACTOR", 0)  # the last eight characters alone make the key
    assert encoded(["a" * 8 + "c" * 8, "b" * 8 + "c" * 8]) is None
    assert encoded(["a" * 8 + "c" * 8, "a" * 8 + "d" * 8]) is not None
