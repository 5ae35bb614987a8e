"""Many reports in one request: a JSON list, a CSV table or an Arrow stream."""

import tempfile
from typing import IO, Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from crime.serving.dependencies import settings_of
from crime.serving.errors import MAX_PROBLEMS

REPORT_BYTES, REPORT_VALUES = 1024, 48  # that one report of a body that is read as a whole may take on average


def check_length(request: Request) -> None:
    """Raises 413 for a body that says that it is too large."""
    most, length = settings_of(request).max_upload_bytes, request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise HTTPException(413, f"the body is larger than {most:,} bytes")


async def spool_body(request: Request) -> IO[bytes]:
    """The body, on disk if it is large. Raises 413 where it is too large, whatever it says."""
    check_length(request)
    most, size = settings_of(request).max_upload_bytes, 0
    file = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115 (closed when the answer ends)
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            file.close()
            raise HTTPException(413, f"the body is larger than {most:,} bytes")
        file.write(chunk)
    file.seek(0)
    return file


def read_list_body(file: IO[bytes], request: Request) -> bytes:
    """A body that becomes objects all at once, which take many times its room: raises 413 before they are made."""
    most = settings_of(request).max_batch
    body = file.read(most * REPORT_BYTES + 1)
    if len(body) > most * REPORT_BYTES:
        raise HTTPException(
            413, f"more than {most * REPORT_BYTES:,} bytes in one list: send a CSV table or Arrow stream"
        )
    if body.count(b",") + body.count(b"\n") > most * REPORT_VALUES:
        raise HTTPException(
            413, f"more than {most * REPORT_VALUES:,} values in one list: send a CSV table or Arrow stream"
        )
    return body


def parse_json(kind: TypeAdapter[Any], body: bytes) -> Any:
    """What a JSON body says, as `kind`. Raises `RequestValidationError`."""
    try:
        return kind.validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**found, "loc": ("body", *found["loc"])} for found in error.errors(include_url=False)[:MAX_PROBLEMS]]
        ) from None


def json_response(answer: Any) -> Response:
    """FastAPI's JSON response, in a third of the time."""
    return Response(to_json(answer), media_type="application/json")
