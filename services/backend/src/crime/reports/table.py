"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class CellError:
    """Why a row was rejected: the first of its cells that can't be used.

    `column` is LAPD's name of the column, `message` what was expected of the cell. `kind`: a required cell is missing,
    a value is unreadable, a crime code is unknown, a report number is a duplicate, or two dates are in the wrong order.
    """

    column: str
    kind: Literal["missing", "unreadable", "unknown_code", "duplicate", "order"]
    message: str

    def __str__(self) -> str:
        return f"{self.column} {self.message}" if self.kind == "missing" else f"{self.column}: {self.message}"


@dataclass
class Reports:
    """A block of reports, one array a column, n rows long.

    `fields`: by column key; dates are days since 1970-01-01, `time_occ` minutes of the day, codes numbers with
    0 for "none recorded"; NaN (for `mocodes` None) is not known. `code`: LAPD's crime code, 0 unknown; `label`:
    index of its category, -1 unknown. `errors`: for each row None or the `CellError` it was rejected for; a
    rejected row's fields mean nothing.
    """

    fields: dict[str, np.ndarray]
    code: np.ndarray
    label: np.ndarray
    errors: np.ndarray

    def __len__(self) -> int:
        return len(self.errors)

    def take(self, rows: np.ndarray | slice) -> "Reports":
        fields = {k: v[rows] for k, v in self.fields.items()}
        return Reports(fields, self.code[rows], self.label[rows], self.errors[rows])

    @property
    def minute(self) -> np.ndarray:
        """When each happened, in minutes since 1970-01-01."""
        return self.fields["date_occ"] * 1440 + self.fields["time_occ"]

    def sort(self) -> None:
        """Put them in the order in which they happened, those of one minute by number; in place, column by column."""
        number = self.fields["dr_no"]
        try:
            number = number.astype(np.int64)  # a fifth of the room that text takes
        except (TypeError, ValueError, OverflowError):
            number = number.astype(str)
        order = np.lexsort((number, self.minute))
        if (np.diff(order) != 1).any():
            for name in self.fields:
                self.fields[name] = self.fields[name][order]
            self.code, self.label, self.errors = self.code[order], self.label[order], self.errors[order]


EncodedColumn = tuple[Sequence[Any], np.ndarray]  # distinct cells, and for each row the index of its own


def encode_column(cells: Sequence[Any]) -> EncodedColumn:
    """Distinct cells and each row's index among them."""
    seen: dict[Any, int] = defaultdict(itertools.count().__next__)
    index = np.fromiter(map(seen.__getitem__, cells), np.intp, len(cells))
    return list(seen), index
