"""`Report`, the report that the API takes: LAPD's column names in any dialect, values as LAPD's tables write them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from crime.features.definitions import ReportFields
from crime.reports.parsers import (
    Parsed,
    parse_age,
    parse_area,
    parse_code,
    parse_date,
    parse_district,
    parse_latitude,
    parse_letter,
    parse_longitude,
    parse_mocodes,
    parse_time,
)
from crime.reports.schema import COLUMNS, column_key, is_known_code

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
# Columns of LAPD's table that a report may give, by key. The crime code is what the model predicts.
REPORT_COLUMNS = {key: column for key, column in COLUMNS.items() if column.parse and key not in ("crm_cd", "dr_no")}
OPTIONAL_COLUMNS = [
    key for key, column in REPORT_COLUMNS.items() if not column.required and not key.startswith("vict_")
]
NOT_KNOWN = float("nan")
MAX_REPORT_NUMBER_CHARACTERS = 20  # more than LAPD's numbers have; the rest is cut off


def _cell_text(value: object) -> str | None:
    """The stripped text of a value, None for null and NaN. Raises `ValueError` for what a cell can't hold."""
    if value is None or value != value:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("expected a string or a number")
    return str(value).strip()


def _required(parse: Callable[[str], Parsed]) -> PlainValidator:
    def validate(value: object, info: ValidationInfo) -> Any:
        if text := _cell_text(value):
            return parse(text)[0]
        raise ValueError(f"required: expected {COLUMNS[info.field_name or ''].about}")

    return PlainValidator(validate, json_schema_input_type=str | float)


def _optional(parse: Callable[[str], Parsed], blank: float = NOT_KNOWN) -> PlainValidator:
    """`blank` is what an empty value means; null means not known."""

    def validate(value: object) -> Any:
        text = _cell_text(value)
        if not text:
            return blank if text == "" else NOT_KNOWN
        parsed = parse(text)[0]
        return NOT_KNOWN if parsed is None else parsed

    return PlainValidator(validate, json_schema_input_type=str | float | None)


def _validate_mocodes(value: object) -> tuple[str, ...] | None:
    text = _cell_text(" ".join(map(str, value)) if isinstance(value, list) else value)
    if not text:
        return () if text == "" else None
    codes: tuple[str, ...] = parse_mocodes(text)[0]
    return codes


_MOCODES_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "number"},
        {"type": "array", "items": {"type": ["string", "number"]}},
        {"type": "null"},
    ]
}
_REPORT_NUMBER_SCHEMA = {"description": "text or a number, kept to compare answers with later labels"}

Day = Annotated[int, _required(parse_date)]
Minute = Annotated[int, _required(parse_time)]
Area = Annotated[int, _required(parse_area)]
OptionalDay = Annotated[float, _optional(parse_date)]
District = Annotated[float, _optional(parse_district)]
Code = Annotated[float, _optional(parse_code, blank=0.0)]
MoCodes = Annotated[tuple[str, ...] | None, PlainValidator(_validate_mocodes), WithJsonSchema(_MOCODES_SCHEMA)]
Age = Annotated[float, _optional(parse_age)]
Letter = Annotated[float, _optional(parse_letter)]
Latitude = Annotated[float, _optional(parse_latitude)]
Longitude = Annotated[float, _optional(parse_longitude)]
ReportNumber = Annotated[str, WithJsonSchema(_REPORT_NUMBER_SCHEMA)]


class Report(BaseModel):
    """One report, as far as it is known. Only DATE OCC, TIME OCC and AREA are required.

    Leave a field out (or null) while it is not known; send it empty ("") if the report has it and it is blank.
    Columns that follow from the answer are ignored.
    """

    # Values are the model's: days since 1970-01-01, minutes of the day, letters and codes as numbers (0: none
    # recorded), NaN for what is not known (None for MO codes).
    date_rptd: OptionalDay = Field(NOT_KNOWN, alias="Date Rptd", description="date the report was taken")
    date_occ: Day = Field(alias="DATE OCC", description="date it happened")
    time_occ: Minute = Field(alias="TIME OCC", description="24-hour time it happened")
    area: Area = Field(alias="AREA", description="area, 1 to 21")
    rpt_dist_no: District = Field(NOT_KNOWN, alias="Rpt Dist No", description="reporting district")
    mocodes: MoCodes = Field(None, alias="Mocodes", description="how it was done")
    vict_age: Age = Field(NOT_KNOWN, alias="Vict Age", description="victim's age, used only by a model trained for it")
    vict_sex: Letter = Field(
        NOT_KNOWN, alias="Vict Sex", description="victim's sex, used only by a model trained for it"
    )
    vict_descent: Letter = Field(
        NOT_KNOWN, alias="Vict Descent", description="victim's descent, used only by a model trained for it"
    )
    premis_cd: Code = Field(NOT_KNOWN, alias="Premis Cd", description="kind of place")
    weapon_used_cd: Code = Field(NOT_KNOWN, alias="Weapon Used Cd", description="weapon")
    lat: Latitude = Field(NOT_KNOWN, alias="LAT", description="degrees north")
    lon: Longitude = Field(NOT_KNOWN, alias="LON", description="degrees east")
    dr_no: ReportNumber = Field("", alias="DR_NO")

    model_config = ConfigDict(extra="ignore", json_schema_extra={"examples": [EXAMPLE_REPORT]})

    @model_validator(mode="before")
    @classmethod
    def _rename_columns(cls, data: Any) -> dict[str, Any]:
        """Give columns LAPD's names, whatever the dialect. Of a column that comes twice the last counts."""
        if not isinstance(data, dict):
            raise ValueError("expected a report: an object with LAPD's column names")
        renamed: dict[str, Any] = {}
        number: str | int | None = None
        for name, value in data.items():
            key = column_key(name)
            if key in REPORT_COLUMNS:
                renamed[REPORT_COLUMNS[key].name] = value
            elif key == "dr_no" and number is None and isinstance(value, str | int):
                number = value
        renamed["DR_NO"] = "" if number is None else str(number)[:MAX_REPORT_NUMBER_CHARACTERS]
        return renamed

    @model_validator(mode="after")
    def _check_dates(self) -> Self:
        if self.date_rptd < self.date_occ:
            raise ValueError("Date Rptd: expected a date not before DATE OCC")
        return self


@dataclass(slots=True)
class ModelInput:
    """A report as the model takes it. `missing`: LAPD's names of the optional fields that are not known.

    `unknown_codes`: codes that LAPD's tables lack (`Premis Cd 999`); the model does not use them.
    """

    fields: ReportFields
    missing: list[str]
    unknown_codes: list[str]


def model_input(report: Report) -> ModelInput:
    """A report for the model."""
    fields = {**report.__dict__}  # dict(report) takes 5 µs
    del fields["dr_no"]
    unknown_codes = []
    for key in ("premis_cd", "weapon_used_cd"):
        code = fields[key]
        if code and code == code and not is_known_code(key, code):
            unknown_codes.append(f"{REPORT_COLUMNS[key].name} {code}")
            fields[key] = NOT_KNOWN
    unknown_codes += [f"Mocodes {code}" for code in fields["mocodes"] or () if not is_known_code("mocodes", code)]
    missing = [
        REPORT_COLUMNS[key].name for key in OPTIONAL_COLUMNS if fields[key] is None or fields[key] != fields[key]
    ]
    return ModelInput(fields, missing, unknown_codes)
