"""`Report`, the report that the API takes: LAPD's column names in any dialect, values as LAPD's tables write them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema

from crime.core import limits
from crime.features.definitions import ReportFields
from crime.reports.dates import parse_date
from crime.reports.parsers import (
    TABLE_FORMS,
    Parsed,
    parse_age,
    parse_area,
    parse_district,
    parse_latitude,
    parse_letter,
    parse_longitude,
    parse_mocodes,
    parse_name,
    parse_system,
    parse_time,
    parse_yes_no,
)
from crime.reports.schema import column_key
from crime.reports.sources import FIELDS, NAME_OF_CODE, SOURCES, is_filled, system_of
from crime.reports.systems import NONE_RECORDED, SYSTEMS, Code
from crime.serving.payloads import report_schema as schema
from crime.serving.payloads.report_warnings import unread_warnings

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
# Fields that a report may give, with their columns. The crime code is what the model predicts.
REPORT_COLUMNS = {key: column for key, column in FIELDS.items() if key not in ("crime_code", "dr_no", "caseno")}
# The fields that each system's reports have besides the required ones; a name is needed only where its code is missing.
OPTIONAL_FIELDS = {
    system: [
        key
        for key, column in source.fields.items()
        if key in REPORT_COLUMNS
        and not column.required
        and not key.startswith("vict_")
        and key not in NAME_OF_CODE.values()
    ]
    for system, source in SOURCES.items()
}
NOT_KNOWN = float("nan")
MAX_REPORT_NUMBER_CHARACTERS = 20  # more than LAPD's numbers have; the rest is cut off


def _cell_text(value: object) -> str | None:
    """The stripped text of a value, None for null and NaN. Raises `ValueError` for what a cell can't hold."""
    if value is None or value != value:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("expected a string or a number")
    return str(value).strip()


def _parse_sent(parse: Callable[[str], Parsed], text: str) -> Any:
    """The value of a text. Raises `ValueError`, also for what is a date or a time in tables alone."""
    value, repair = parse(text)
    if repair in TABLE_FORMS:
        raise ValueError(TABLE_FORMS[repair])
    return value


def _required(parse: Callable[[str], Parsed]) -> PlainValidator:
    def validate(value: object, info: ValidationInfo) -> Any:
        if text := _cell_text(value):
            return _parse_sent(parse, text)
        raise ValueError(f"required: expected {FIELDS[info.field_name or ''].about}")

    return PlainValidator(validate)


def _optional(parse: Callable[[str], Parsed]) -> PlainValidator:
    def validate(value: object) -> Any:
        text = _cell_text(value)
        if not text:
            return NOT_KNOWN
        parsed = _parse_sent(parse, text)
        return NOT_KNOWN if parsed is None else parsed

    return PlainValidator(validate)


def _validate_system(value: object) -> int:
    text = _cell_text(value)
    system: int = parse_system(text)[0] if text else 0
    return system


def _validate_code(value: object, info: ValidationInfo) -> Code | None:
    """A premise's or weapon's code, by the report's system; null means not known, an empty value none recorded."""
    text = _cell_text(value)
    if not text:
        return NONE_RECORDED if text == "" else None
    source = SOURCES[SYSTEMS[info.data.get("system", 0)]]
    column = source.fields[info.field_name or ""]
    assert column.parse
    code: Code = _parse_sent(column.parse, text)
    return code


def _validate_yes_no(value: object) -> float:
    text = str(value) if isinstance(value, bool) else _cell_text(value)
    return float(parse_yes_no(text)[0]) if text else NOT_KNOWN


def _validate_name(value: object) -> str | None:
    text = _cell_text(value)
    name: str | None = parse_name(text)[0] if text else None
    return name


def _validate_mocodes(value: object) -> tuple[str, ...] | None:
    text = _cell_text(" ".join(map(str, value)) if isinstance(value, list) else value)
    if not text:
        return () if text == "" else None
    codes: tuple[str, ...] = _parse_sent(parse_mocodes, text)
    return codes


_REPORT_NUMBER_SCHEMA = {"description": "text or a number, kept to compare answers with later labels"}

Day = Annotated[float, _required(parse_date), WithJsonSchema(schema.DATE)]
Minute = Annotated[float, _required(parse_time), WithJsonSchema(schema.TIME)]
Area = Annotated[float, _required(parse_area), WithJsonSchema(schema.AREA)]
OptionalMinute = Annotated[float, _optional(parse_time), WithJsonSchema(schema.OPTIONAL_TIME)]
OptionalArea = Annotated[float, _optional(parse_area), WithJsonSchema(schema.OPTIONAL_AREA)]
OptionalDay = Annotated[float, _optional(parse_date), WithJsonSchema(schema.OPTIONAL_DATE)]
District = Annotated[float, _optional(parse_district), WithJsonSchema(schema.DISTRICT)]
SystemIndex = Annotated[int, PlainValidator(_validate_system), WithJsonSchema(schema.SYSTEM)]
OptionalCode = Annotated[Code | None, PlainValidator(_validate_code), WithJsonSchema(schema.CODE)]
Name = Annotated[str | None, PlainValidator(_validate_name), WithJsonSchema(schema.NAME)]
YesNo = Annotated[float, PlainValidator(_validate_yes_no), WithJsonSchema(schema.YES_NO)]
MoCodes = Annotated[tuple[str, ...] | None, PlainValidator(_validate_mocodes), WithJsonSchema(schema.MO_CODES)]
Age = Annotated[float, _optional(parse_age), WithJsonSchema(schema.AGE)]
Letter = Annotated[float, _optional(parse_letter), WithJsonSchema(schema.LETTER)]
Latitude = Annotated[float, _optional(parse_latitude), WithJsonSchema(schema.LATITUDE)]
Longitude = Annotated[float, _optional(parse_longitude), WithJsonSchema(schema.LONGITUDE)]
ReportNumber = Annotated[str, WithJsonSchema(_REPORT_NUMBER_SCHEMA)]
Warnings = SkipJsonSchema[list[str]]  # no field of the payload: what it says that is not read


def _field(key: str, default: Any = NOT_KNOWN) -> Any:
    column = REPORT_COLUMNS[key]
    return Field(default, alias=column.name, description=column.about, json_schema_extra=schema.without_default)


class Report(BaseModel):
    """One report, as far as it is known. Only DATE OCC, TIME OCC and AREA are required.

    It is by LAPD's own codes, unless `System` says `nibrs` or it has a field that only NIBRS reports have. Leave a
    field out (or null) while it is not known; send it empty ("") if the report has it and it is blank. Columns that
    follow from the answer are ignored.
    """

    # Values are the model's, as in `Reports`: NaN, or None for codes, where not known.
    system: SystemIndex = _field("system", 0)
    date_rptd: OptionalDay = _field("date_rptd")
    date_occ: Day = _field("date_occ", ...)
    time_occ: Minute = _field("time_occ", ...)
    area: Area = _field("area", ...)
    rpt_dist_no: District = _field("rpt_dist_no")
    premis_cd: OptionalCode = _field("premis_cd", None)
    premis_desc: Name = _field("premis_desc", None)
    weapon_used_cd: OptionalCode = _field("weapon_used_cd", None)
    weapon_desc: Name = _field("weapon_desc", None)
    mocodes: MoCodes = _field("mocodes", None)
    victim_shot: YesNo = _field("victim_shot")
    domestic_violence_crime: YesNo = _field("domestic_violence_crime")
    gang_related_crime: YesNo = _field("gang_related_crime")
    transit_related_crime: YesNo = _field("transit_related_crime")
    vict_age: Age = _field("vict_age")
    vict_sex: Letter = _field("vict_sex")
    vict_descent: Letter = _field("vict_descent")
    lat: Latitude = _field("lat")
    lon: Longitude = _field("lon")
    dr_no: ReportNumber = Field("", alias="DR_NO")
    warnings: Warnings = Field([], alias="warnings")

    model_config = ConfigDict(extra="ignore", json_schema_extra=schema.REPORT | {"examples": [EXAMPLE_REPORT]})

    @model_validator(mode="before")
    @classmethod
    def _rename_columns(cls, data: Any) -> dict[str, Any]:
        """Give columns LAPD's names, whatever the dialect. Of a column that comes twice the last counts."""
        if not isinstance(data, dict):
            raise ValueError("expected a report: an object with LAPD's column names")
        renamed: dict[str, Any] = {}
        number: str | int | None = None
        keys = {name: column_key(name) for name in data}
        system = system_of(zip(keys.values(), data.values(), strict=True))
        key_of: dict[str, str] = {}  # that has filled a field
        for name, key in keys.items():
            field = key if key in ("system", "dr_no") else SOURCES[system].field_of.get(key)
            if field == "dr_no":
                if number is None and isinstance(data[name], str | int):
                    number = data[name]
            elif field in REPORT_COLUMNS and key_of.get(field, key) == key:
                renamed[REPORT_COLUMNS[field].name] = data[name]
                if is_filled(data[name]):
                    key_of[field] = key
        if not is_filled(renamed.get("System")):
            renamed["System"] = system
        renamed["warnings"] = unread_warnings(data, system)
        renamed["DR_NO"] = "" if number is None else str(number)[:MAX_REPORT_NUMBER_CHARACTERS]
        return renamed

    @model_validator(mode="after")
    def _check_dates(self) -> Self:
        if self.date_rptd < self.date_occ:
            raise ValueError("Date Rptd: expected a date not before DATE OCC")
        return self


class PartialReport(Report):
    """One report, as far as it is known, as `Report`; its date, time and area may be left out, too."""

    date_occ: OptionalDay = _field("date_occ")
    time_occ: OptionalMinute = _field("time_occ")
    area: OptionalArea = _field("area")


@dataclass(slots=True)
class ModelInput:
    """A report as the model takes it. `missing`: LAPD's names of the optional fields that are not known.

    `unknown_codes`: codes that LAPD's tables lack (`Premis Cd 999`); the model does not use them. `warnings`: what was
    sent and is not read.
    """

    fields: ReportFields
    missing: list[str]
    unknown_codes: list[str]
    warnings: list[str]


def told_mo_codes(unknown: list[str]) -> list[str]:
    """Of a report's MO codes that LAPD's table lacks, what is told: the first ones, and how many more there are."""
    more = len(unknown) - limits.NAMED_MO_CODES
    return unknown if more <= 0 else [*unknown[: limits.NAMED_MO_CODES], f"and {more} more"]


def model_input(report: Report) -> ModelInput:
    """A report for the model."""
    fields = {**report.__dict__}  # dict(report) takes 5 µs
    del fields["dr_no"], fields["warnings"]
    system = SYSTEMS[report.system]
    unknown_codes = []
    for key, name in NAME_OF_CODE.items():
        code, text = fields[key], fields.pop(name)
        if code and code.code and not SOURCES[system].fields[key].is_known(code.code):
            unknown_codes.append(f"{REPORT_COLUMNS[key].name} {code.code}")
            code = None
        if text and (system == "nibrs" or not (code and code.code)):  # a name that LAPD's own code does not imply
            code = Code(system, code.code if code else "", text)
        fields[key] = code
    unknown_codes += told_mo_codes(
        [f"Mocodes {code}" for code in fields["mocodes"] or () if not REPORT_COLUMNS["mocodes"].is_known(code)]
    )
    missing = [
        REPORT_COLUMNS[key].name for key in OPTIONAL_FIELDS[system] if fields[key] is None or fields[key] != fields[key]
    ]
    return ModelInput(fields, missing, unknown_codes, report.warnings)
