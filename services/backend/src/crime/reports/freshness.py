"""How far reports are behind today.

LAPD adds to its live table every other Tuesday, and each update brings only a trickle of the 12 days before it. So
about 12 days behind is usual right after an update, and up to 26 right before the next.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from crime.core.days import day_number, day_text, today
from crime.reports.systems import SYSTEMS, System
from crime.reports.table import Reports

USUAL_LAG_DAYS = 12
UPDATE_DAYS = 14  # from one update of the live table to the next
LONGEST_USUAL_LAG_DAYS = USUAL_LAG_DAYS + UPDATE_DAYS
STALE_DAYS = 45  # of a model's newest report: the longest usual lag, a week to the next retraining, and time to notice
FROZEN = "LAPD froze its own codes' table in March 2025: `crime fetch` brings the live one too"


def days_behind(until: str) -> int | None:
    """Days from the day `until` to today; None if the text is no day."""
    try:
        return today() - day_number(until)
    except ValueError:
        return None


def newest_past_day(days: Iterable[int]) -> int | None:
    """The latest of these days; those after today are mistyped and left out."""
    now = today()
    return max((day for day in days if day <= now), default=None)


def newest_by_system(reports: Reports) -> dict[System, int]:
    """The newest day of the accepted reports of each system, days after today left out."""
    newest = {}
    occurred = reports.fields["date_occ"]
    readable = reports.accepted & (occurred <= today())
    for number, system in enumerate(SYSTEMS):
        if (chosen := readable & (reports.fields["system"] == number)).any():
            newest[system] = int(np.max(occurred[chosen]))
    return newest


@dataclass(frozen=True)
class Freshness:
    """The newest day of a table's reports of each system, compared with today."""

    newest: Mapping[System, int]

    @property
    def until(self) -> str | None:
        """The newest day; None if no report has one."""
        return day_text(max(self.newest.values())) if self.newest else None

    @property
    def text(self) -> str:
        """One line for people, such as `newest report 2026-11-13, 12 days behind (usual: about 12)`."""
        return freshness_text(self.until, frozen="nibrs" not in self.newest)

    def with_days(self, newest: Mapping[System, int]) -> "Freshness":
        """This and further reports, whose newest days by system are given."""
        latest = {system: max(day, self.newest.get(system, day)) for system, day in newest.items()}
        return Freshness({**self.newest, **latest})

    def as_json(self) -> dict[str, Any]:
        return {
            "newest": self.until,
            "newest_by_system": {system: day_text(day) for system, day in self.newest.items()},
            "days_behind": days_behind(self.until) if self.until else None,
            "usual_days_behind": USUAL_LAG_DAYS,
        }


def freshness_text(until: str | None, frozen: bool = False) -> str:
    """How far a newest day is behind, and what is usual. `frozen`: all reports are of a table that has ended."""
    behind = days_behind(until) if until else None
    if behind is None:
        return "no report has a day up to today"
    usual = f"about {USUAL_LAG_DAYS}"
    if behind > LONGEST_USUAL_LAG_DAYS:
        usual += f", at most {LONGEST_USUAL_LAG_DAYS} just before LAPD's next update"
    text = f"newest report {until}, {behind:,} day{'' if behind == 1 else 's'} behind (usual: {usual})"
    return f"{text}; {FROZEN}" if frozen and behind > LONGEST_USUAL_LAG_DAYS else text
