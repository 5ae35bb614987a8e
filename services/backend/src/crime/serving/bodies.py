"""Request bodies, read within the server's limits, and JSON parsed and written faster than FastAPI does."""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import IO, Any, TypeVar

import numpy as np
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from starlette.exceptions import HTTPException

from crime.core import limits
from crime.serving.dependencies import settings_of
from crime.serving.errors import MAX_PROBLEMS, json_problem
from crime.serving.spool import TABLE_BODY, SpoolFile

ROWS_PER_BLOCK = 1_000  # of a JSON list that is written
# Bytes of memory for a value that ends with it, or for what begins with it, once parsed: measured, and rounded up
MEMORY_PER_MARK = {",": 100, "\n": 100, "[": 160, "{": 500}
COUNTED_BLOCK = 1 << 17  # bytes at a time
# a character of which one makes each character of a text take four bytes, as UTF-8 and as JSON escapes it
_wide_character = re.compile(rb"[\xf0-\xff]").search
_wide_escape = re.compile(rb"\\u[dD][89abAB]").search
Parsed = TypeVar("Parsed")


def media_type(request: Request) -> str:
    """The body's media type without parameters; JSON if the request does not say."""
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def table_body(request: Request) -> IO[bytes]:
    """The body of a request to one of admission control's `TABLE_PATHS`, at its start. It is on disk if it is large."""
    body: SpoolFile = request.scope[TABLE_BODY]
    return body.open()


def read_list_body(file: IO[bytes], request: Request) -> bytes:
    """A body that is parsed as a whole. Raises 413 if it is too large, before any object is created."""
    reports = settings_of(request).max_batch
    max_bytes, max_values = reports * limits.LIST_BYTES_PER_REPORT, reports * limits.LIST_VALUES_PER_REPORT
    body = file.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise HTTPException(413, f"more than {max_bytes:,} bytes in one list: send a CSV table or Arrow stream")
    counts = _counts(body, MEMORY_PER_MARK)
    if counts[","] + counts["\n"] > max_values:
        raise HTTPException(413, f"more than {max_values:,} values in one list: send a CSV table or Arrow stream")
    max_memory = reports * limits.LIST_MEMORY_PER_REPORT
    is_wide = (not body.isascii() and _wide_character(body)) or (b"\\" in body and _wide_escape(body))
    memory = len(body) * (4 if is_wide else 1)
    memory += sum(size * counts[mark] for mark, size in MEMORY_PER_MARK.items())
    if memory > max_memory:
        raise HTTPException(
            413, f"more than {max_memory:,} bytes of memory for one list: send a CSV table or fewer rows"
        )
    return body


def _counts(body: bytes, characters: Iterable[str]) -> dict[str, int]:
    """How often each character is in a body, five times as fast as `bytes.count`."""
    content = np.frombuffer(body, np.uint8)
    blocks = [content[start : start + COUNTED_BLOCK] for start in range(0, len(body), COUNTED_BLOCK)]
    return {mark: sum(int(np.count_nonzero(block == ord(mark))) for block in blocks) for mark in characters}


def parse_json(adapter: TypeAdapter[Parsed], body: bytes) -> Parsed:
    """Parse and validate a JSON body. Raises `RequestValidationError`."""
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise _body_problems(error) from None


def parse_long_json(adapter: TypeAdapter[Parsed], body: bytes) -> Parsed:
    """As `parse_json`, for many reports: in half of its memory, as pydantic would build a tree of the JSON first."""
    try:
        return adapter.validate_python(from_json(body, cache_strings="keys"))
    except ValidationError as error:
        raise _body_problems(error) from None
    except ValueError as error:
        raise json_problem(str(error)) from None


def _body_problems(error: ValidationError) -> RequestValidationError:
    problems = error.errors(include_url=False)[:MAX_PROBLEMS]
    return RequestValidationError([{**problem, "loc": ("body", *problem["loc"])} for problem in problems])


def json_response(answer: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response, serialised in a third of the time that FastAPI's takes."""
    return Response(to_json(answer), headers=headers, media_type="application/json")


def json_list_response(rows: Iterable[Any], key: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """A JSON list, below `key` of an object if one is given. A block of rows at a time is in memory as objects."""
    iterator = iter(rows)
    blocks = iter(lambda: list(islice(iterator, ROWS_PER_BLOCK)), [])
    content = b",".join(to_json(block)[1:-1] for block in blocks)
    begin, end = (b"{" + to_json(key) + b":[", b"]}") if key else (b"[", b"]")
    return Response(begin + content + end, headers=headers, media_type="application/json")


def body_schema(model: type[BaseModel], *media_types: str) -> dict[str, Any]:
    """OpenAPI's `requestBody` of an endpoint that parses its body itself: JSON, or text of other media types."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            definition = definitions.get(node.get("$ref", "").rpartition("/")[2])
            return inline(definition) if definition else {name: inline(value) for name, value in node.items()}
        return [inline(value) for value in node] if isinstance(node, list) else node

    content = {"application/json": {"schema": inline(schema)}}
    content |= {media_type: {"schema": {"type": "string"}} for media_type in media_types}
    return {"requestBody": {"required": True, "content": content}}
