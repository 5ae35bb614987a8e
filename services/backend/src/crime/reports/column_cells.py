"""What a table's column holds as a whole: a column that is read wrong is refused, not repaired cell by cell."""

import re
from dataclasses import dataclass, field
from typing import Any

from crime.core.errors import DataError
from crime.reports.cells import ParsedCell, cell_text

MIN_UNREADABLE = 5  # different cells; fewer may be typos
MAX_REQUIRED_SHARE = 0.1  # of a required column's cells; a column that need not be there may have half
LAST_HOUR = 24
_SHORT = re.compile(r"(\d{1,2})(?:\.0?|,0)?", re.ASCII)  # 13, 13.0: an hour, or minutes after midnight
_LONG = re.compile(r"\d{3,4}(?:\.0*|,0)?", re.ASCII)


@dataclass
class ColumnCells:
    """Counts of a column's cells that are not blank, and of the unreadable ones among them, with some different ones.

    `hour`: a time of one or two digits that could be an hour of the day; `is_clock`: a number that is none shows that
    it is not.
    """

    is_required: bool
    filled: int = 0
    unreadable: int = 0
    examples: list[str] = field(default_factory=list)
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
            self.message = parsed.error.message
            if len(self.examples) < MIN_UNREADABLE and (text := cell_text(cell)[0]) not in self.examples:
                self.examples.append(text)

    def count_time(self, cell: Any) -> None:
        """Learn whether the column of times holds hours: 0 and 1 are LAPD's marks of a time that is not known."""
        text = cell_text(cell)[0]
        if match := _SHORT.fullmatch(text):
            self.is_clock |= int(match[1]) > LAST_HOUR
            self.hour = self.hour or (text if 1 < int(match[1]) <= LAST_HOUR else "")
        elif _LONG.fullmatch(text):
            self.is_clock = True

    def check(self, name: str) -> None:
        """Raise `DataError` if the column of a table, read to its end, is not what its name says."""
        share = MAX_REQUIRED_SHARE if self.is_required else 0.5
        is_kind = len(self.examples) == MIN_UNREADABLE or self.unreadable == self.filled >= MIN_UNREADABLE
        if is_kind and self.unreadable > share * self.filled:
            counts, example = f"{self.unreadable:,} of {self.filled:,} cells", self.examples[0][:40]
            raise DataError(f"{name}: {counts} can't be read, such as {example!r}: {self.message}")
        if self.hour and not self.is_clock:
            raise DataError(
                f"{name}: no number is above {LAST_HOUR}, so {self.hour} may be an hour or minutes after midnight: "
                "write 1300 for 13:00 and 0013 for 00:13"
            )
