"""A report in a payload: LAPD's column names or snake_case, each value checked by the column's own parser."""

from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import Annotated, Any

import numpy as np
from fastapi.exceptions import RequestValidationError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    model_validator,
)

from crime.data import NOT_GIVEN, Encoded, Tally, encode, normalise
from crime.features import Fields
from crime.schema import BLANK_IS_NONE, COLUMNS, Column, key, known_code

EXAMPLE: dict[str, Any] = {
    "DATE OCC": "01/15/2023 02:30:00 PM",
    "TIME OCC": 1430,
    "AREA": 1,
    "Rpt Dist No": 162,
    "Premis Cd": 101,
    "Weapon Used Cd": 400,
    "Mocodes": "0344 1822",
    "LAT": 34.0459,
    "LON": -118.2545,
}
READ = {k: column for k, column in COLUMNS.items() if column.parse and k not in ("crm_cd", "dr_no")}
OPTIONAL = [k for k, column in READ.items() if not column.required and not k.startswith("vict_")]
NOT_KNOWN = float("nan")
PLAIN = {str, int, float, NoneType, type(NOT_GIVEN)}
MOST_WRONG = 100  # problems told of one request


def _validator(column: Column) -> Any:
    unknown = None if column.key == "mocodes" else NOT_KNOWN

    def validate(value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, list) and column.key == "mocodes":
            value = " ".join(map(str, value))
        if value is None or value != value:
            text = None
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("expected a string or a number")
        else:
            text = str(value).strip()
        if not text:
            if column.required:
                raise ValueError(f"required: expected {column.about}")
            if text == "" and column.key in BLANK_IS_NONE:
                return () if column.key == "mocodes" else 0.0
            return unknown
        assert column.parse
        parsed, _ = column.parse(text)
        return unknown if parsed is None else parsed

    return BeforeValidator(validate)


class _Base(BaseModel):
    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [EXAMPLE]})

    @model_validator(mode="before")
    @classmethod
    def _any_dialect(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError("expected a report: an object with LAPD's column names")
        found = {READ[k].name: value for name, value in data.items() if (k := key(name)) in READ}
        numbers = (value for name, value in data.items() if key(name) == "dr_no" and isinstance(value, str | int))
        return found | {"DR_NO": str(next(numbers, ""))[:20]}

    @model_validator(mode="after")
    def _reported_after(self) -> "_Base":
        if self.date_rptd < self.date_occ:  # type: ignore[attr-defined]
            raise ValueError("Date Rptd: expected a date not before DATE OCC")
        return self


def _field(column: Column) -> Any:
    kinds: list[dict[str, Any]] = [{"type": "string"}, {"type": "number"}]
    if column.key == "mocodes":
        kinds.append({"type": "array", "items": {"type": ["string", "number"]}})
    if not column.required:
        kinds.append({"type": "null"})
    kind = Annotated[Any, _validator(column), WithJsonSchema({"anyOf": kinds, "description": column.about})]
    default = ... if column.required else (None if column.key == "mocodes" else NOT_KNOWN)
    return kind, Field(default, alias=column.name)


NUMBER = Annotated[str, WithJsonSchema({"description": "text or a number, kept to compare answers with later labels"})]
Report: type[_Base] = create_model(
    "Report", __base__=_Base, **{k: _field(c) for k, c in READ.items()}, dr_no=(NUMBER, Field("", alias="DR_NO"))
)
Report.__doc__ = """One report, as far as it is known. Only DATE OCC, TIME OCC and AREA are required.

Leave a field out (or null) while it is not known; send it empty ("") if the report has it and it is blank.
Columns that follow from the answer are ignored.
"""


@dataclass(frozen=True)
class Listed:
    """Reports of a JSON list: fields (rows,) for the model, and what `fields_of` tells of each."""

    fields: dict[str, np.ndarray]
    missing: list[list[str]]
    unknown: list[list[str]]


def listed(reports: list[Any]) -> Listed:
    """Read a JSON list of reports as `Report` and `fields_of` read each, a column at a time: a tenth of the time.

    Raises `RequestValidationError`, which names the row and the field of every wrong row's first problem.
    """
    rows = len(reports)
    for row, report in enumerate(reports):
        if not isinstance(report, dict):
            raise _wrong([(row, None, report, "expected a report: an object with LAPD's column names")])
    columns, wrong = _columns(reports)
    if wrong:
        raise _wrong(wrong)
    read = normalise(columns, rows, Tally(), strict=True)
    for at in np.flatnonzero(read.errors != None)[:MOST_WRONG].tolist():  # noqa: E711 (elementwise)
        name, _, text = read.errors[at].removesuffix(" is blank").partition(":")
        cells, index = columns[key(name)]
        cell = cells[index[at]]
        wrong.append((at, name, None if cell is NOT_GIVEN else cell, text.strip() or _required(name)))
    if wrong:
        raise _wrong(wrong)
    unknown: list[list[str]] = [[] for _ in range(rows)]
    for name in ("premis_cd", "weapon_used_cd", "mocodes"):
        cells, index = columns.get(name, ((), np.zeros(0, int)))
        found = {place: codes for place, cell in enumerate(cells) if (codes := _unknown_codes(name, cell))}
        for at in np.flatnonzero(np.isin(index, list(found))).tolist():
            unknown[at] += found[int(index[at])]
    return Listed(read.fields, _missing(read.fields), unknown)


def _missing(fields: dict[str, np.ndarray]) -> list[list[str]]:
    """Names of the optional fields not known, report by report; most reports share a few such lists."""
    absent = [fields[k] == None if k == "mocodes" else np.isnan(fields[k]) for k in OPTIONAL]  # noqa: E711 (elementwise)
    patterns, of = np.unique(np.array(absent), axis=1, return_inverse=True)
    names = [[READ[k].name for k, bit in zip(OPTIONAL, pattern, strict=True) if bit] for pattern in patterns.T.tolist()]
    return [names[at] for at in of.ravel().tolist()]


def _columns(reports: list[dict[str, Any]]) -> tuple[dict[str, Encoded], list[Any]]:
    """Columns by key; a name left out, or null, is not given. And cells that are no string or number."""
    rows, wrong = len(reports), []
    names: dict[str, list[str]] = {k: [] for k, column in READ.items() if column.required}
    for name in dict.fromkeys(chain.from_iterable(reports)):
        if (k := key(name)) in READ or k == "dr_no":
            names.setdefault(k, []).insert(0, name)
    columns: dict[str, Encoded] = {}
    for k, same in names.items():
        if len(same) == 1:
            cells = [report.get(same[0], NOT_GIVEN) for report in reports]
        else:
            cells = [next((report[name] for name in same if name in report), NOT_GIVEN) for report in reports]
        if k == "dr_no":
            cells = [str(cell)[:20] if isinstance(cell, str | int) else NOT_GIVEN for cell in cells]
        elif not set(map(type, cells)) <= PLAIN:
            for row, cell in enumerate(cells):
                if k == "mocodes" and isinstance(cell, list):
                    cells[row] = " ".join(map(str, cell))
                elif type(cell) not in PLAIN:
                    wrong.append((row, READ[k].name, cell, "expected a string or a number"))
        if wrong:
            continue
        distinct, index = encode(cells)
        columns[k] = [NOT_GIVEN if cell is None or cell != cell else cell for cell in distinct], index
    return columns, wrong if rows else []


def _unknown_codes(name: str, cell: Any) -> list[str]:
    text = "" if cell is NOT_GIVEN else str(cell).strip()
    parse = READ[name].parse
    assert parse
    value = parse(text)[0] if text else None
    codes = (value or ()) if name == "mocodes" else [value] if value else []
    return [f"{READ[name].name} {code}" for code in codes if not known_code(name, code)]


def _required(name: str) -> str:
    return f"required: expected {READ[key(name)].about}"


def _wrong(found: list[tuple[int, str | None, Any, str]]) -> RequestValidationError:
    return RequestValidationError(
        [
            {"loc": ("body", row, *([name] if name else ())), "msg": text, "type": "value_error", "input": value}
            for row, name, value, text in found[:MOST_WRONG]
        ]
    )


def stacked(rows: list[Fields]) -> dict[str, np.ndarray]:
    """Fields of many reports, an array each; none where there is no report."""
    fields: dict[str, np.ndarray] = {}
    for name in rows[0] if rows else ():
        column = [row[name] for row in rows]
        fields[name] = np.empty(len(rows), object) if name == "mocodes" else np.array(column, float)
        fields[name][:] = column
    return fields


def fields_of(report: BaseModel) -> tuple[Fields, list[str], list[str]]:
    """A report's fields for the model, the names of optional fields not known, and codes LAPD's tables lack."""
    fields = {**report.__dict__}  # as dict(report), which asks pydantic for each
    del fields["dr_no"]
    unknown = []
    for name in ("premis_cd", "weapon_used_cd"):
        code = fields[name]
        if code and code == code and not known_code(name, code):
            unknown.append(f"{READ[name].name} {code}")
            fields[name] = NOT_KNOWN
    unknown += [f"Mocodes {code}" for code in fields["mocodes"] or () if not known_code("mocodes", code)]
    missing = [READ[k].name for k in OPTIONAL if fields[k] is None or fields[k] != fields[k]]
    return fields, missing, unknown
