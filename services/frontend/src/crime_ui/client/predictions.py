"""Predictions: one report with reasons, or a table."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TypeVar

from crime_ui.client.answers_report import Explanation
from crime_ui.client.answers_tables import TableColumn
from crime_ui.client.transport import send

BATCH_SECONDS = 600
Result = TypeVar("Result")


def explain(report: dict[str, str | float]) -> Explanation:
    """The category of a report, keyed by LAPD's column names, and why. Raises `Refused` for a wrong field."""
    answer: Explanation = send("POST", "/explain", json=report).json()
    return answer


def table_columns() -> list[TableColumn]:
    """The columns of a table of reports that are read, those that it needs first."""
    columns: list[TableColumn] = send("GET", "/columns").json()
    return columns


def score_table(
    file: IO[bytes],
    name: str,
    read: Callable[[Iterator[bytes]], Result],
    day_first: bool | None = None,
    columns: Mapping[str, str] | None = None,
) -> tuple[Result, list[str]]:
    """Score an uploaded CSV table: what `read` makes of the answer, and names of columns that no report has.

    `read` is given the answer piece by piece, and again from its start if a pod fails. `day_first`: of the table's
    dates, if its rows do not tell. `columns`: its names of columns by LAPD's, where they differ. Raises `Refused`.

    The table is not recorded: drift is measured on live reports, and an uploaded table may be an old one.
    """
    query: dict[str, str | bool] = {"record": False}
    if day_first is not None:
        query["day_first"] = day_first
    if columns:
        query["columns"] = json.dumps(columns)
    results: list[Result] = []
    answer = send(
        "POST",
        "/predict/batch",
        files={"file": (name, file)},
        params=query,
        timeout=BATCH_SECONDS,
        receive=lambda response: results.append(read(response.iter_bytes())),
    )
    return results[-1], json.loads(answer.headers.get("Columns-Not-Read", "[]"))
