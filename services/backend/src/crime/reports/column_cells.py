"""What a table's column holds as a whole: a column that is read wrong is refused, not repaired cell by cell."""

import re
from dataclasses import dataclass, field
from typing import Any

from crime.core.errors import DataError
from crime.reports.cells import ParsedCell, cell_text

MIN_UNREADABLE = 5  # different cells; fewer may be typos
MIN_HOURS = 5  # different times that may be hours; fewer may be minutes after midnight, whose zeros a program has lost
MAX_REQUIRED_SHARE = 0.1  # of a required column's cells; a column that need not be there may have half
LAST_HOUR = 24
_SHORT = re.compile(r"(\d{1,2})(?:\.0?|,0)?", re.ASCII)  # 13, 13.0: an hour, or minutes after midnight
_LONG = re.compile(r"\d{3,4}(?:\.0*|,0)?", re.ASCII)


@dataclass
class ColumnCells:
    """Counts of a column's cells that are not blank, and of the unreadable ones among them, with some different ones.

    `hours`: some times of one or two digits that could be hours of the day. `has_clocks`: other times are as 22:30 or
    fractions of a day, so these are no LAPD times that have lost their zeros. `has_numbers`: others are, as 2230.
    """

    is_required: bool
    filled: int = 0
    unreadable: int = 0
    examples: list[str] = field(default_factory=list)
    message: str = ""
    hours: set[str] = field(default_factory=set)
    has_clocks: bool = False
    has_numbers: bool = False

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
        match = _SHORT.fullmatch(text)
        if match and int(match[1]) <= LAST_HOUR:
            if int(match[1]) > 1 and len(self.hours) < MIN_HOURS:
                self.hours.add(match[1])
        elif match or _LONG.fullmatch(text):
            self.has_numbers = True
        elif ":" in text or "." in text or "," in text:
            self.has_clocks = True

    def check(self, name: str) -> None:
        """Raise `DataError` if the column of a table, read to its end, is not what its name says."""
        share = MAX_REQUIRED_SHARE if self.is_required else 0.5
        is_kind = len(self.examples) == MIN_UNREADABLE or self.unreadable == self.filled >= MIN_UNREADABLE
        if is_kind and self.unreadable > share * self.filled:
            counts, example = f"{self.unreadable:,} of {self.filled:,} cells", self.examples[0][:40]
            raise DataError(f"{name}: {counts} can't be read, such as {example!r}: {self.message}")
        if self.hours and not self.has_numbers and (self.has_clocks or len(self.hours) == MIN_HOURS):
            example = max(self.hours)
            raise DataError(
                f"{name}: no number is above {LAST_HOUR}, so {example} may be an hour or minutes after midnight: write "
                "1300 for 13:00 and 0013 for 00:13"
            )
