"""Many reports in one request: a JSON list, a CSV table or an Arrow stream."""

import codecs
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import IO, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic_core import from_json

from crime.bundle import Bundle
from crime.data import UNREADABLE, DataError, unpacked
from crime.schema import CATEGORY_NAMES, LEVELS
from crime.scoring import Seen, score_csv
from crime.serving import arrow
from crime.serving.predictions import NO_TEXT, REFERENCE, WRONG, Prediction, counter, json_of
from crime.serving.recording import Recorder
from crime.serving.report import listed
from crime.serving.state import model_of, recorder_of, settings_of

router = APIRouter(tags=["predictions"])
LONGEST_LINE = 1 << 20
REPORT_BYTES, REPORT_VALUES = 1024, 48  # that one report of a body that is read as a whole may take on average

# what is not UTF-8 in an upload is read as Windows-1252, which spreadsheets write
codecs.register_error("cp1252", lambda e: (e.object[e.start : e.end].decode("cp1252", "replace"), e.end))  # type: ignore[attr-defined]


@router.post(
    "/predict/batch",
    response_model=list[Prediction],
    responses={
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                arrow.KIND: {"schema": {"type": "string", "format": "binary"}},
            }
        },
        413: {"description": "more than this server takes at once"},
        **NO_TEXT,
        **WRONG,
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "array", "items": REFERENCE}},
                "text/csv": {"schema": {"type": "string"}},
                arrow.KIND: {"schema": {"type": "string", "format": "binary"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                },
            },
        }
    },
)
async def predict_batch(request: Request) -> Response:
    """A JSON list of reports, answered as a list; a CSV table (as a body or an uploaded `file`, gzip and zip too),
    streamed back as CSV with the answer's columns behind its own and `error` where a row can't be read; or an Arrow
    IPC stream, answered as one with the same columns alone."""
    model, recorder = model_of(request), recorder_of(request)
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        check_length(request)
        form = await request.form()
        upload = next((part for part in form.values() if not isinstance(part, str)), None)
        if upload is None:
            raise problem("file", None, "expected an uploaded CSV file in the form field `file`")
        return await run_in_threadpool(_scored_csv, model, upload.file, recorder)
    body = await spooled(request)
    if kind == "application/json":
        return await run_in_threadpool(_scored_list, model, body, request)
    if kind == arrow.KIND:
        return await run_in_threadpool(_scored_arrow, model, body, recorder)
    return await run_in_threadpool(_scored_csv, model, body, recorder)


def check_length(request: Request) -> None:
    """Raises 413 for a body that says that it is too large."""
    most, length = settings_of(request).max_upload_bytes, request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise HTTPException(413, f"the body is larger than {most:,} bytes")


async def spooled(request: Request) -> IO[bytes]:
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


def at_once(file: IO[bytes], request: Request) -> bytes:
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


def watched(model: Bundle, recorder: Recorder) -> Seen:
    """Counts and records the answers to a table's reports."""

    def seen(fields: dict[str, np.ndarray], probabilities: np.ndarray, used: np.ndarray) -> None:
        recorder.add_all(model.version, fields, probabilities, used)
        for name, count in zip(CATEGORY_NAMES, np.bincount(probabilities.argmax(1), minlength=7).tolist(), strict=True):
            counter(name, model.version).inc(count)

    return seen


def problem(field: str, value: Any, message: str) -> RequestValidationError:
    """A 422 that names one field of the body."""
    return RequestValidationError([{"loc": ("body", field), "msg": message, "type": "value_error", "input": value}])


def _scored_list(model: Bundle, file: IO[bytes], request: Request) -> Response:
    most = settings_of(request).max_batch
    try:
        with file:
            reports = from_json(at_once(file, request), cache_strings="keys")
    except ValueError as error:
        raise RequestValidationError(
            [{"loc": ("body",), "msg": str(error), "type": "json_invalid", "ctx": {"error": str(error)}}]
        ) from None
    if not isinstance(reports, list):
        raise problem("body", reports, "expected a list of reports")
    if len(reports) > most:
        raise HTTPException(413, f"{len(reports):,} reports in one list: at most {most:,}, or send a CSV table")
    if not reports:
        return json_of([])
    start = perf_counter()
    read = listed(reports)
    probabilities, used = model.predict(read.fields, len(reports))
    took = round((perf_counter() - start) / len(reports) * 1000, 4)
    watched(model, recorder_of(request))(read.fields, probabilities, used)
    label, rounded = probabilities.argmax(1), probabilities.round(6).tolist()
    levels, name, version = list(LEVELS), model.name, model.version
    rows = zip(label.tolist(), rounded, used.tolist(), read.missing, read.unknown, strict=True)
    return json_of(
        [
            {
                "label": at,
                "label_name": CATEGORY_NAMES[at],
                "probability": shares[at],
                "probabilities": dict(zip(CATEGORY_NAMES, shares, strict=True)),
                "level": levels[level],
                "missing": missing,
                "unknown_codes": unknown,
                "model_name": name,
                "model_version": version,
                "inference_time_ms": took,
            }
            for at, shares, level, missing, unknown in rows
        ]
    )


def _scored_csv(model: Bundle, file: IO[bytes], recorder: Recorder) -> Response:
    def parts(stack: ExitStack) -> Iterator[str]:
        plain = stack.enter_context(unpacked(file))
        return score_csv(
            model, _lines(io.TextIOWrapper(plain, "utf-8", "cp1252", newline="")), watched(model, recorder)
        )

    def cut(error: Exception) -> str:
        return f'"the table ends here: {error}"\n'

    headers = {"Content-Disposition": 'attachment; filename="predictions.csv"'}
    return _streamed(file, parts, cut, "text/csv", headers)


def _lines(text: io.TextIOBase) -> Iterator[str]:
    """A few bytes of gzip can be a line of many gigabytes."""
    while line := text.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise DataError(f"a line of {LONGEST_LINE:,} characters or more")
        yield line


def _scored_arrow(model: Bundle, file: IO[bytes], recorder: Recorder) -> Response:
    def parts(stack: ExitStack) -> Iterator[bytes]:
        return arrow.scored(model, stack.enter_context(arrow.reader(file)), watched(model, recorder))

    # an Arrow stream that breaks off is an error to whoever reads it
    return _streamed(file, parts, lambda error: b"", arrow.KIND, {})


def _streamed(
    file: IO[bytes],
    parts: Callable[[ExitStack], Iterator[Any]],
    cut: Callable[[Exception], Any],
    kind: str,
    headers: dict[str, str],
) -> Response:
    """Answer part by part. What is wrong with the first, as with a table's header, is a 422; later it is too late."""
    stack = ExitStack()
    stack.callback(file.close)
    try:
        rest = parts(stack)
        first = next(rest)
    except (DataError, *UNREADABLE) as error:
        stack.close()
        raise problem("file", None, str(error)) from None

    def stream() -> Iterator[Any]:
        with stack:
            yield first
            try:
                yield from rest
            except (DataError, *UNREADABLE) as error:
                yield cut(error)

    return StreamingResponse(stream(), media_type=kind, headers=headers)
