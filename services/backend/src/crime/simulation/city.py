"""A simulated city in LAPD's schema whose truth is known: for trials, tests and teaching, never for decisions.

The numbers of reports by area and year are LAPD's own; everything else is estimated from the embedded sample, and a
city is drawn from it for each seed.
"""

from collections.abc import Iterator

import numpy as np

from crime.core.days import day_number
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.simulation.details import ReportDetails, SimulatedReports
from crime.simulation.intensity import Intensity
from crime.simulation.settings import CitySettings

ROWS_PER_BLOCK = 16_384  # reports at least that are drawn at once, which bounds memory
CITY_STREAM, DAYS_STREAM, REPORTS_STREAM = 0, 1, 2  # independent streams of random numbers of one seed


class SimulatedCity:
    """A city. The same settings give the same city and the same reports."""

    def __init__(self, settings: CitySettings):
        self.settings = settings
        rng = np.random.default_rng([settings.seed, CITY_STREAM])
        with sample_table() as path:
            sample = load_reports(path, Tally())
        self.intensity = Intensity(sample, day_number(settings.drift) if settings.drift else None, rng)
        self.details = ReportDetails(sample, rng)

    def reports(self) -> Iterator[SimulatedReports]:
        """The city's first `rows` reports, in blocks, in order of their day."""
        days_rng = np.random.default_rng([self.settings.seed, DAYS_STREAM])
        rng = np.random.default_rng([self.settings.seed, REPORTS_STREAM])
        done, waiting = 0, 0
        days: list[np.ndarray] = []
        districts: list[np.ndarray] = []
        for day, counts in self.intensity.simulate(days_rng):
            district = rng.permutation(np.repeat(np.arange(len(counts)), counts))
            district = district[: self.settings.rows - done - waiting]
            days.append(np.full(len(district), day))
            districts.append(district)
            waiting += len(district)
            if waiting >= ROWS_PER_BLOCK or done + waiting == self.settings.rows:
                yield self.details.draw(self.intensity, np.concatenate(days), np.concatenate(districts), rng)
                done, days, districts, waiting = done + waiting, [], [], 0
            if done == self.settings.rows:
                return
