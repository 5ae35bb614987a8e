"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_EXAMPLES = 3


@dataclass
class Tally:
    """What a reader met. `examples` holds up to three (row number, cell) for each reason of rejection.

    `rejects`, if given, is a CSV file that receives the rejected rows as they stand, the reason before them.
    """

    rejects: Path | None = None
    rows: int = 0
    simulated: int = 0  # rows that say they were simulated
    misshapen: list[int] = field(default_factory=list)  # numbers of the rows no reader could cut into cells
    repaired: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    @property
    def rejected_rows(self) -> int:
        return self.rejected.total()

    def reject(self, reason: str, row: int, cell: str) -> None:
        """`row` counts well-shaped rows from 1; the example shows the number among all rows."""
        self.rejected[reason] += 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < MAX_EXAMPLES:
            for before in self.misshapen:
                row += before <= row
            shown.append((row, cell[:80]))

    def reject_misshapen(self, reason: str, number: int, text: str) -> None:
        self.rows += 1
        self.rejected[reason] += 1
        self.misshapen.append(number)
        shown = self.examples.setdefault(reason, [])
        if len(shown) < MAX_EXAMPLES:
            shown.append((number, text[:80]))

    def keep(self, names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Append rejected rows (each with its reason first) to the `rejects` file."""
        if self.rejects:
            fresh = self.rejects not in self._started
            self._started.add(self.rejects)
            with self.rejects.open("w" if fresh else "a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([["reason", *names], *rows] if fresh else rows)

    _started: set[Path] = field(default_factory=set, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "simulated": self.simulated,
            "repaired": dict(self.repaired.most_common()),
            "rejected": dict(self.rejected.most_common()),
            "examples": self.examples,
        }
