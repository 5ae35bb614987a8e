"""A table of reports in memory, by column, as the protocols of other servers send it."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException

from crime.classifier.scoring import parse_table
from crime.core.errors import DataError
from crime.reports.sources import unread_columns
from crime.reports.table import Reports
from crime.serving.errors import field_problem


@dataclass(frozen=True)
class ColumnTable:
    """`rows` cells by column name, in any dialect. `names`: all that were sent, if `columns` has fewer."""

    columns: Mapping[str, Sequence[Any]]
    rows: int
    names: Collection[str] | None = field(default=None, compare=False)

    @property
    def headers(self) -> dict[str, str]:
        """The answer's header that names the columns which no report has."""
        return not_read(self.columns if self.names is None else self.names)

    def reports(self, max_rows: int) -> Reports:
        """The reports; rows that can't be read have an error.

        Raises 413 for more than `max_rows`, and `RequestValidationError` if it is no LAPD table.
        """
        check_rows(self.rows, max_rows)
        try:
            return parse_table(self.columns, self.rows)
        except DataError as error:
            raise field_problem("columns", None, str(error)) from None


def not_read(names: Iterable[str]) -> dict[str, str]:
    """The header of an answer that names, of a table's columns, those which no report has."""
    return {"Columns-Not-Read": json.dumps(unread_columns(names))}


def check_rows(rows: int, max_rows: int) -> None:
    """Raise 413 for more than `max_rows`."""
    if rows > max_rows:
        raise HTTPException(413, f"{rows:,} rows in one request: at most {max_rows:,}, or send a CSV table")
