"""JSON from elsewhere, read strictly: no key twice, only finite numbers, text that can be written again."""

import json
import math
from typing import Any, NoReturn

from crime.core.json_memory import check_parsed_memory


def parse_json(content: bytes, depth: int) -> Any:
    """The value of a JSON text in UTF-8 that is nested no deeper than `depth`.

    Raises `ValueError`, also of a text that would take too much memory.
    """
    check_parsed_memory(content)
    try:
        value = json.loads(content.decode(), object_pairs_hook=_pairs, parse_float=_finite, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError(f"is nested deeper than {depth}") from None
    _check(value, depth)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("has a key twice")
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("has a number that is not finite")
    return number


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"has {text}, which is no JSON")


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        value.encode()  # `UnicodeEncodeError`, a `ValueError`: half of a surrogate pair
    elif isinstance(value, dict | list):
        if not depth:
            raise ValueError("is nested too deeply")
        for key in value if isinstance(value, dict) else ():
            key.encode()
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth - 1)
