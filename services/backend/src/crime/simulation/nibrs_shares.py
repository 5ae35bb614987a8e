"""The shares that offenses of a simulated city's NIBRS table are drawn by.

Which offenses a category has, and which premises there are, follows from LAPD's NIBRS table (`nibrs_offenses.csv`,
`nibrs_premises.csv`: how often a code or text was seen). No table of full rows could be had. So premises begin as those
of the same place in the old table, and a city draws how each category and each code departs from that. Times and
delays are the old table's. Codes of premises are made up but for RA and 32; weapons are those of the FBI's list.
"""

import csv
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from crime.reports.categories import CRIME_CODES, crime_code_index
from crime.reports.sources import CIRCUMSTANCES
from crime.simulation.details import ReportDetails
from crime.simulation.smoothing import CATEGORY_COUNT, sum_by_category

# measured on LAPD's table
MIDNIGHT, NOON = 0.027, 0.023  # shares of reports at 0000 and at 1200, which stand for "not known"
PREMISE_BLANK = 628 / 28_591
# set by judgement, as docs/method.md says; by category, in the order of `CATEGORIES`
WEAPON_GIVEN = (0.005, 0.88, 0.12, 0.02, 0.35, 0.35, 0.05)
CIRCUMSTANCE_SHARES = {
    "victim_shot": (0.0005, 0.04, 0.001, 0.0005, 0.01, 0.001, 0.001),
    "domestic_violence_crime": (0.01, 0.30, 0.08, 0.02, 0.25, 0.10, 0.05),
    "gang_related_crime": (0.001, 0.03, 0.02, 0.004, 0.05, 0.005, 0.01),
    "transit_related_crime": (0.002, 0.03, 0.01, 0.01, 0.01, 0.04, 0.08),
}
WEAPONS = {  # the FBI's codes: name, share of the weapons given
    "11": ("Firearm", 0.03),
    "12": ("Handgun", 0.11),
    "13": ("Rifle", 0.01),
    "14": ("Shotgun", 0.01),
    "20": ("Knife/Cutting Instrument", 0.11),
    "30": ("Blunt Object", 0.10),
    "35": ("Motor Vehicle/Vessel", 0.04),
    "40": ("Personal Weapons (hands, feet, teeth, etc.)", 0.42),
    "65": ("Fire/Incendiary Device", 0.02),
    "70": ("Drugs/Narcotics/Sleeping Pills", 0.01),
    "85": ("Asphyxiation", 0.01),
    "90": ("Other", 0.09),
    "95": ("Unknown", 0.04),
}
CATEGORY_PREMISES = 40.0  # weight of all premises' shares in a category's: the smaller, the more they differ
CODE_PREMISES = 20.0  # of a category's premises in a crime code's
CODE_WEAPONS = 20.0  # of all weapons' shares in a crime code's
LEAST_SHARE = 0.05  # of a crime code's premises and weapons as in all reports, so that none is impossible
CODE_SPREAD = 0.5  # standard deviation among a category's crime codes of the log odds of weapon and circumstances
LIKENESS_LIMIT = 20.0  # a premise is at most so much more or less frequent in a category than in all reports


def read_rows(table: str) -> list[dict[str, str]]:
    """The rows of a table of this package."""
    with (files("crime.simulation") / table).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


class NibrsShares:
    """Shares of what NIBRS offenses say.

    code (C,): indices into `CRIME_CODES`; category (C,): the category of each; code_share (7, C): shares of the codes
    by category; any_code (C,): in all offenses. premise, weapon: codes as text, with a blank one first.
    premise_share, drifted_premise_share (C, premises), weapon_share (C, weapons), circumstance_share (C, 4): by code.
    hour (7, 24), minute_share: as in the old table; exact (7,): what would be at 0000 or 1200 of each category.
    """

    def __init__(self, legacy: ReportDetails, category_share: np.ndarray, drift_premise: float, seed: Sequence[int]):
        """Draw a city's shares. `category_share` (7,): of all reports; `legacy`: the old table's shares."""
        rng = np.random.default_rng(seed)
        offenses = read_rows("nibrs_offenses.csv")
        self.code = np.array([crime_code_index()["nibrs", row["NIBR Code"]] for row in offenses])
        self.category = np.array([CRIME_CODES[index].category for index in self.code.tolist()])
        seen = np.array([float(row["Seen"]) for row in offenses]) + 0.5
        self.code_share = np.where(self.category == np.arange(CATEGORY_COUNT)[:, None], seen, 0)
        self.code_share /= self.code_share.sum(1, keepdims=True)
        self.any_code = category_share @ self.code_share
        self.hour, self.minute, self.minute_share = legacy.hour, legacy.minute, legacy.minute_share
        self.exact = (self.hour[:, 0] + self.hour[:, 12]) * self.minute_share[self.minute == 0].sum()
        self.premise = ["", *(row["Premise Cd"] for row in read_rows("nibrs_premises.csv"))]
        given = self._premise_shares(legacy, rng)
        other = given[:, rng.permutation(given.shape[1])]
        self.premise_share = _with_blank(given, np.full(len(self.code), 1 - PREMISE_BLANK))
        drifted = (1 - drift_premise) * given + drift_premise * other
        self.drifted_premise_share = _with_blank(drifted, np.full(len(self.code), 1 - PREMISE_BLANK))
        self.weapon = ["", *WEAPONS]
        usual = np.array([share for _, share in WEAPONS.values()])
        self.weapon_share = _with_blank(
            _departures(np.tile(usual, (len(self.code), 1)), CODE_WEAPONS, rng),
            self._shares_by_code(WEAPON_GIVEN, rng),
        )
        self.circumstance_share = np.column_stack(
            [self._shares_by_code(CIRCUMSTANCE_SHARES[name], rng) for name in CIRCUMSTANCES]
        )

    def _premise_shares(self, legacy: ReportDetails, rng: np.random.Generator) -> np.ndarray:
        """(C, premises) shares of the premises given."""
        rows = read_rows("nibrs_premises.csv")
        seen = np.array([float(row["Seen"]) for row in rows])
        by_code = legacy.premise_share * legacy.any_code[:, None]
        in_category = sum_by_category(by_code, legacy.category)
        likeness = in_category / in_category.sum(1, keepdims=True) / by_code.sum(0) * by_code.sum()
        column = {str(code): index for index, code in enumerate(legacy.premise.tolist())}
        like = [column.get(row["Like Premis Cd"], -1) for row in rows]
        factor = np.where(np.array(like) < 0, 1.0, likeness[:, like])
        shares = seen * np.clip(factor, 1 / LIKENESS_LIMIT, LIKENESS_LIMIT)
        shares = _departures(shares / shares.sum(1, keepdims=True), CATEGORY_PREMISES, rng)
        return _departures(shares[self.category], CODE_PREMISES, rng)

    def _shares_by_code(self, by_category: Sequence[float], rng: np.random.Generator) -> np.ndarray:
        """(C,) shares of the codes, around those of their categories (7,)."""
        share = np.array(by_category)[self.category]
        odds = share / (1 - share) * np.exp(rng.normal(0, CODE_SPREAD, len(share)))
        shares: np.ndarray = odds / (1 + odds)
        return shares


def _departures(shares: np.ndarray, weight: float, rng: np.random.Generator) -> np.ndarray:
    """Shares (groups, k) drawn around `shares` (groups, k), which weigh `weight` reports."""
    drawn = rng.gamma(np.maximum(weight * shares, 1e-3))
    drawn /= drawn.sum(1, keepdims=True)
    mixed: np.ndarray = (1 - LEAST_SHARE) * drawn + LEAST_SHARE * shares
    return mixed


def _with_blank(shares: np.ndarray, given: np.ndarray) -> np.ndarray:
    """(C, 1 + k) shares of blank, and of each of k values (C, k) where one is given, `given` (C,)."""
    return np.column_stack([1 - given, shares * given[:, None]])
