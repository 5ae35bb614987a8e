"""Many reports in one request: a JSON list, a CSV table or an Arrow stream."""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import IO, Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic_core import from_json

from crime.classifier.bundle import CategoryBundle
from crime.core.errors import DataError
from crime.reports.archives import UNREADABLE_ERRORS, open_unpacked
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS
from crime.serving.answers import REPORT_REFERENCE
from crime.serving.bodies import check_length, json_response, read_list_body, spool_body
from crime.serving.dependencies import model_of, recorder_of, settings_of
from crime.serving.errors import BAD_BODY_RESPONSE, WRONG_INPUT_RESPONSES, field_problem
from crime.serving.formats.arrow import ARROW_TYPE, open_arrow, score_arrow
from crime.serving.formats.csv import bounded_lines, score_csv
from crime.serving.payloads.predictions import Prediction
from crime.serving.payloads.report_list import parse_report_list
from crime.serving.recorder import Recorder, record_scored

router = APIRouter(tags=["predictions"])


@router.post(
    "/predict/batch",
    response_model=list[Prediction],
    responses={
        200: {
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                ARROW_TYPE: {"schema": {"type": "string", "format": "binary"}},
            }
        },
        413: {"description": "more than this server takes at once"},
        **BAD_BODY_RESPONSE,
        **WRONG_INPUT_RESPONSES,
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "array", "items": REPORT_REFERENCE}},
                "text/csv": {"schema": {"type": "string"}},
                ARROW_TYPE: {"schema": {"type": "string", "format": "binary"}},
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
            raise field_problem("file", None, "expected an uploaded CSV file in the form field `file`")
        return await run_in_threadpool(_scored_csv, model, upload.file, recorder)
    body = await spool_body(request)
    if kind == "application/json":
        return await run_in_threadpool(_scored_list, model, body, request)
    if kind == ARROW_TYPE:
        return await run_in_threadpool(_scored_arrow, model, body, recorder)
    return await run_in_threadpool(_scored_csv, model, body, recorder)


def _scored_list(model: CategoryBundle, file: IO[bytes], request: Request) -> Response:
    most = settings_of(request).max_batch
    try:
        with file:
            reports = from_json(read_list_body(file, request), cache_strings="keys")
    except ValueError as error:
        raise RequestValidationError(
            [{"loc": ("body",), "msg": str(error), "type": "json_invalid", "ctx": {"error": str(error)}}]
        ) from None
    if not isinstance(reports, list):
        raise field_problem("body", reports, "expected a list of reports")
    if len(reports) > most:
        raise HTTPException(413, f"{len(reports):,} reports in one list: at most {most:,}, or send a CSV table")
    if not reports:
        return json_response([])
    start = perf_counter()
    read = parse_report_list(reports)
    probabilities, used = model.predict(read.reports.fields, len(reports))
    took = round((perf_counter() - start) / len(reports) * 1000, 4)
    record_scored(model, recorder_of(request))(read.reports.fields, probabilities, used)
    label, rounded = probabilities.argmax(1), probabilities.round(6).tolist()
    levels, name, version = list(DETAIL_LEVELS), model.name, model.version
    rows = zip(label.tolist(), rounded, used.tolist(), read.missing, read.unknown_codes, strict=True)
    return json_response(
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


def _scored_csv(model: CategoryBundle, file: IO[bytes], recorder: Recorder) -> Response:
    def parts(stack: ExitStack) -> Iterator[str]:
        plain = stack.enter_context(open_unpacked(file))
        return score_csv(
            model, bounded_lines(io.TextIOWrapper(plain, "utf-8", "cp1252", newline="")), record_scored(model, recorder)
        )

    def cut(error: Exception) -> str:
        return f'"the table ends here: {error}"\n'

    headers = {"Content-Disposition": 'attachment; filename="predictions.csv"'}
    return _streamed(file, parts, cut, "text/csv", headers)


def _scored_arrow(model: CategoryBundle, file: IO[bytes], recorder: Recorder) -> Response:
    def parts(stack: ExitStack) -> Iterator[bytes]:
        return score_arrow(model, stack.enter_context(open_arrow(file)), record_scored(model, recorder))

    # an Arrow stream that breaks off is an error to whoever reads it
    return _streamed(file, parts, lambda error: b"", ARROW_TYPE, {})


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
    except (DataError, *UNREADABLE_ERRORS) as error:
        stack.close()
        raise field_problem("file", None, str(error)) from None

    def stream() -> Iterator[Any]:
        with stack:
            yield first
            try:
                yield from rest
            except (DataError, *UNREADABLE_ERRORS) as error:
                yield cut(error)

    return StreamingResponse(stream(), media_type=kind, headers=headers)
