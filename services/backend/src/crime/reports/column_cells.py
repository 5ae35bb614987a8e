"""What a table's column holds as a whole: a column that is read wrong is refused, not repaired cell by cell."""

from dataclasses import dataclass
from typing import Any

from crime.core.errors import DataError
from crime.reports.cells import ParsedCell, cell_text

MIN_UNREADABLE = 10  # cells, or half of a smaller table: fewer may be typos
MAX_REQUIRED_SHARE = 0.1  # of a required column's cells; a column that need not be there may have half
LAST_HOUR = 23


@dataclass
class ColumnCells:
    """Counts of a column's cells that are not blank, and of the unreadable ones among them, with an example.

    `hour`: a time of one or two digits that could be an hour of the day; `is_clock`: another time shows that it is not.
    """

    is_required: bool
    filled: int = 0
    unreadable: int = 0
    example: str = ""
    message: str = ""
    hour: str = ""
    is_clock: bool = False

    def count(self, parsed: ParsedCell, count: int, cell: Any) -> None:
        """Count `count` cells like this one."""
        if parsed.error is not None and parsed.error.kind == "missing":
            return
        self.filled += count
        if parsed.error is not None and parsed.error.kind == "unreadable":
            self.unreadable += count
            self.example, self.message = self.example or cell_text(cell)[0], parsed.error.message

    def count_time(self, parsed: ParsedCell, cell: Any) -> None:
        """Learn whether the column of times holds hours."""
        if parsed.value is not None and parsed.value > LAST_HOUR:
            self.is_clock = True
        elif parsed.value and parsed.value > 1 and parsed.repair in ("short time", "decimal point in a time"):
            self.hour = self.hour or cell_text(cell)[0]

    def check(self, name: str, rows: int) -> None:
        """Raise `DataError` if the column of a table of so many rows is not what its name says."""
        share = MAX_REQUIRED_SHARE if self.is_required else 0.5
        if self.unreadable > share * self.filled and self.unreadable >= min(MIN_UNREADABLE, rows / 2):
            raise DataError(
                f"{name}: {self.unreadable:,} of {self.filled:,} cells can't be read, such as {self.example[:40]!r}: "
                f"{self.message}"
            )
        if self.hour and not self.is_clock:
            raise DataError(
                f"{name}: no time is above {LAST_HOUR}, so {self.hour} may be an hour or minutes after midnight: write "
                "1300 for 13:00 and 0013 for 00:13"
            )
