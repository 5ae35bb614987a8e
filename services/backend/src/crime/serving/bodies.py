"""Request bodies, read within the server's limits, and JSON parsed and written faster than FastAPI does."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import IO, Any, TypeVar

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from starlette.exceptions import HTTPException

from crime.core import limits
from crime.core.json_memory import count_marks, parsed_memory
from crime.serving.dependencies import settings_of
from crime.serving.errors import MAX_PROBLEMS, json_problem
from crime.serving.spool import AT_ONCE, TABLE_BODY, SpoolFile

ROWS_PER_BLOCK = 1_000  # of a JSON list that is written
Parsed = TypeVar("Parsed")


def media_type(request: Request) -> str:
    """The body's media type without parameters; JSON if the request does not say."""
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def table_body(request: Request) -> IO[bytes]:
    """The body of a request to one of admission control's `TABLE_PATHS`, at its start. It is on disk if it is large."""
    body: SpoolFile = request.scope[TABLE_BODY]
    return body.open()


async def answer_list(request: Request, answer: Callable[[IO[bytes]], Response]) -> Response:
    """Call `answer` with the body of a list of reports, in a thread.

    A small list is answered in the event loop, since handing it to a thread would take longer.
    """
    body: SpoolFile = request.scope[TABLE_BODY]
    with body.open() as file:
        if AT_ONCE in request.scope:
            return answer(file)
        return await run_in_threadpool(answer, file)


def read_list_body(file: IO[bytes], request: Request) -> bytes:
    """A body that is parsed as a whole. Raises 413 if it is too large, before any object is created."""
    reports = settings_of(request).max_batch
    max_bytes, max_values = reports * limits.LIST_BYTES_PER_REPORT, reports * limits.LIST_VALUES_PER_REPORT
    body = file.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise HTTPException(413, f"more than {max_bytes:,} bytes in one list: send a CSV table or Arrow stream")
    counts = count_marks(body)
    if counts[","] + counts["\n"] > max_values:
        raise HTTPException(413, f"more than {max_values:,} values in one list: send a CSV table or Arrow stream")
    max_memory = reports * limits.LIST_MEMORY_PER_REPORT
    if parsed_memory(body, counts) > max_memory:
        raise HTTPException(
            413, f"more than {max_memory:,} bytes of memory for one list: send a CSV table or fewer rows"
        )
    return body


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
