"""A block of reports in memory, one array per column, and why rows of it were rejected."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class CellError:
    """Why a row was rejected: the first of its cells that can't be used.

    `column` is the source's name of the column, `message` what was expected of the cell. `kind`: a required cell is
    missing, a value is unreadable, a crime code is unknown, a report number is a duplicate, or two dates are in the
    wrong order.
    """

    column: str
    kind: Literal["missing", "unreadable", "unknown_code", "duplicate", "order"]
    message: str

    def __str__(self) -> str:
        return f"{self.column} {self.message}" if self.kind == "missing" else f"{self.column}: {self.message}"


@dataclass
class Reports:
    """n reports as arrays (n,).

    `fields` by key: dates are days since 1970-01-01, `time_occ` is the minute of the day, `system` an index into
    `SYSTEMS`, premises and weapons are `Code`, `mocodes` tuples of text, circumstances 0 or 1. NaN means not known, in
    fields of objects None. `code`: index into `CRIME_CODES`, `label`: index of its category; -1 if not known.
    `errors`: None, or the `CellError` that rejected the row; the fields of a rejected row mean nothing.
    """

    fields: dict[str, np.ndarray]
    code: np.ndarray
    label: np.ndarray
    errors: np.ndarray

    def __len__(self) -> int:
        return len(self.errors)

    def take(self, rows: np.ndarray | slice) -> "Reports":
        """The reports at these row numbers."""
        fields = {key: values[rows] for key, values in self.fields.items()}
        return Reports(fields, self.code[rows], self.label[rows], self.errors[rows])

    @property
    def accepted(self) -> np.ndarray:
        """(n,) bool: rows that were not rejected."""
        accepted: np.ndarray = self.errors == None  # noqa: E711 (elementwise)
        return accepted

    @property
    def minute(self) -> np.ndarray:
        """(n,) when each happened, in minutes since 1970-01-01."""
        minute: np.ndarray = self.fields["date_occ"] * 1440 + self.fields["time_occ"]
        return minute

    def sort(self) -> None:
        """Sort in place by time, then by report number, one column after another to save memory."""
        number = self.fields["dr_no"]
        try:
            number = number.astype(np.int64)  # takes a fifth of the memory of text
        except (TypeError, ValueError, OverflowError):
            number = number.astype(str)
        order = np.lexsort((number, self.minute))
        if (np.diff(order) != 1).any():
            for key in self.fields:
                self.fields[key] = self.fields[key][order]
            self.code, self.label, self.errors = self.code[order], self.label[order], self.errors[order]


EncodedColumn = tuple[Sequence[Any], np.ndarray]  # distinct cells, and for each row the index of its cell among them


def encode_column(cells: Sequence[Any]) -> EncodedColumn:
    """The distinct cells, and each row's index among them."""
    positions: dict[Any, int] = defaultdict(itertools.count().__next__)
    index = np.fromiter(map(positions.__getitem__, cells), np.intp, len(cells))
    return list(positions), index
