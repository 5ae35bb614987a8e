"""Payloads of MLflow's scoring protocol, and of KServe's first, which has one of its forms."""

import csv
import io
from itertools import chain, islice
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    SkipValidation,
    WithJsonSchema,
    model_validator,
)

from crime.core.errors import DataError
from crime.reports.header import csv_header
from crime.reports.sources import FIELDS, REQUIRED_FIELDS
from crime.serving.column_table import ColumnTable
from crime.serving.errors import field_problem
from crime.serving.payloads.report_list import cells_by_column

REQUIRED_NAMES = [FIELDS[key].name for key in REQUIRED_FIELDS]
FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")
EXPECTED_RECORDS = f"expected a list of reports, each an object with {', '.join(REQUIRED_NAMES)}"
# a record that lacks one of them has an error in the answer, unless all do
RECORDS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "object"},
    "allOf": [{"contains": {"required": [name]}} for name in REQUIRED_NAMES],
}
COLUMNS_SCHEMA = {
    "type": "object",
    "required": REQUIRED_NAMES,
    "additionalProperties": {"type": "array", "minItems": 1},
    "description": "columns of one length by name",
}
SPLIT_COLUMNS_SCHEMA = {
    "type": "array",
    "items": {"type": "string"},
    "uniqueItems": True,
    "allOf": [{"contains": {"const": name}} for name in REQUIRED_NAMES],
}


def _check_records(value: Any) -> Any:
    if not isinstance(value, list) or not value or not all(isinstance(record, dict) for record in value):
        raise ValueError(f"{EXPECTED_RECORDS}; {_found(value)}")
    return value


def _check_table(value: Any) -> Any:
    if not isinstance(value, dict):
        return _check_records(value)
    if not value or not all(isinstance(cells, list) for cells in value.values()):
        raise ValueError(f"{EXPECTED_RECORDS}, or an object with a list of cells for each column")
    return value


def _found(value: Any) -> str:
    """What stands where a list of reports was expected, in words."""
    if isinstance(value, list):
        odd = next((record for record in value if not isinstance(record, dict)), None)
        return f"found a list with {_type_name(odd)}" if value else "found a list with none"
    return f"found {_type_name(value)}"


def _type_name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "an object"
    return "a number"


# the functions check all there is to check; pydantic would copy every record
Records = Annotated[
    SkipValidation[list[dict[str, Any]]], BeforeValidator(_check_records), WithJsonSchema(RECORDS_SCHEMA)
]
Table = Annotated[
    SkipValidation[list[dict[str, Any]] | dict[str, list[Any]]],
    BeforeValidator(_check_table),
    WithJsonSchema({"anyOf": [RECORDS_SCHEMA, COLUMNS_SCHEMA]}),
]


class Split(BaseModel):
    """A table as pandas' `orient="split"` writes it. `data`: a list for each report, of as many cells as `columns`."""

    columns: Annotated[list[str], WithJsonSchema(SPLIT_COLUMNS_SCHEMA)]
    data: Annotated[list[list[Any]], Field(min_length=1), FailFast()]  # not an error for each of a million rows


def _say_one_form(schema: dict[str, Any]) -> None:
    """A body has one of the forms, and it is not null."""
    for of_form in schema["properties"].values():
        of_form["anyOf"].remove({"type": "null"})
    schema["oneOf"] = [{"required": [form]} for form in FORMS]


class Invocation(BaseModel):
    """One of these four. `inputs` and `instances`: records, or columns by name."""

    dataframe_split: Split | None = None
    dataframe_records: Records | None = None
    inputs: Table | None = None
    instances: Table | None = None

    model_config = ConfigDict(json_schema_extra=_say_one_form)

    @model_validator(mode="before")
    @classmethod
    def _has_one_form(cls, data: Any) -> Any:
        forms = [form for form in FORMS if form in data] if isinstance(data, dict) else []
        if len(forms) != 1 or data[forms[0]] is None:
            found = " and ".join(forms) or (_type_name(data) if not isinstance(data, dict) else "none of them")
            raise ValueError(f"expected an object with one of {', '.join(FORMS)}; found {found}")
        return data


class Instances(BaseModel):
    """Reports as KServe's first protocol sends them."""

    instances: Records


class Predictions(BaseModel):
    """A record for each row; all but `error` are null where it can't be read."""

    predictions: list[dict[str, Any]]


def invocation_table(invocation: Invocation) -> ColumnTable:
    """The table in one of the four fields. Raises `RequestValidationError`."""
    if invocation.dataframe_split is not None:
        return _split_table(invocation.dataframe_split.columns, invocation.dataframe_split.data)
    table = invocation.dataframe_records or invocation.inputs or invocation.instances
    assert table
    if isinstance(table, list):
        return records_table(table)
    lengths = {len(cells) for cells in table.values()}
    if len(lengths) != 1:
        raise field_problem("inputs", None, f"expected columns of one length, found {sorted(lengths)}")
    return ColumnTable(table, lengths.pop())


def records_table(records: list[dict[str, Any]]) -> ColumnTable:
    """The table of reports of which each has its own fields."""
    return ColumnTable(cells_by_column(records), len(records), dict.fromkeys(chain.from_iterable(records)))


def csv_table(body: bytes) -> ColumnTable:
    """The table of a CSV body. Raises `RequestValidationError`."""
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", "replace", newline="")
    try:
        header = csv_header(text)
        text.seek(0)
        rows = [row for row in csv.reader(islice(text, header.lines, None), delimiter=header.delimiter) if row]
    except (DataError, csv.Error) as error:
        raise field_problem("body", None, f"expected a CSV table: {error}") from None
    if not rows:
        raise field_problem("body", None, "expected a CSV table with a report: it has none")
    return _split_table(header.names, rows)


def _split_table(names: list[str], data: list[list[Any]]) -> ColumnTable:
    for row, cells in enumerate(data):
        if len(cells) != len(names):
            raise field_problem("data", None, f"expected {len(names)} cells in row {row}, found {len(cells)}")
    columns = {name: [cells[position] for cells in data] for position, name in enumerate(names)}
    return ColumnTable(columns, len(data))
