"""Details of a simulated report beside place and day: crime code, time, delay, premise, weapon, MO codes.

Shares are estimated from the embedded sample. Given its category, a report has a crime code; given the code, its
premise, weapon and each MO code are independent; hour and delay depend on the category.
"""

from dataclasses import dataclass, fields

import numpy as np

from crime.reports.categories import CRIME_CODES
from crime.reports.table import Reports
from crime.simulation.intensity import Intensity
from crime.simulation.smoothing import CATEGORY_COUNT, CATEGORY_PRIOR_REPORTS, shares_by_group, sum_by_category

# set by judgement, as docs/method.md says
MISCODED = 0.04  # share of reports whose crime code is drawn at random: no model can predict it
MAX_DELAY_DAYS = 365  # longer reporting delays count as this
MIN_MO_REPORTS = 3  # MO codes of fewer reports of the sample do not occur
CODE_PRIOR_REPORTS = 5  # weight of a category's shares in a crime code's
MO_SHARE_FLOOR = 1e-6  # no MO code is impossible or certain
DRIFT_PREMISE = 0.5  # share of the reports whose premise is drawn from another premise's share after a drift
SPREAD_DEGREES = 0.0005  # standard deviation around the district's centre, about 50 m


@dataclass(frozen=True)
class SimulatedReports:
    """n reports; arrays are (n,), but for `degrees` (n, 2), latitude and longitude.

    Days count from 1970-01-01; codes are LAPD's, with 0 for none; `crime_code` is the recorded one, right or wrong.
    `category` is the true one.
    """

    occurred: np.ndarray
    delay: np.ndarray
    hour: np.ndarray
    minute: np.ndarray
    area: np.ndarray
    district: np.ndarray
    crime_code: np.ndarray
    premise: np.ndarray
    weapon: np.ndarray
    mocodes: list[list[str]]
    age: np.ndarray
    sex: np.ndarray
    descent: np.ndarray
    degrees: np.ndarray
    category: np.ndarray

    def take(self, rows: np.ndarray) -> "SimulatedReports":
        """The reports at these row numbers."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        mocodes = [self.mocodes[row] for row in rows.tolist()]
        return SimulatedReports(
            **{name: value[rows] for name, value in values.items() if name != "mocodes"}, mocodes=mocodes
        )


def code_numbers(codes: np.ndarray) -> np.ndarray:
    """(n,) numbers of LAPD's own codes (n,), 0 for none recorded, NaN where not known."""
    return np.array([np.nan if code is None else int(code.code or 0) for code in codes.tolist()])


class ReportDetails:
    """The shares that details of a report are drawn by.

    code (C,): crime codes; category (C,): the category of each; code_share (7, C): shares of the codes by category;
    any_code (C,): in all reports. hour (7, 24), delay_share (7, delays): by category. premise_share,
    drifted_premise_share (C, premises), weapon_share (C, weapons), mo_share (C, MO codes): by crime code.
    """

    def __init__(self, sample: Reports, rng: np.random.Generator):
        """Estimate shares from a sample of real reports, and draw what a drift changes."""
        fields, label = sample.fields, sample.label
        self.code, code = np.unique(sample.code, return_inverse=True)
        self.category = np.array([CRIME_CODES[index].category for index in self.code.tolist()])
        count = np.bincount(code, minlength=len(self.code)).astype(float)
        self.code_share = np.where(self.category == np.arange(CATEGORY_COUNT)[:, None], count, 0)
        self.code_share /= self.code_share.sum(1, keepdims=True)
        self.any_code = count / count.sum()
        hour = (fields["time_occ"] // 60).astype(int)
        _, self.hour = shares_by_group(  # each hour occurs at least once
            np.concatenate([hour, np.arange(24)]),
            np.concatenate([label, np.zeros(24, int)]),
            CATEGORY_COUNT,
            CATEGORY_PRIOR_REPORTS,
        )
        self.minute, minutes = np.unique((fields["time_occ"] % 60).astype(int), return_counts=True)
        self.minute_share = minutes / minutes.sum()
        delay = np.minimum(np.nan_to_num(fields["date_rptd"] - fields["date_occ"]), MAX_DELAY_DAYS).astype(int)
        self.delay, self.delay_share = shares_by_group(delay, label, CATEGORY_COUNT, CATEGORY_PRIOR_REPORTS)
        self.premise, self.premise_share = self._shares_by_code(code_numbers(fields["premis_cd"]), code)
        other = self.premise_share[:, rng.permutation(len(self.premise))]
        self.drifted_premise_share = (1 - DRIFT_PREMISE) * self.premise_share + DRIFT_PREMISE * other
        self.weapon, self.weapon_share = self._shares_by_code(code_numbers(fields["weapon_used_cd"]), code)
        self.mo, self.mo_share = self._mo_shares(fields["mocodes"], code, label)
        self._ages, self._sexes, self._descents = (
            fields[name][~np.isnan(fields[name])] for name in ("vict_age", "vict_sex", "vict_descent")
        )

    def _shares_by_code(self, values: np.ndarray, code: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known = ~np.isnan(values)
        return shares_by_group(
            values[known].astype(int), code[known], len(self.code), CODE_PRIOR_REPORTS, self.category
        )

    def _mo_shares(self, mocodes: np.ndarray, code: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """MO codes that occur often enough, and their share of each crime code's reports (C, MO codes)."""
        names, counts = np.unique([name for names in mocodes for name in names], return_counts=True)
        mo = names[counts >= MIN_MO_REPORTS]
        column = {name: index for index, name in enumerate(mo)}
        by_code = np.zeros((len(self.code), len(mo)))
        for row, names in zip(code, mocodes, strict=True):
            by_code[row, [column[name] for name in names if name in column]] += 1
        by_category = sum_by_category(by_code, self.category) + 0.5 * by_code.sum(0) / len(label)
        in_category = by_category / (np.bincount(label, minlength=CATEGORY_COUNT)[:, None] + 0.5)
        reports = np.bincount(code, minlength=len(self.code))[:, None]
        shares = (by_code + CODE_PRIOR_REPORTS * in_category[self.category]) / (reports + CODE_PRIOR_REPORTS)
        return mo, np.clip(shares, MO_SHARE_FLOOR, 1 - MO_SHARE_FLOOR)

    def draw(
        self, intensity: Intensity, days: np.ndarray, district: np.ndarray, rng: np.random.Generator
    ) -> SimulatedReports:
        """A report for each of `days` (n,) in `district` (n,), an index into `Intensity.district`."""
        n, area = len(days), intensity.area[district]
        category = draw_rows(intensity.category_shares_of(days, area), rng)
        code, premise, weapon = np.zeros(n, int), np.zeros(n, int), np.zeros(n, int)
        mo = np.zeros((n, len(self.mo)), bool)
        for index in range(CATEGORY_COUNT):
            rows = np.flatnonzero(category == index)
            code[rows] = rng.choice(len(self.code), len(rows), p=self.code_share[index])
        drifted = intensity.drifted(days)
        for index in np.unique(code):
            for after, shares in ((False, self.premise_share), (True, self.drifted_premise_share)):
                rows = np.flatnonzero((code == index) & (drifted == after))
                premise[rows] = rng.choice(len(self.premise), len(rows), p=shares[index] / shares[index].sum())
            rows = np.flatnonzero(code == index)
            weapon[rows] = rng.choice(len(self.weapon), len(rows), p=self.weapon_share[index])
            mo[rows] = rng.random((len(rows), len(self.mo))) < self.mo_share[index]
        hour, delay = draw_rows(self.hour[category], rng), draw_rows(self.delay_share[category], rng)
        minute = rng.choice(self.minute, n, p=self.minute_share)
        recorded = np.where(rng.random(n) < MISCODED, rng.choice(len(self.code), n, p=self.any_code), code)
        degrees = (intensity.centre[district] + rng.normal(0, SPREAD_DEGREES, (n, 2))).round(4)
        mocodes: list[list[str]] = [[] for _ in range(n)]
        for row, column in zip(*np.nonzero(mo), strict=True):
            mocodes[row].append(self.mo[column])
        return SimulatedReports(
            occurred=days,
            delay=self.delay[delay],
            hour=hour,
            minute=minute,
            area=area,
            district=intensity.district[district],
            crime_code=np.array([int(CRIME_CODES[index].code) for index in self.code.tolist()])[recorded],
            premise=self.premise[premise],
            weapon=self.weapon[weapon],
            mocodes=mocodes,
            age=rng.choice(self._ages, n),
            sex=rng.choice(self._sexes, n),
            descent=rng.choice(self._descents, n),
            degrees=degrees,
            category=category,
        )


def draw_rows(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n,) a column drawn for each row of shares (n, k), which need not add up to 1."""
    columns: np.ndarray = (rng.random((len(shares), 1)) * shares.sum(1, keepdims=True) > np.cumsum(shares, 1)).sum(1)
    return columns
