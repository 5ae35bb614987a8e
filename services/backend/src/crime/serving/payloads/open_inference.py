"""Payloads of the Open Inference Protocol: one tensor for each column of the reports, and for each output."""

from base64 import b64decode
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, FailFast, Field, WithJsonSchema
from pydantic_core import from_json

from crime.classifier.scoring import ANSWER_COLUMNS, PROBABILITY_DECIMALS, ScoredReports
from crime.reports.categories import CATEGORIES
from crime.reports.schema import column_key
from crime.reports.sources import FIELDS, READ_COLUMNS, REQUIRED_FIELDS
from crime.reports.table import Reports
from crime.serving.column_table import ColumnTable, check_rows
from crime.serving.errors import field_problem
from crime.serving.payloads.report import REPORT_COLUMNS, Report
from crime.serving.payloads.report_schema import LEGACY_CODE, MO_CODES

HEADER_LENGTH = "Inference-Header-Content-Length"  # how many bytes of a body are JSON, where tensors follow as bytes
OUTPUT_DATATYPES = {"label": "INT64", "label_name": "BYTES", "level": "BYTES", "probabilities": "FP64"}
# what `pandas` codecs can read: a column each
COLUMN_DATATYPES = {name: "FP64" for name in ANSWER_COLUMNS if name != "error"} | {
    name: datatype for name, datatype in OUTPUT_DATATYPES.items() if name in ANSWER_COLUMNS
}
DATATYPES = OUTPUT_DATATYPES | COLUMN_DATATYPES
NUMPY_TYPES = {"BOOL": "?", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8"} | {
    f"{prefix}INT{8 * size}": f"<{kind}{size}" for prefix, kind in (("", "i"), ("U", "u")) for size in (1, 2, 4, 8)
}
# A tensor of text has no null: this is what clients write for None, NaN and pandas' NA and NaT.
NULL_TEXTS = frozenset({"None", "nan", "NaN", "<NA>", "NaT"})


DATATYPE_PATTERN = "^(BOOL|U?INT(8|16|32|64)|FP(16|32|64)|BYTES)$"
_REPORT_PROPERTIES = Report.model_json_schema()["properties"]
# JSON schema of each column's values: as in a report, but MO codes are text, and codes are LAPD's older ones.
_VALUES = {column.name: _REPORT_PROPERTIES[column.name] for column in REPORT_COLUMNS.values()} | {
    "Mocodes": {"anyOf": [kind for kind in MO_CODES["anyOf"] if kind["type"] != "array"]},
    "Premis Cd": LEGACY_CODE,
    "Weapon Used Cd": LEGACY_CODE,
}
_NAMED = [{"properties": {"name": {"const": name}, "data": {"items": value}}} for name, value in _VALUES.items()]
INPUTS_SCHEMA = {
    "type": "array",
    "description": "a tensor for each column, all of as many rows",
    "allOf": [{"contains": {"properties": {"name": {"const": FIELDS[key].name}}}} for key in REQUIRED_FIELDS],
    "items": {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string"},
            "shape": {
                "description": "[rows] or [rows, 1]",
                "type": "array",
                "prefixItems": [{"type": "integer", "minimum": 0}, {"const": 1}],
                "minItems": 1,
                "maxItems": 2,
            },
            "datatype": {"type": "string", "pattern": DATATYPE_PATTERN},
            "data": {"type": "array"},
            "parameters": {"type": ["object", "null"]},
        },
        "anyOf": [*_NAMED, {"properties": {"name": {"not": {"enum": list(_VALUES)}}}}],
    },
}


class Tensor(BaseModel):
    """A column of reports, named as LAPD's: shape [rows] or [rows, 1].

    `parameters.binary_data_size`: how many bytes after the JSON hold its values, in place of `data`.
    `parameters.content_type`: `pd_json` or `base64`, where MLServer's codecs wrote the texts so.
    """

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)]
    datatype: Annotated[str, Field(pattern=DATATYPE_PATTERN)]
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class Wanted(BaseModel):
    """The name of an output to return. `parameters.binary_data`: as bytes after the JSON."""

    name: Annotated[str, WithJsonSchema({"enum": list(DATATYPES)})]
    parameters: dict[str, Any] | None = None


class Inference(BaseModel):
    """A request for predictions: a tensor for each column of the reports. `outputs`: those to return.

    Without `outputs` all are returned; as a column each if `parameters.content_type` is `pd`.
    `parameters.binary_data_output`: as bytes after the JSON, unless an output says otherwise.
    """

    id: str | None = None
    inputs: Annotated[list[Tensor], Field(min_length=1), FailFast(), WithJsonSchema(INPUTS_SCHEMA)]
    outputs: list[Wanted] | None = Field(None, max_length=100)
    parameters: dict[str, Any] | None = None


class Answered(BaseModel):
    """An output: label and name of the category, level, probabilities."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class Inferred(BaseModel):
    """The predictions: a tensor for each output. `id`: the request's."""

    model_name: str
    model_version: str
    id: str | None
    outputs: list[Answered]


class Described(BaseModel):
    """Name, datatype and shape of a tensor that a model takes or returns. In `shape`, -1 is the number of reports."""

    name: str
    datatype: str
    shape: list[int]


class Metadata(BaseModel):
    """A model, and the tensors that it takes and returns."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[Described]
    outputs: list[Described]


def tensor_table(tensors: list[Tensor], binary: bytes, max_rows: int) -> ColumnTable:
    """The table whose columns are `tensors`, of which some may have their values in `binary`.

    Raises `RequestValidationError` unless all have as many rows, and 413 for more than `max_rows`.
    """
    rows, position = tensors[0].shape[0], 0
    check_rows(rows, max_rows)
    read: dict[str, tuple[Tensor, bytes | None]] = {}  # the last of each name counts
    for tensor in tensors:
        size = (tensor.parameters or {}).get("binary_data_size")
        part = None
        if size is not None:
            if not isinstance(size, int) or not 0 <= size <= len(binary) - position:
                expected = f"expected a binary_data_size of at most the {len(binary) - position} bytes that follow"
                raise field_problem(tensor.name, size, expected)
            part, position = binary[position : position + size], position + size
        if tensor.shape not in ([rows], [rows, 1]):
            raise field_problem(tensor.name, None, f"{_expected_shape(rows)}, found shape {tensor.shape}")
        if (key := column_key(tensor.name)) in READ_COLUMNS:
            read[key] = tensor, part
    cells = {key: _cells(tensor, part) for key, (tensor, part) in read.items()}
    return ColumnTable(cells, rows, [tensor.name for tensor in tensors])


def _expected_shape(rows: int) -> str:
    return f"expected shape [{rows}] or [{rows}, 1] and as many values"


def _cells(tensor: Tensor, part: bytes | None) -> list[Any]:
    """The values of a tensor, None where they stand for null. Raises `RequestValidationError`."""
    if part is None:
        cells = [cell for row in tensor.data or () for cell in (row if isinstance(row, list) else [row])]
    else:
        cells = _binary_values(tensor, part)
    if len(cells) != tensor.shape[0]:
        found = f"found shape {tensor.shape} and {len(cells)} values"
        raise field_problem(tensor.name, None, f"{_expected_shape(tensor.shape[0])}, {found}")
    if tensor.datatype != "BYTES":
        return cells
    written = (tensor.parameters or {}).get("content_type")
    try:
        if written == "pd_json":
            return [from_json(cell) if isinstance(cell, str) else cell for cell in cells]
        if written == "base64":
            cells = [b64decode(cell).decode() if isinstance(cell, str) else cell for cell in cells]
    except ValueError as error:
        raise field_problem(tensor.name, None, f"expected texts as content_type {written}: {error}") from None
    return [None if isinstance(cell, str) and cell in NULL_TEXTS else cell for cell in cells]


def _binary_values(tensor: Tensor, part: bytes) -> list[Any]:
    """Values as the binary data extension writes them: little endian, texts with their length in four bytes."""
    rows, datatype = tensor.shape[0], tensor.datatype
    if datatype != "BYTES":
        dtype = np.dtype(NUMPY_TYPES[datatype])
        if len(part) != rows * dtype.itemsize:
            raise field_problem(
                tensor.name, None, f"expected {rows * dtype.itemsize} bytes of {rows} {datatype}, found {len(part)}"
            )
        values: list[Any] = np.frombuffer(part, dtype).tolist()
        return values
    texts, position = [], 0
    while position < len(part):
        start = position + 4
        position = start + int.from_bytes(part[position:start], "little")
        if position > len(part):
            raise field_problem(tensor.name, None, "expected each text after its length in four bytes")
        texts.append(part[start:position].decode("utf-8", "replace"))
    return texts


def check_reports(reports: Reports) -> None:
    """Raise `RequestValidationError`, which names row and field, if a report can't be read: tensors have no nulls."""
    for row, error in enumerate(reports.errors):
        if error is not None:
            raise field_problem(error.column, None, f"row {row}: {error}")


def wanted_outputs(inference: Inference) -> dict[str, bool]:
    """The outputs that were asked for, or all, and whether each is wanted as bytes.

    Raises `RequestValidationError` for an unknown one.
    """
    parameters = inference.parameters or {}
    binary = parameters.get("binary_data_output") is True
    if not inference.outputs:
        return dict.fromkeys(COLUMN_DATATYPES if parameters.get("content_type") == "pd" else OUTPUT_DATATYPES, binary)
    for output in inference.outputs:
        if output.name not in DATATYPES:
            raise field_problem("outputs", output.name, f"expected some of {', '.join(DATATYPES)}")
    return {output.name: (output.parameters or {}).get("binary_data", binary) is True for output in inference.outputs}


def output_tensors(scored: ScoredReports, wanted: dict[str, bool]) -> tuple[list[dict[str, Any]], bytes]:
    """The outputs as JSON, and the bytes of those that are wanted so; no report was rejected."""
    columns, rows = scored.columns(), len(scored.errors)
    tensors, parts = [], []
    for name, binary in wanted.items():
        whole = name == "probabilities"
        data = scored.probabilities.round(PROBABILITY_DECIMALS).ravel().tolist() if whole else columns[name]
        shape = [rows, len(CATEGORIES)] if whole else [rows]
        tensor: dict[str, Any] = {"name": name, "shape": shape, "datatype": DATATYPES[name]}
        if binary:
            parts.append(_binary_data(DATATYPES[name], data))
            tensors.append(tensor | {"parameters": {"binary_data_size": len(parts[-1])}})
        else:
            tensors.append(tensor | {"data": data, "parameters": {}})
    return tensors, b"".join(parts)


def _binary_data(datatype: str, data: list[Any]) -> bytes:
    if datatype != "BYTES":
        return np.array(data, NUMPY_TYPES[datatype]).tobytes()
    texts = [text.encode() for text in data]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)
