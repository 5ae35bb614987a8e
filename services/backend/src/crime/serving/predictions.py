"""Predictions, and why."""

import codecs
import io
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import IO, Any

import numpy as np
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from crime.bundle import Bundle
from crime.bundle import Prediction as Given
from crime.data import UNREADABLE, DataError, unpacked
from crime.schema import CATEGORY_NAMES, LEVELS, table
from crime.scoring import score_csv
from crime.serving.metrics import PREDICTIONS
from crime.serving.recording import Recorder
from crime.serving.report import Report, fields_of, stacked
from crime.serving.state import following_of, model_of, recorder_of, settings_of

router = APIRouter(tags=["predictions"])
REPORTS = TypeAdapter(list[Report])  # type: ignore[valid-type]
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# what is not UTF-8 in an upload is read as Windows-1252, which spreadsheets write
codecs.register_error("cp1252", lambda e: (e.object[e.start : e.end].decode("cp1252", "replace"), e.end))  # type: ignore[attr-defined]


class Prediction(BaseModel):
    """The category of a report. `level` is how much of the report was known and used."""

    label: int = Field(description="0 to 6, in the order of `probabilities`")
    label_name: str
    probability: float
    probabilities: dict[str, float]
    level: str = Field(description=", ".join(LEVELS))
    missing: list[str] = Field(description="optional fields that were not given")
    unknown_codes: list[str] = Field(description="codes that LAPD's tables do not have; they are not used")
    model_name: str
    model_version: str
    inference_time_ms: float


class Reason(BaseModel):
    """What one field of the report did. `log_odds` of all reasons and `start` add up to the raw scores (tree SHAP)."""

    field: str
    value: str | None
    text: str
    log_odds: dict[str, float]


class Explanation(Prediction):
    reasons: list[Reason]
    start: dict[str, float]


class Problem(BaseModel):
    loc: list[str | int]
    field: str
    value: Any = None
    msg: str
    type: str


class Problems(BaseModel):
    """Wrong input: each problem names the field, its value and what was expected."""

    detail: list[Problem]


WRONG: dict[int | str, dict[str, Any]] = {422: {"model": Problems}, 503: {"description": "no model yet"}}


def _named(values: Any) -> dict[str, float]:
    return {name: round(float(value), 6) for name, value in zip(CATEGORY_NAMES, values, strict=True)}


def _answer(
    model: Bundle, missing: list[str], unknown: list[str], probabilities: np.ndarray, level: str, took: float
) -> dict[str, Any]:
    label = int(probabilities.argmax())
    PREDICTIONS.labels(CATEGORY_NAMES[label], model.version).inc()
    return {
        "label": label,
        "label_name": CATEGORY_NAMES[label],
        "probability": round(float(probabilities[label]), 6),
        "probabilities": _named(probabilities),
        "level": level,
        "missing": missing,
        "unknown_codes": unknown,
        "model_name": model.name,
        "model_version": model.version,
        "inference_time_ms": round(took * 1000, 4),
    }


@router.post("/predict", response_model=Prediction, responses=WRONG)
async def predict(report: Report, request: Request) -> Response:  # type: ignore[valid-type]
    """The category of one report, from date, time and area up. Scored in the event loop: it takes 0.1 ms."""
    champion = model_of(request)
    start = perf_counter()
    fields, missing, unknown = fields_of(report)
    model = following_of(request).answering(report.dr_no, fields) or champion  # type: ignore[attr-defined]
    prediction = model.predict_one(fields)
    took = perf_counter() - start
    recorder_of(request).add(model.version, prediction, report.dr_no, fields)  # type: ignore[attr-defined]
    return JSONResponse(_answer(model, missing, unknown, prediction.probabilities, prediction.level, took))


@router.post(
    "/predict/batch",
    response_model=list[Prediction],
    responses={
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
        413: {"description": "more than this server takes at once"},
        **WRONG,
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Report"}}},
                "text/csv": {"schema": {"type": "string"}},
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
    """A JSON list of reports, answered as a list; or a CSV table (as a body or an uploaded `file`, gzip and zip too),
    streamed back as CSV with the answer's columns behind its own and `error` where a row can't be read."""
    model, settings = model_of(request), settings_of(request)
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if int(request.headers.get("content-length") or 0) > settings.max_upload_bytes:
        raise HTTPException(413, f"the body is larger than {settings.max_upload_bytes:,} bytes")
    if kind == "multipart/form-data":
        form = await request.form()
        upload = next((part for part in form.values() if not isinstance(part, str)), None)
        if upload is None:
            raise _problem("file", None, "expected an uploaded CSV file in the form field `file`")
        return await run_in_threadpool(_scored_csv, model, upload.file)
    spooled = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115 (closed when the answer ends)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > settings.max_upload_bytes:
            raise HTTPException(413, f"the body is larger than {settings.max_upload_bytes:,} bytes")
        spooled.write(chunk)
    spooled.seek(0)
    if kind == "application/json":
        return await run_in_threadpool(_scored_list, model, spooled.read(), settings.max_batch, recorder_of(request))
    return await run_in_threadpool(_scored_csv, model, spooled)


def _problem(field: str, value: Any, message: str, *loc: str | int) -> RequestValidationError:
    return RequestValidationError(
        [{"loc": ("body", *loc, field), "msg": message, "type": "value_error", "input": value}]
    )


def _scored_list(model: Bundle, body: bytes, most: int, recorder: Recorder) -> Response:
    try:
        reports = REPORTS.validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**found, "loc": ("body", *found["loc"])} for found in error.errors(include_url=False)[:100]]
        ) from None
    if len(reports) > most:
        raise HTTPException(413, f"{len(reports):,} reports in one list: at most {most:,}, or send a CSV table")
    start = perf_counter()
    read = [fields_of(report) for report in reports]
    rows = [row for row, _, _ in read]
    probabilities, used = model.predict(stacked(rows), len(rows)) if rows else (np.zeros((0, 7)), np.zeros(0, int))
    took = (perf_counter() - start) / (len(rows) or 1)
    names = list(LEVELS)
    for report, row, shares, at in zip(reports, rows, probabilities, used, strict=True):
        recorder.add(model.version, Given(shares, names[at]), report.dr_no, row)  # type: ignore[attr-defined]
    return JSONResponse(
        [
            _answer(model, missing, unknown, shares, names[at], took)
            for (_, missing, unknown), shares, at in zip(read, probabilities, used, strict=True)
        ]
    )


def _scored_csv(model: Bundle, file: IO[bytes]) -> Response:
    stack = ExitStack()
    stack.callback(file.close)
    try:
        plain = stack.enter_context(unpacked(file))
        lines = io.TextIOWrapper(plain, "utf-8", "cp1252", newline="")
        parts = score_csv(model, lines)
        first = next(parts)  # the table's header is checked before the answer starts
    except (DataError, *UNREADABLE) as error:
        stack.close()
        raise _problem("file", None, str(error)) from None

    def stream() -> Iterator[str]:
        with stack:
            yield first
            try:
                yield from parts
            except (DataError, *UNREADABLE) as error:  # too late for a status: say it where the rows would be
                yield f'"the table ends here: {error}"\n'

    return StreamingResponse(
        stream(),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="predictions.csv"'},
    )


@router.post("/explain", response_model=Explanation, responses=WRONG)
def explain(report: Report, request: Request) -> Response:  # type: ignore[valid-type]
    """A prediction and which fields pushed it where, strongest first: tree SHAP, in words.

    What all fields together say for a category is shared out among those that pushed the same way.
    """
    model = model_of(request)
    fields, missing, unknown = fields_of(report)
    start = perf_counter()
    prediction, parts, base = model.explain(fields)
    took = perf_counter() - start
    answer = _answer(model, missing, unknown, prediction.probabilities, prediction.level, took)
    label = answer["label"]

    def push(part: str) -> float:  # scores are relative: what counts is the push against the other categories
        return float(parts[part][label] - parts[part].mean())

    reasons = []
    for part in sorted(parts, key=lambda part: -abs(push(part))):
        value = None if part in missing else _in_words(part, fields)
        rest = "not given" if value is None else value
        reasons.append(
            {
                "field": part,
                "value": value,
                "text": f"{_FIELD_WORDS.get(part, part)}: {rest}, {_strength(push(part))} {CATEGORY_NAMES[label]}",
                "log_odds": _named(parts[part]),
            }
        )
    return JSONResponse({**answer, "reasons": reasons, "start": _named(base)})


_FIELD_WORDS = {
    "DATE OCC": "Date",
    "TIME OCC": "Time",
    "AREA": "Area",
    "Rpt Dist No": "Reporting district",
    "LAT": "Latitude",
    "LON": "Longitude",
    "Date Rptd": "Reported",
    "Premis Cd": "Premise",
    "Weapon Used Cd": "Weapon",
    "Mocodes": "MO codes",
}


def _strength(push: float) -> str:
    words = "speaks {} {}" if abs(push) >= 0.05 else "says little about"
    size = "strongly" if abs(push) >= 1 else "clearly" if abs(push) >= 0.3 else "slightly"
    return words.format(size, "for" if push > 0 else "against")


def _in_words(part: str, fields: Any) -> str:
    column, _, code = part.partition(" ") if part.startswith("Mocodes ") else (part, "", "")
    if code:
        return f"{code} {table('mo').get(code, '')}".strip()
    match column:
        case "DATE OCC":
            day = np.datetime64(int(fields["date_occ"]), "D")
            return f"{WEEKDAYS[(int(fields['date_occ']) + 3) % 7]}, {day}"
        case "TIME OCC":
            return f"{fields['time_occ'] // 60:02}:{fields['time_occ'] % 60:02}"
        case "AREA":
            return table("area")[str(fields["area"])]
        case "Rpt Dist No":
            return str(fields["rpt_dist_no"])
        case "LAT" | "LON":
            return f"{fields[column.lower()]:.4f}"
        case "Date Rptd":
            days = int(fields["date_rptd"] - fields["date_occ"])
            return "the same day" if not days else f"{days:,} day{'s' * (days > 1)} later"
        case "Premis Cd" | "Weapon Used Cd":
            code, codes = (
                (fields["premis_cd"], "premis") if column == "Premis Cd" else (fields["weapon_used_cd"], "weapon")
            )
            return table(codes).get(f"{code:g}", f"code {code:g}") if code else "none recorded"
        case "Mocodes":
            return "their number, and all that were not given"
        case _:
            return f"{fields[column.lower().replace(' ', '_')]:g}"
