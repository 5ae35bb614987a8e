"""A simulated city in LAPD's schema whose truth is known: for trials, tests and teaching, never for decisions.

The numbers of reports by area and year are LAPD's own; everything else is estimated from the embedded sample and from
what is known of LAPD's NIBRS table, and a city is drawn from it for each seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crime.core.days import day_number
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.simulation.details import DRIFT_PREMISE, ReportDetails, SimulatedReports
from crime.simulation.intensity import Intensity
from crime.simulation.nibrs_details import CaseStarts, NibrsDetails, SimulatedOffenses
from crime.simulation.nibrs_shares import NibrsShares
from crime.simulation.seam import CasesOfDay, Seam, simulate_cases
from crime.simulation.settings import CitySettings
from crime.simulation.smoothing import CATEGORY_COUNT

ROWS_PER_BLOCK = 16_384  # reports at least that are drawn at once, which bounds memory
# independent streams of random numbers of one seed
CITY_STREAM, DAYS_STREAM, REPORTS_STREAM, SEAM_STREAM, NIBRS_STREAM = range(5)


@dataclass(frozen=True)
class CityBlock:
    """Reports by the old codes, the number of each (m,), and NIBRS offenses, whose cases are numbered from `first`."""

    legacy: SimulatedReports | None
    numbers: np.ndarray
    nibrs: SimulatedOffenses | None = None
    first: int = 0


class SimulatedCity:
    """A city. The same settings give the same city and the same reports. `seam`: None if all is in the old system."""

    def __init__(self, settings: CitySettings):
        self.settings = settings
        rng = np.random.default_rng([settings.seed, CITY_STREAM])
        with sample_table() as path:
            sample = load_reports(path, Tally())
        drift_day = day_number(settings.drift) if settings.drift else None
        self.intensity = Intensity(sample, drift_day, rng, day_number(settings.first_day))
        self.details = ReportDetails(sample, rng)
        mix = np.bincount(sample.label, minlength=CATEGORY_COUNT) / len(sample)
        shares = NibrsShares(self.details, mix, DRIFT_PREMISE, [settings.seed, NIBRS_STREAM])
        self.nibrs = NibrsDetails(shares, self.details)
        self.seam: Seam | None = None
        if settings.system != "legacy":
            self.seam = Seam(settings, np.random.default_rng([settings.seed, SEAM_STREAM]))

    def blocks(self) -> Iterator[CityBlock]:
        """The city's first `rows` cases, in blocks, in order of their day."""
        return self._legacy_blocks() if self.seam is None else self._seam_blocks(self.seam)

    def _legacy_blocks(self) -> Iterator[CityBlock]:
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
                reports = self.details.draw(self.intensity, np.concatenate(days), np.concatenate(districts), rng)
                yield CityBlock(reports, np.arange(done, done + waiting))
                done, days, districts, waiting = done + waiting, [], [], 0
            if done == self.settings.rows:
                return

    def _seam_blocks(self, seam: Seam) -> Iterator[CityBlock]:
        days_rng = np.random.default_rng([self.settings.seed, DAYS_STREAM])
        rng = np.random.default_rng([self.settings.seed, REPORTS_STREAM])
        done, waiting = 0, 0
        cases: list[CasesOfDay] = []
        for day in simulate_cases(self.intensity, seam, days_rng):
            cases.append(day)
            waiting += len(day.legacy) + len(day.nibrs)
            if waiting >= ROWS_PER_BLOCK or done + waiting >= self.settings.rows:
                yield self._draw_block(cases, done, rng)
                done, cases, waiting = done + waiting, [], 0
            if done >= self.settings.rows:
                return

    def _draw_block(self, cases: list[CasesOfDay], first: int, rng: np.random.Generator) -> CityBlock:
        """The rows of these days' cases, which are numbered from `first` on, those of NIBRS before the others."""
        days = np.repeat([day.day for day in cases], [len(day.nibrs) for day in cases])
        district, second, double = (
            np.concatenate([getattr(day, name) for day in cases]) for name in ("nibrs", "second", "double")
        )
        old_days = np.repeat([day.day for day in cases], [len(day.legacy) for day in cases])
        old_district = np.concatenate([day.legacy for day in cases])
        twice = np.flatnonzero(double)
        numbers = first + np.concatenate([len(days) + np.arange(len(old_days)), twice])
        legacy, nibrs, twins = None, None, None
        if len(numbers):
            old_days, old_district = np.append(old_days, days[twice]), np.append(old_district, district[twice])
            legacy = self.details.draw(self.intensity, old_days, old_district, rng)
            twins = legacy.take(np.arange(len(numbers) - len(twice), len(numbers)))
        if len(days):
            nibrs = self.nibrs.draw(self.intensity, CaseStarts(days, district, second, twice, twins), rng)
        return CityBlock(legacy, numbers, nibrs, first)
