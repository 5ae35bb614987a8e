"""Memory of parsed JSON is estimated before it is taken."""

import json
import tracemalloc

import pytest
from crime.core import limits
from crime.core.json_memory import check_parsed_memory, parsed_memory
from crime.core.strict_json import parse_json

SHAPES = [b"[]", b"{}", b'{"a":1}', b'{"a":{}}', b'{"a":1,"b":2}', b"[[1]]", b"1.5", b"12345", b'"abc"', b'{"a":[]}']


@pytest.mark.parametrize("piece", SHAPES)
def test_a_text_takes_no_more_than_the_estimate(piece: bytes) -> None:
    content = b"[" + b",".join([piece] * 20_000) + b"]"
    tracemalloc.start()
    value = json.loads(content)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(value) == 20_000
    assert taken < parsed_memory(content)


def test_a_text_of_very_many_values_is_refused_before_it_is_parsed() -> None:
    content = b"[" + b"[]," * (limits.PARSED_BYTES // 250) + b"[]]"
    with pytest.raises(ValueError, match="takes more than 50,331,648 bytes of memory once parsed"):
        check_parsed_memory(content)
    with pytest.raises(ValueError, match="takes more than"):
        parse_json(content, 3)
