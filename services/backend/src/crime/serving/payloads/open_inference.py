"""Payloads of the Open Inference Protocol: one tensor for each column of the reports, and for each output."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from crime.classifier.scoring import PROBABILITY_DECIMALS, ScoredReports
from crime.reports.categories import CATEGORIES
from crime.reports.table import Reports
from crime.serving.column_table import ColumnTable
from crime.serving.errors import field_problem

OUTPUT_DATATYPES = {"label": "INT64", "label_name": "BYTES", "level": "BYTES", "probabilities": "FP64"}


class Tensor(BaseModel):
    """A column of reports, named as LAPD's: shape [rows] or [rows, 1]."""

    name: str
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=2)]
    datatype: Annotated[str, Field(pattern="^(BOOL|U?INT(8|16|32|64)|FP(16|32|64)|BYTES)$")]
    data: list[Any]
    parameters: dict[str, Any] = {}


class Wanted(BaseModel):
    """The name of an output to return."""

    name: str


class Inference(BaseModel):
    """A request for predictions: a tensor for each column of the reports. `outputs`: those to return; all if empty."""

    id: str | None = None
    inputs: Annotated[list[Tensor], Field(min_length=1)]
    outputs: list[Wanted] = []
    parameters: dict[str, Any] = {}


class Inferred(BaseModel):
    """The predictions: a tensor for each output. `id`: the request's."""

    model_name: str
    model_version: str
    id: str | None
    outputs: list[Tensor]


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


def tensor_table(tensors: list[Tensor]) -> ColumnTable:
    """The table whose columns are `tensors`. Raises `RequestValidationError` unless all have as many rows."""
    columns: dict[str, list[Any]] = {}
    rows = tensors[0].shape[0]
    for tensor in tensors:
        cells = [cell for row in tensor.data for cell in (row if isinstance(row, list) else [row])]
        if tensor.shape not in ([rows], [rows, 1]) or len(cells) != rows:
            message = (
                f"expected shape [{rows}] or [{rows}, 1] and as many values, "
                f"found shape {tensor.shape} and {len(cells)} values"
            )
            raise field_problem(tensor.name, None, message)
        columns[tensor.name] = cells
    return ColumnTable(columns, rows)


def check_reports(reports: Reports) -> None:
    """Raise `RequestValidationError`, which names row and field, if a report can't be read: tensors have no nulls."""
    for row, error in enumerate(reports.errors):
        if error is not None:
            raise field_problem(error.column, None, f"row {row}: {error}")


def output_names(inference: Inference) -> list[str]:
    """Names of the outputs that were asked for, or all. Raises `RequestValidationError` for an unknown one."""
    names = [output.name for output in inference.outputs]
    for name in names:
        if name not in OUTPUT_DATATYPES:
            raise field_problem("outputs", name, f"expected some of {', '.join(OUTPUT_DATATYPES)}")
    return names or list(OUTPUT_DATATYPES)


def output_tensors(scored: ScoredReports, names: list[str]) -> list[dict[str, Any]]:
    """`Tensor`s of the outputs in `names`, as JSON; no report was rejected."""
    columns, rows = scored.columns(), len(scored.errors)
    probabilities = scored.probabilities.round(PROBABILITY_DECIMALS).ravel().tolist()
    return [
        {
            "name": name,
            "shape": [rows, len(CATEGORIES)] if name == "probabilities" else [rows],
            "datatype": OUTPUT_DATATYPES[name],
            "data": probabilities if name == "probabilities" else columns[name],
            "parameters": {},
        }
        for name in names
    ]
