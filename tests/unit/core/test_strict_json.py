"""JSON from elsewhere is read strictly."""

import json
from typing import Any

import pytest
from crime.core.strict_json import parse_json


@pytest.mark.parametrize("value", [None, 1, -1.5e3, "é", [], {}, {"a": [1, {"b": "c"}]}])
def test_json_is_read(value: Any) -> None:
    assert parse_json(json.dumps(value).encode(), 3) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nope",
        '{"a": 1, "a": 2}',
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "[1e999]",
        "1" * 5_000,
        "[[[[1]]]]",
        "[" * 100_000,
        '{"a":' * 100_000,
        '"\\ud800"',
        '{"\\udfff": 1}',
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text.encode(), 3)


def test_bytes_that_are_no_utf8_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        parse_json(b'"\xff"', 3)
