"""Offenses of a simulated city's NIBRS table.

An offense has a crime code given its category, as a report by the old codes has. Given the code, its premise, weapon
and each circumstance are independent; hour and delay depend on the category. A case has one offense, and sometimes
another at the same place and time, of the same premise, with a weapon and circumstances of its own:

- of the same category: readers count it with the first;
- of another category: its code is drawn from the truth given place, time and premise, as if these had not been the
  first one's, until its category is another. So what is true of such an offense follows from what its row says
  (`nibrs_truth.py`).
"""

from dataclasses import dataclass

import numpy as np

from crime.simulation.details import MISCODED, SPREAD_DEGREES, ReportDetails, SimulatedReports, draw_rows
from crime.simulation.intensity import Intensity
from crime.simulation.nibrs_shares import MIDNIGHT, NOON, NibrsShares
from crime.simulation.smoothing import CATEGORY_COUNT

SAME_CATEGORY = 0.05  # share of cases with a further offense of the same category; 1.11 offenses a case in all


@dataclass(frozen=True)
class SimulatedOffenses:
    """n offenses, each case's together; arrays are (n,), but for `degrees` (n, 2) and `circumstances` (n, 4).

    case: the case's number within the block, from 0; sequence: the offense's number within its case; offenses: how many
    its case has. Codes are indices into those of `NibrsShares`; `code` is the recorded one, right or wrong.
    """

    occurred: np.ndarray
    delay: np.ndarray
    hour: np.ndarray
    minute: np.ndarray
    area: np.ndarray
    district: np.ndarray
    degrees: np.ndarray
    premise: np.ndarray
    case: np.ndarray
    sequence: np.ndarray
    offenses: np.ndarray
    code: np.ndarray
    weapon: np.ndarray
    circumstances: np.ndarray


@dataclass(frozen=True)
class CaseStarts:
    """n cases of which only day and district are known (n,); districts are indices into `Intensity.district`.

    second (n,): whether it has an offense of another category. twins: reports of the old table, each of the same case
    as one of these, whose index is in `twin` (twins,); None if there are no reports of that table.
    """

    days: np.ndarray
    district: np.ndarray
    second: np.ndarray
    twin: np.ndarray
    twins: SimulatedReports | None


class NibrsDetails:
    """Draws offenses. `shares`: what they are drawn by; `legacy`: the old table's details, for delays."""

    def __init__(self, shares: NibrsShares, legacy: ReportDetails):
        self.shares, self.legacy = shares, legacy

    def draw(self, intensity: Intensity, start: CaseStarts, rng: np.random.Generator) -> SimulatedOffenses:
        """The offenses of these cases."""
        n, days, area, shares = len(start.days), start.days, intensity.area[start.district], self.shares
        category_shares = intensity.category_shares_of(days, area)
        category = draw_rows(category_shares, rng)
        delay = self.legacy.delay[draw_rows(self.legacy.delay_share[category], rng)]
        hour, minute = draw_rows(shares.hour[category], rng), rng.choice(shares.minute, n, p=shares.minute_share)
        degrees = (intensity.centre[start.district] + rng.normal(0, SPREAD_DEGREES, (n, 2))).round(4)
        if (twins := start.twins) is not None:
            twin = start.twin
            category[twin], delay[twin], degrees[twin] = twins.category, twins.delay, twins.degrees
            hour[twin], minute[twin] = twins.hour, twins.minute
        self._set_unknown_times(category, hour, minute, rng)
        code = draw_rows(shares.code_share[category], rng)
        drifted = intensity.drifted(days)
        premise = self._draw_premises(code, drifted, rng)
        recorded = self._record(code, rng)
        same = rng.random(n) < SAME_CATEGORY
        further = draw_rows(shares.code_share[shares.category[recorded[same]]], rng)
        second = start.second
        truth = self._code_shares(category_shares, hour, minute, delay, premise, drifted)[second]
        other, other_recorded = self._of_another_category(truth, shares.category[recorded[second]], rng)
        case = np.concatenate([np.arange(n), np.flatnonzero(same), np.flatnonzero(second)])
        order = np.argsort(case, kind="stable")
        case, count = case[order], 1 + same + second
        true_code = np.concatenate([code, further, other])[order]
        return SimulatedOffenses(
            occurred=days[case],
            delay=delay[case],
            hour=hour[case],
            minute=minute[case],
            area=area[case],
            district=intensity.district[start.district[case]],
            degrees=degrees[case],
            premise=premise[case],
            case=case,
            sequence=np.arange(len(case)) - np.repeat(np.cumsum(count) - count, count),
            offenses=count[case],
            code=np.concatenate([recorded, further, other_recorded])[order],
            weapon=draw_rows(shares.weapon_share[true_code], rng),
            circumstances=rng.random((len(case), 4)) < shares.circumstance_share[true_code],
        )

    def _set_unknown_times(
        self, category: np.ndarray, hour: np.ndarray, minute: np.ndarray, rng: np.random.Generator
    ) -> None:
        """Write 0000 and 1200 at the shares they have, whatever happened, and nowhere else."""
        shares = self.shares
        while len(rows := np.flatnonzero((hour % 12 == 0) & (minute == 0))):
            hour[rows] = draw_rows(shares.hour[category[rows]], rng)
            minute[rows] = rng.choice(shares.minute, len(rows), p=shares.minute_share)
        draw = rng.random(len(hour))
        unknown = draw < MIDNIGHT + NOON
        hour[unknown], minute[unknown] = np.where(draw[unknown] < MIDNIGHT, 0, 12), 0

    def _draw_premises(self, code: np.ndarray, drifted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        premise = np.zeros(len(code), int)
        for index in np.unique(code).tolist():
            for after in (False, True):
                rows = np.flatnonzero((code == index) & (drifted == after))
                share = self.premise_share(after)[index]
                premise[rows] = rng.choice(len(share), len(rows), p=share / share.sum())
        return premise

    def premise_share(self, drifted: bool) -> np.ndarray:
        """(C, premises) before or after the drift."""
        return self.shares.drifted_premise_share if drifted else self.shares.premise_share

    def _record(self, code: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The codes that are written for true codes (n,)."""
        n = len(code)
        any_code = rng.choice(len(self.shares.code), n, p=self.shares.any_code)
        return np.where(rng.random(n) < MISCODED, any_code, code)

    def category_evidence(self, hour: np.ndarray, minute: np.ndarray, delay: np.ndarray) -> np.ndarray:
        """(n, 7) likelihood of time and delay in each category, up to a factor; a delay of NaN adds nothing."""
        shares, legacy = self.shares, self.legacy
        known_time = ~((hour % 12 == 0) & (minute == 0))
        evidence = np.where(known_time[:, None], shares.hour[:, hour].T / (1 - shares.exact), 1.0)
        index = np.searchsorted(legacy.delay, np.nan_to_num(delay).astype(int))
        by_delay = np.where(np.isnan(delay)[:, None], 1.0, legacy.delay_share[:, index].T)
        likelihood: np.ndarray = evidence * by_delay
        return likelihood

    def _code_shares(
        self,
        category_shares: np.ndarray,
        hour: np.ndarray,
        minute: np.ndarray,
        delay: np.ndarray,
        premise: np.ndarray,
        drifted: np.ndarray,
    ) -> np.ndarray:
        """(n, C) true shares of the codes, up to a factor, given place, time and premise."""
        evidence = category_shares * self.category_evidence(hour, minute, delay.astype(float))
        before, after = self.premise_share(False)[:, premise].T, self.premise_share(True)[:, premise].T
        shares: np.ndarray = evidence @ self.shares.code_share * np.where(drifted[:, None], after, before)
        return shares

    def _of_another_category(
        self, code_shares: np.ndarray, first: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """True and recorded codes drawn by `code_shares` (n, C), of another recorded category than `first` (n,)."""
        code, recorded = np.zeros(len(first), int), np.zeros(len(first), int)
        rows = np.arange(len(first))
        while len(rows):
            code[rows] = draw_rows(code_shares[rows], rng)
            recorded[rows] = self._record(code[rows], rng)
            rows = rows[self.shares.category[recorded[rows]] == first[rows]]
        return code, recorded


def in_category(shares: NibrsShares) -> np.ndarray:
    """(C, 7): 1 for the category of each code."""
    matrix = np.zeros((len(shares.code), CATEGORY_COUNT))
    matrix[np.arange(len(shares.code)), shares.category] = 1
    return matrix
