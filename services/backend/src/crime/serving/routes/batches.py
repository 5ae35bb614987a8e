"""Predict many reports in one request: a JSON list, a CSV table or an Arrow stream."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from itertools import chain
from time import perf_counter
from typing import IO, Annotated, TypeVar

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter
from pydantic_core import from_json
from python_multipart.multipart import parse_options_header

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ScoreBlock
from crime.core import limits
from crime.core.errors import DataError
from crime.reports.archives import UNREADABLE_ERRORS, open_unpacked
from crime.reports.sources import FIELDS, SOURCES
from crime.serving.answers import predictions_json
from crime.serving.bodies import answer_list, json_response, media_type, read_list_body, table_body
from crime.serving.column_table import not_read
from crime.serving.dependencies import model_of, predictions_of, settings_of
from crime.serving.errors import BODY_RESPONSES, Responses, field_problem, json_problem, table_problem
from crime.serving.formats.arrow import ARROW_TYPE, answer_arrow, column_names, open_arrow
from crime.serving.formats.csv import answer_csv, open_csv
from crime.serving.payloads.predictions import REPORT_REFERENCE, Prediction, TableColumn
from crime.serving.payloads.report_list import parse_report_list
from crime.serving.translation import language_of

router = APIRouter(tags=["predictions"])
Piece = TypeVar("Piece", str, bytes)
MAPPING_ADAPTER = TypeAdapter(dict[str, str])

TEXT_SCHEMA = {"schema": {"type": "string"}}
BINARY_SCHEMA = {"schema": {"type": "string", "format": "binary"}}
UPLOAD_SCHEMA = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}},
    }
}
BATCH_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "items": REPORT_REFERENCE}},
            "text/csv": TEXT_SCHEMA,
            ARROW_TYPE: BINARY_SCHEMA,
            "multipart/form-data": UPLOAD_SCHEMA | {"encoding": {"file": {"contentType": "text/csv"}}},
        },
    }
}
BATCH_RESPONSES: Responses = {
    200: {"content": {"text/csv": TEXT_SCHEMA, ARROW_TYPE: BINARY_SCHEMA}},
    **BODY_RESPONSES,
}


@router.post("/predict/batch", response_model=list[Prediction], responses=BATCH_RESPONSES, openapi_extra=BATCH_BODY)
async def predict_batch(
    request: Request,
    day_first: Annotated[
        bool | None,
        Query(description="of a CSV table whose dates are as 01/02/2020, where its other rows do not tell"),
    ] = None,
    record: Annotated[
        bool,
        Query(description="false: these are no live reports, so that drift and performance are not measured on them"),
    ] = True,
    columns: Annotated[
        str | None,
        Query(
            description="of a CSV table with other names of columns: a JSON object of its names by LAPD's",
            examples=['{"DATE OCC": "When", "TIME OCC": "When", "AREA": "Division"}'],
        ),
    ] = None,
) -> Response:
    """Predict many reports. The answer has the format of the body:

    - a JSON list of reports: a list of predictions;
    - a CSV table, as the body or as an uploaded `file`, also packed with gzip or zip: the table followed by the columns
      of the prediction, with `error` where a row can't be read, streamed back. Four more tell of each row the day that
      was read, the category of its own crime code, what was read otherwise than it is written, and warnings;
    - an Arrow IPC stream: a stream with the columns of the prediction alone.

    Systems that send reports as they come leave `record` as it is; an old table, or one that an analyst looks at, is
    sent with `record=false`. The header `Columns-Not-Read` lists a table's columns that no report has. A table that
    lacks columns is a 422 that lists those it has (`columns`), one whose dates may have the day or the month first is a
    422 of the type `date_order`.
    """
    champion = model_of(request)
    score = partial(predictions_of(request).predict_table, champion, record=record)
    body_type = media_type(request)
    mapping = _mapping(columns)
    language = language_of(request)
    answer = partial(
        _answer_csv, score=score, champion=champion, day_first=day_first, mapping=mapping, language=language
    )
    if body_type == "multipart/form-data":
        return await run_in_threadpool(answer, await _uploaded_file(request))
    if day_first is not None and body_type in ("application/json", ARROW_TYPE):
        raise field_problem("day_first", day_first, "expected with a CSV table; in JSON and Arrow the month is first")
    if mapping and body_type in ("application/json", ARROW_TYPE):
        raise field_problem("columns", columns, "expected with a CSV table; in JSON and Arrow use LAPD's names")
    if body_type == "application/json":
        return await answer_list(request, partial(_answer_list, champion, request, score))
    body = table_body(request)
    if body_type == ARROW_TYPE:
        return await run_in_threadpool(_answer_arrow, body, score)
    return await run_in_threadpool(answer, body)


async def _uploaded_file(request: Request) -> IO[bytes]:
    """The file of a form. Raises 400 for a form that can't be read, 422 without a file."""
    _, parameters = parse_options_header(request.headers["content-type"])
    if parameters.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        # names and fields would be decoded by any of Python's codecs: punycode takes 24 s for 1 MB
        raise HTTPException(400, "expected a form in UTF-8")
    form = await request.form(max_files=1, max_fields=16)
    upload = next((part for part in form.values() if not isinstance(part, str)), None)
    if upload is None:
        raise field_problem("file", None, "expected an uploaded CSV file in the form field `file`")
    return upload.file


def _answer_list(champion: CategoryBundle, request: Request, score: ScoreBlock, file: IO[bytes]) -> Response:
    limit = settings_of(request).max_batch
    try:
        payload = from_json(read_list_body(file, request), cache_strings="keys")
    except ValueError as error:
        raise json_problem(str(error)) from None
    if not isinstance(payload, list):
        raise field_problem("body", payload, "expected a list of reports")
    if len(payload) > limit:
        raise HTTPException(413, f"{len(payload):,} reports in one list: at most {limit:,}, or send a CSV table")
    if not payload:
        return json_response([])
    start = perf_counter()
    reports = parse_report_list(payload)
    del payload  # frees 100 MB of a long list before its answer is made
    parse_seconds = perf_counter() - start
    scored = score(reports.reports)
    content = predictions_json(champion, reports, scored, parse_seconds + scored.seconds)
    return Response(content, media_type="application/json")


def _mapping(columns: str | None) -> dict[str, str]:
    """The query's `columns`, parsed. Raises `RequestValidationError`."""
    try:
        return {} if columns is None else MAPPING_ADAPTER.validate_json(columns)
    except ValueError:
        raise field_problem("columns", columns, "expected a JSON object of this table's names by LAPD's") from None


@router.get("/columns")
def read_columns() -> list[TableColumn]:
    """The columns of a table of reports that are read, those that every table needs first."""
    found = [
        TableColumn(
            name=FIELDS[key].name,
            about=FIELDS[key].about,
            required=FIELDS[key].required,
            systems=[system for system, source in SOURCES.items() if key in source.fields],
        )
        for key in dict.fromkeys(chain.from_iterable(source.fields for source in SOURCES.values()))
    ]
    return sorted(found, key=lambda column: not column.required)


def _answer_csv(
    file: IO[bytes],
    score: ScoreBlock,
    champion: CategoryBundle,
    day_first: bool | None,
    mapping: dict[str, str],
    language: str,
) -> Response:
    headers = {"Content-Disposition": 'attachment; filename="predictions.csv"'}

    def pieces(stack: ExitStack) -> Iterator[str]:
        table = open_csv(stack.enter_context(open_unpacked(file, limits.UNPACKED_BYTES)), day_first, mapping)
        headers.update(not_read(table.unmapped_names))
        return answer_csv(table, score, champion, language=language)

    return _stream(file, pieces, "text/csv", headers)


def _answer_arrow(file: IO[bytes], score: ScoreBlock) -> Response:
    headers: dict[str, str] = {}

    def pieces(stack: ExitStack) -> Iterator[bytes]:
        arrays = stack.enter_context(open_arrow(file))
        headers.update(not_read(column_names(arrays)))
        return answer_arrow(arrays, score)

    return _stream(file, pieces, ARROW_TYPE, headers)


def _stream(
    file: IO[bytes],
    pieces: Callable[[ExitStack], Iterator[Piece]],
    answer_type: str,
    headers: dict[str, str],
) -> Response:
    """Answer piece by piece. `file` and what `pieces` puts on the stack are closed at the end.

    `pieces` may add to `headers`. An error before the first piece is a 422. Later the status is sent already, and the
    answer ends: an Arrow stream without its end marker is an error to its reader.
    """
    stack = ExitStack()
    stack.callback(file.close)
    try:
        rest = pieces(stack)
        first = next(rest)
    except (DataError, *UNREADABLE_ERRORS) as error:
        stack.close()
        raise table_problem(error) from None

    def stream() -> Iterator[Piece]:
        with stack:
            yield first
            with suppress(DataError, *UNREADABLE_ERRORS):
                yield from rest

    return StreamingResponse(stream(), media_type=answer_type, headers=headers)
