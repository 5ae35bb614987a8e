"""What a category model did not learn, so that an answer beyond it says so."""

from dataclasses import dataclass

from crime.core.days import day_text, today
from crime.reports.systems import SYSTEM_NAMES, System

MAX_DAYS_OUTSIDE = 365  # of a report before or after all that a model learnt from; beyond them it is told


@dataclass(frozen=True)
class TrainingLimits:
    """The first and last day, and the report systems, of the reports that a model learnt from."""

    first: int
    last: int
    systems: frozenset[str]

    def warnings(self, day: int, system: System) -> list[str]:
        """What to know of an answer about a report of this day and system; nothing for most."""
        found = []
        if self.systems and system not in self.systems:
            found.append(f"System: the model learnt from no reports by {SYSTEM_NAMES[system]}, only from others")
        if day > self.last and day > today() + 1:  # tomorrow may have begun where the report was taken
            found.append(f"DATE OCC: {day_text(day)} is in the future")
        elif day - self.last > MAX_DAYS_OUTSIDE:
            years = (day - self.last) / 365.25
            found.append(f"DATE OCC: {years:.1f} years after the model's newest report, {day_text(self.last)}")
        if self.first - day > MAX_DAYS_OUTSIDE:
            years = (self.first - day) / 365.25
            found.append(f"DATE OCC: {years:.1f} years before the model's oldest report, {day_text(self.first)}")
        return found
