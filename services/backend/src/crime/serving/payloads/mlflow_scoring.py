"""Payloads of MLflow's scoring protocol."""

import csv
import io
from typing import Any

from pydantic import BaseModel

from crime.serving.column_table import ColumnTable
from crime.serving.errors import field_problem


class Split(BaseModel):
    """A table as pandas' `orient="split"` writes it."""

    columns: list[str]
    data: list[list[Any]]


class Invocation(BaseModel):
    """One of these four. `inputs` and `instances`: records, or columns by name."""

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Any]] | None = None
    inputs: list[dict[str, Any]] | dict[str, list[Any]] | None = None
    instances: list[dict[str, Any]] | dict[str, list[Any]] | None = None


class Predictions(BaseModel):
    """A record for each row; all but `error` are null where it can't be read."""

    predictions: list[dict[str, Any]]


def invocation_table(invocation: Invocation) -> ColumnTable:
    """The table in the first of the four fields that has one. Raises `RequestValidationError`."""
    if invocation.dataframe_split is not None:
        return _split_table(invocation.dataframe_split.columns, invocation.dataframe_split.data)
    for table in (invocation.dataframe_records, invocation.inputs, invocation.instances):
        if isinstance(table, list):
            names = dict.fromkeys(name for row in table for name in row)
            return ColumnTable({name: [row.get(name) for row in table] for name in names}, len(table))
        if table is not None:
            lengths = {len(cells) for cells in table.values()}
            if len(lengths) != 1:
                raise field_problem("inputs", None, f"expected columns of one length, found {sorted(lengths)}")
            return ColumnTable(table, lengths.pop())
    raise field_problem("body", None, f"expected one of {', '.join(Invocation.model_fields)}")


def csv_table(body: bytes) -> ColumnTable:
    """The table of a CSV body. Raises `RequestValidationError`."""
    try:
        names, *rows = csv.reader(io.StringIO(body.decode("utf-8-sig", "replace"), newline=""))
    except (ValueError, csv.Error) as error:
        raise field_problem("body", None, f"expected a CSV table: {error}") from None
    return _split_table(names, [row for row in rows if row])


def _split_table(names: list[str], data: list[list[Any]]) -> ColumnTable:
    for row, cells in enumerate(data):
        if len(cells) != len(names):
            raise field_problem("data", None, f"expected {len(names)} cells in row {row}, found {len(cells)}")
    columns = {name: [cells[position] for cells in data] for position, name in enumerate(names)}
    return ColumnTable(columns, len(data))
