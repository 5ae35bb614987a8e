"""A table of reports in memory, by column, as the protocols of other servers send it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException

from crime.classifier.scoring import parse_table
from crime.core.errors import DataError
from crime.reports.table import Reports
from crime.serving.errors import field_problem


@dataclass(frozen=True)
class ColumnTable:
    """`rows` cells by column name, in any dialect of LAPD's names."""

    columns: Mapping[str, Sequence[Any]]
    rows: int

    def reports(self, max_rows: int) -> Reports:
        """The reports; rows that can't be read have an error.

        Raises 413 for more than `max_rows`, and `RequestValidationError` if it is no LAPD table.
        """
        check_rows(self.rows, max_rows)
        try:
            return parse_table(self.columns, self.rows)
        except DataError as error:
            raise field_problem("columns", None, str(error)) from None


def check_rows(rows: int, max_rows: int) -> None:
    """Raise 413 for more than `max_rows`."""
    if rows > max_rows:
        raise HTTPException(413, f"{rows:,} rows in one request: at most {max_rows:,}, or send a CSV table")
