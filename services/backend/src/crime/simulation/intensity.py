"""How many reports each district of a simulated city has on each day.

Reports of a day in a district are Poisson. Their intensity is a background (LAPD's own level of the area and year,
times factors of the calendar) and near repeats: each report raises its district's intensity for some days. This is a
self-exciting process (Mohler et al., Self-exciting point process modeling of crime, JASA 2011).
"""

import csv
from collections.abc import Iterator
from importlib.resources import files

import numpy as np

from crime.core.days import day_number, weekday
from crime.features.calendar import federal_holidays
from crime.reports.table import Reports
from crime.simulation.settings import FIRST_DAYS
from crime.simulation.smoothing import CATEGORY_COUNT, shrink

FIRST_DAY = day_number(FIRST_DAYS["legacy"])
LAST_WHOLE_YEAR = 2022  # of `area_year.csv`; its level holds for later years, too
AREAS = 21
DAYS_PER_BLOCK = 28  # whose background is computed at once
# set by judgement, as docs/method.md says
NEAR_REPEATS = 0.25  # further reports in the same district that each report triggers, on average
NEAR_REPEAT_DAYS = 7.0  # days until they happen, on average
HOLIDAY, NEW_YEAR, FIRST_OF_MONTH = 0.9, 1.4, 1.15  # factors of a day's reports
SHARE_PRIOR_REPORTS = 100  # weight of the city's shares in those of an area or a category
DRIFT_MIX = 0.5  # standard deviation of the log change of each category's share after a drift


class Intensity:
    """Expected reports by district, day and category.

    district, area (D,): numbers of the districts and of the areas they lie in. centre (D, 2): latitude and longitude.
    """

    def __init__(self, sample: Reports, drift_day: int | None, rng: np.random.Generator, first_day: int = FIRST_DAY):
        """Estimate shares from a sample of real reports; draw the districts' shares and the drift."""
        self.drift_day, self.first_day = drift_day, first_day
        area, district = sample.fields["area"].astype(int), sample.fields["rpt_dist_no"]
        known = ~np.isnan(district) & ~np.isnan(sample.fields["lat"]) & ~np.isnan(sample.fields["lon"])
        known &= district // 100 == area
        self.district, index, count = np.unique(district[known].astype(int), return_inverse=True, return_counts=True)
        self.area = self.district // 100
        degrees = np.column_stack([sample.fields["lat"], sample.fields["lon"]])[known]
        self.centre = np.array([np.median(degrees[index == row], axis=0) for row in range(len(self.district))])
        weight = rng.gamma(count + 1.0)
        self._share_of_area = weight / np.bincount(self.area, weight)[self.area]
        self._yearly_reports = _yearly_reports()
        label, days = sample.label, sample.fields["date_occ"].astype(int)
        by_area = np.zeros((AREAS + 1, CATEGORY_COUNT))
        np.add.at(by_area, (area, label), 1)
        self._mix = shrink(by_area, np.bincount(label, minlength=CATEGORY_COUNT) / len(label), SHARE_PRIOR_REPORTS)
        by_weekday = np.zeros((CATEGORY_COUNT, 7))
        np.add.at(by_weekday, (label, weekday(days)), 1)
        self._weekday_factor = 7 * shrink(by_weekday, np.full(7, 1 / 7), SHARE_PRIOR_REPORTS)
        self._mix_change = np.exp(rng.normal(0, DRIFT_MIX, CATEGORY_COUNT))

    def drifted(self, days: np.ndarray) -> np.ndarray:
        """Whether each day (n,) is one after the drift."""
        return days >= (np.inf if self.drift_day is None else self.drift_day)

    def category_shares(self, days: np.ndarray) -> np.ndarray:
        """(days, 22, 7) background of each category in each area, as shares of a mean day; area 0 is unused."""
        changed = self._mix * self._mix_change
        changed = changed / changed.sum(-1, keepdims=True)
        mix = np.where(self.drifted(days)[:, None, None], changed, self._mix)
        shares: np.ndarray = mix * self._weekday_factor.T[weekday(days)][:, None, :]
        return shares

    def category_shares_of(self, days: np.ndarray, area: np.ndarray) -> np.ndarray:
        """(n, 7) of `category_shares`, for the day and area of each of n reports."""
        span = np.arange(days.min(), days.max() + 1)
        shares: np.ndarray = self.category_shares(span)[days - span[0], area]
        return shares

    def background(self, days: np.ndarray) -> np.ndarray:
        """(D, days) expected reports without near repeats; the days are consecutive."""
        date = days.astype("datetime64[D]")
        year = date.astype("datetime64[Y]")
        decimal_year = (year.astype(int) + 1970) + (date - year.astype("datetime64[D]")).astype(int) / 365.25
        yearly = np.array(
            [
                np.interp(decimal_year, 2010.5 + np.arange(len(reports)), reports)  # a year's level is its middle's
                for _, reports in sorted(self._yearly_reports.items())
            ]
        )
        first_of_month, new_year = date == date.astype("datetime64[M]"), date == year.astype("datetime64[D]")
        holiday = np.where(federal_holidays(int(days[0]), int(days[-1])), HOLIDAY, 1.0)
        factor = holiday * np.where(first_of_month, FIRST_OF_MONTH, 1.0)
        factor[new_year] = NEW_YEAR
        by_area = yearly / 365.25 * factor * self.category_shares(days).sum(2).T[1:]
        background: np.ndarray = (1 - NEAR_REPEATS) * self._share_of_area[:, None] * by_area[self.area - 1]
        return background

    def first_near(self) -> np.ndarray:
        """(D,) intensity of near repeats on the first day: the steady state under that day's background."""
        first = self.background(np.arange(self.first_day, self.first_day + 1))[:, 0]
        near: np.ndarray = NEAR_REPEATS * first / (1 - NEAR_REPEATS)
        return near

    def simulate(self, rng: np.random.Generator) -> Iterator[tuple[int, np.ndarray]]:
        """Each day from the first one on, without end, and its reports by district (D,)."""
        near, first = self.first_near(), self.first_day
        while True:
            block = np.arange(first, first + DAYS_PER_BLOCK)
            for day, background in zip(block, self.background(block).T, strict=True):
                reports = rng.poisson(background + near)
                near = next_near(near, reports)
                yield int(day), reports
            first += DAYS_PER_BLOCK


def next_near(near: np.ndarray, reports: np.ndarray) -> np.ndarray:
    """(D,) intensity of near repeats on the next day, from a day's own and the day's reports (D,)."""
    decay = np.exp(-1 / NEAR_REPEAT_DAYS)
    next_day: np.ndarray = decay * near + NEAR_REPEATS * (1 - decay) * reports
    return next_day


def _yearly_reports() -> dict[int, list[int]]:
    """LAPD's reports by area, of each year from 2010 to `LAST_WHOLE_YEAR`."""
    reports: dict[int, list[int]] = {}
    with (files("crime.simulation") / "area_year.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if int(row["Year"]) <= LAST_WHOLE_YEAR:
                reports.setdefault(int(row["AREA"]), []).append(int(row["Reports"]))
    return reports
