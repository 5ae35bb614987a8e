"""Counts of the rows of a table that were read, repaired and rejected, so that none is dropped silently."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crime.reports.column_cells import ColumnCells
from crime.reports.spreadsheet import escape_formulas
from crime.reports.systems import System
from crime.reports.table_dates import TableDates

MAX_EXAMPLES = 3  # of each reason
MAX_REASONS = 1_000  # a reason may name a value, so that a table can have as many as rows
OTHER_REASONS = "another reason"
MAX_MISSHAPEN = 10_000  # whose numbers are kept: those of the block in hand, as a rule
MAX_EXAMPLE_CHARACTERS = 80  # of an example; the rest is cut off


@dataclass
class Tally:
    """Rows read, cells repaired (by kind), rows rejected (by reason).

    `examples` holds up to three (row number, cell) per reason. `misshapen_rows`: those with a wrong number of
    cells, of which `misshapen` holds the numbers of the latest. `merged`: offenses that are one report with another
    of the same case and category. `systems`: rows by report system. `simulated`: rows of a simulated city.
    `rejects`, if given, is a CSV file that receives the rejected rows as they are in the table, formulas escaped,
    with the reason in front. `unread`: names of columns that no report has. `dates`: how the table writes its
    dates, as `day_first` says or, if it is None, as the rows do. `cells`: of each column by name. `row_repairs`, if
    it is a list, receives for each repaired column of a block the rows (n,), as their numbers in the block, and
    their repairs (n,), None where there is none.
    """

    rejects: Path | None = None
    day_first: InitVar[bool | None] = None
    rows: int = 0
    merged: int = 0
    systems: Counter[System] = field(default_factory=Counter)
    simulated: int = 0
    unread: list[str] = field(default_factory=list)
    dates: TableDates = field(init=False, compare=False)
    cells: dict[str, ColumnCells] = field(default_factory=dict, compare=False)
    misshapen: list[int] = field(default_factory=list)
    misshapen_rows: int = 0
    repaired: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    row_repairs: list[tuple[np.ndarray, np.ndarray]] | None = field(default=None, compare=False)
    _started: set[Path] = field(default_factory=set, repr=False)

    def __post_init__(self, day_first: bool | None) -> None:
        self.dates = TableDates(day_first)

    @property
    def rejected_rows(self) -> int:
        return self.rejected.total()

    @property
    def no_report(self) -> str:
        """The message of a table that has no row that could be read: how many, and why."""
        reasons = "; ".join(f"{reason}: {count:,}" for reason, count in self.rejected.most_common(3))
        return f"no report could be read of {self.rows:,} rows ({reasons or 'it has none'})"

    def check_columns(self) -> None:
        """Raise `DataError` if a column as a whole is not what its name says."""
        for name, cells in self.cells.items():
            cells.check(name)

    def reject(self, reason: str, row: int, cell: str) -> None:
        """Count a rejected row. `row` is its number among the rows that are not misshapen, from 1.

        The example is numbered among all rows.
        """
        if len(self.examples.get(reason, ())) < MAX_EXAMPLES:
            row += self.misshapen_rows - len(self.misshapen)
            for number in self.misshapen:
                row += number <= row
        self._count(reason, row, cell)

    def reject_misshapen(self, reason: str, number: int, text: str) -> None:
        """Count a row with a wrong number of cells. `number` is its number among all rows, from 1."""
        self.rows += 1
        self.misshapen_rows += 1
        self.misshapen.append(number)
        if len(self.misshapen) > MAX_MISSHAPEN:
            del self.misshapen[: MAX_MISSHAPEN // 2]
        self._count(reason, number, text)

    def _count(self, reason: str, number: int, text: str) -> None:
        if reason not in self.rejected and len(self.rejected) >= MAX_REASONS:
            reason = OTHER_REASONS
        self.rejected[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append((number, text[:MAX_EXAMPLE_CHARACTERS]))

    def write_rejected(self, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Append rejected rows, each with its reason first, to the file `rejects`, if there is one."""
        if self.rejects:
            is_new = self.rejects not in self._started
            self._started.add(self.rejects)
            safe = map(escape_formulas, [["reason", *names], *rows] if is_new else rows)
            with self.rejects.open("w" if is_new else "a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(safe)

    def as_dict(self) -> dict[str, Any]:
        """The counts as they are written to a bundle's `spec.json`."""
        return {
            "rows": self.rows,
            "merged": self.merged,
            "systems": dict(self.systems),
            "simulated": self.simulated,
            "unread": self.unread,
            "repaired": dict(self.repaired.most_common()),
            "rejected": dict(self.rejected.most_common()),
            "examples": self.examples,
        }
