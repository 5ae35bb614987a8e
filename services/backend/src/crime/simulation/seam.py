"""How a city's areas move from LAPD's own crime codes to NIBRS, one after another.

An area moves over some weeks: on each day a share of its cases is in the NIBRS table, the others in the old one. The
cases are as many as without a move. What a reader counts is kept at the intensity: a case once a category, and twice
where both tables have it. So NIBRS cases are fewer by as much as some of them count twice, and counts of them vary a
tenth more than Poisson's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from crime.core.days import day_number
from crime.simulation.intensity import AREAS, DAYS_PER_BLOCK, Intensity, next_near
from crime.simulation.settings import CitySettings

# set by judgement, as docs/method.md says
FIRST_AREA = 1  # Central, which moves on the seam's day
MOVES = (14, 294)  # days from then on which the other areas begin to move
RAMP_DAYS = 84  # from an area's first NIBRS reports to its last ones by the old codes
SECOND_CATEGORY = 0.06  # share of NIBRS cases with an offense of another category, which counts as a report of its own
DOUBLE_ENTRY = 5 / 2_000  # share of NIBRS cases that the old table has, too, while their area moves


class Seam:
    """The share of each area's cases that NIBRS has on each day. `start` (22,): an area's first day of moving."""

    def __init__(self, settings: CitySettings, rng: np.random.Generator):
        self.ramp = RAMP_DAYS
        if settings.system == "nibrs":  # all areas have moved before the first day
            self.start = np.full(AREAS + 1, day_number(settings.first_day) - RAMP_DAYS)
        else:
            self.start = day_number(settings.seam) + rng.integers(*MOVES, AREAS + 1, endpoint=True)
            self.start[FIRST_AREA] = day_number(settings.seam)

    def share(self, days: np.ndarray) -> np.ndarray:
        """(days, 22) share of cases in the NIBRS table; area 0 is unused."""
        share: np.ndarray = np.clip((days[:, None] - self.start + 1) / self.ramp, 0, 1)
        return share


@dataclass(frozen=True)
class CasesOfDay:
    """Districts, as indices into `Intensity.district`, of a day's cases by the old codes (m,) and by NIBRS (n,).

    second (n,): whether a case has an offense of another category; double (n,): whether the old table has it, too.
    """

    day: int
    legacy: np.ndarray
    nibrs: np.ndarray
    second: np.ndarray
    double: np.ndarray


def simulate_cases(intensity: Intensity, seam: Seam, rng: np.random.Generator) -> Iterator[CasesOfDay]:
    """Each day's cases, from the intensity's first day on, without end."""
    near, first = intensity.first_near(), intensity.first_day
    districts = np.arange(len(intensity.district))
    while True:
        block = np.arange(first, first + DAYS_PER_BLOCK)
        shares = seam.share(block)[:, intensity.area]
        for day, background, share in zip(block.tolist(), intensity.background(block).T, shares, strict=True):
            mean, double_share = background + near, DOUBLE_ENTRY * ((share > 0) & (share < 1))
            legacy = rng.poisson(mean * (1 - share))
            cases = rng.poisson(mean * share / (1 + SECOND_CATEGORY + double_share))
            nibrs = rng.permutation(np.repeat(districts, cases))
            second = rng.random(len(nibrs)) < SECOND_CATEGORY
            double = rng.random(len(nibrs)) < double_share[nibrs]
            yield CasesOfDay(day, rng.permutation(np.repeat(districts, legacy)), nibrs, second, double)
            reports = legacy + np.bincount(nibrs, 1 + second + double.astype(int), len(districts))
            near = next_near(near, reports)
        first += DAYS_PER_BLOCK
