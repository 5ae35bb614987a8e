"""A report in a payload: LAPD's column names or snake_case, each value checked by the column's own parser."""

from types import NoneType
from typing import Annotated, Any

import numpy as np
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

from crime.features.definitions import ReportFields
from crime.reports.cells import OMITTED
from crime.reports.schema import BLANK_MEANS_NONE, COLUMNS, Column, column_key, is_known_code

EXAMPLE_REPORT: dict[str, Any] = {
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
READ_COLUMNS = {k: column for k, column in COLUMNS.items() if column.parse and k not in ("crm_cd", "dr_no")}
OPTIONAL_COLUMNS = [k for k, column in READ_COLUMNS.items() if not column.required and not k.startswith("vict_")]
NOT_KNOWN = float("nan")
PLAIN_TYPES = {str, int, float, NoneType, type(OMITTED)}


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
            if text == "" and column.key in BLANK_MEANS_NONE:
                return () if column.key == "mocodes" else 0.0
            return unknown
        assert column.parse
        parsed, _ = column.parse(text)
        return unknown if parsed is None else parsed

    return BeforeValidator(validate)


class _Base(BaseModel):
    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [EXAMPLE_REPORT]})

    @model_validator(mode="before")
    @classmethod
    def _any_dialect(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError("expected a report: an object with LAPD's column names")
        found = {READ_COLUMNS[k].name: value for name, value in data.items() if (k := column_key(name)) in READ_COLUMNS}
        numbers = (
            value for name, value in data.items() if column_key(name) == "dr_no" and isinstance(value, str | int)
        )
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


ReportNumber = Annotated[
    str, WithJsonSchema({"description": "text or a number, kept to compare answers with later labels"})
]
Report: type[_Base] = create_model(
    "Report",
    __base__=_Base,
    **{k: _field(c) for k, c in READ_COLUMNS.items()},
    dr_no=(ReportNumber, Field("", alias="DR_NO")),
)
Report.__doc__ = """One report, as far as it is known. Only DATE OCC, TIME OCC and AREA are required.

Leave a field out (or null) while it is not known; send it empty ("") if the report has it and it is blank.
Columns that follow from the answer are ignored.
"""


def stack_fields(rows: list[ReportFields]) -> dict[str, np.ndarray]:
    """Fields of many reports, an array each; none where there is no report."""
    fields: dict[str, np.ndarray] = {}
    for name in rows[0] if rows else ():
        column = [row[name] for row in rows]
        fields[name] = np.empty(len(rows), object) if name == "mocodes" else np.array(column, float)
        fields[name][:] = column
    return fields


def report_fields(report: BaseModel) -> tuple[ReportFields, list[str], list[str]]:
    """A report's fields for the model, the names of optional fields not known, and codes LAPD's tables lack."""
    fields = {**report.__dict__}  # as dict(report), which asks pydantic for each
    del fields["dr_no"]
    unknown = []
    for name in ("premis_cd", "weapon_used_cd"):
        code = fields[name]
        if code and code == code and not is_known_code(name, code):
            unknown.append(f"{READ_COLUMNS[name].name} {code}")
            fields[name] = NOT_KNOWN
    unknown += [f"Mocodes {code}" for code in fields["mocodes"] or () if not is_known_code("mocodes", code)]
    missing = [READ_COLUMNS[k].name for k in OPTIONAL_COLUMNS if fields[k] is None or fields[k] != fields[k]]
    return fields, missing, unknown
