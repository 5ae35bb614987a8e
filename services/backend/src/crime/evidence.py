"""Naive Bayes over LAPD's crime codes: what each field of a report says for each category.

A category is many crimes: a stolen bicycle and a shoplifter have little in common. So the habits are learnt by crime
code (how often its reports are of an hour, a premise, a weapon, an MO code), shrunk towards those of its category,
and these towards all reports'. What is known of a report adds up over the codes, what is not known says nothing; the
codes' probabilities, summed by category, are seven more inputs of the trees, which correct what is naive about it.
Crime codes serve as finer labels here and are never an input.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crime.features import MO_PREFIX, describe, is_mo
from crime.schema import CATEGORIES, crime_category

NAMES = [f"evidence_{category}" for category in CATEGORIES]
# what is read of a feature: its value, or how many of these bounds it reaches
FIELDS: dict[str, tuple[int, ...] | None] = {
    "area": None,
    "weekday": None,
    "minute_of_day": tuple(range(60, 1440, 60)),
    "day_of_month": (2,),
    "reporting_delay": (1, 2, 3, 5, 8, 15, 31, 91, 366),
    "premise": None,
    "weapon": None,
}
LARGEST = 1500  # above every code and the minutes of a day
OWN, CATEGORY = 10.0, 20.0  # reports' worth of trust in the category's habits, and in all reports'
LEAST = 1e-4  # probability under which evidence says no more
BLOCK = 2048  # rows at a time


class Evidence:
    """Tables of log-likelihoods: a row for each value of a field and each MO code, a column for each crime code.

    `table[0]` says nothing; `table[1]` is the prior; `table[2]` stands for MO codes that are known and not given.
    `lookup[f, v]` is the row of value `v` of field `f`; `category` (codes,) rises.
    """

    def __init__(self, names: Sequence[str], table: np.ndarray, lookup: np.ndarray, category: np.ndarray):
        self.names = list(names)
        self.table = table.astype(float)
        self.lookup = lookup
        self.category = category
        self._fields = np.array([self.names.index(name) for name in FIELDS])
        self._mo = np.array([at for at, name in enumerate(self.names) if is_mo(name)], int)
        self._first_mo = len(table) - len(self._mo)
        self._lookups = lookup.tolist()
        self._present, self._borders = np.unique(category, return_index=True)

    @classmethod
    def fit(cls, names: Sequence[str], matrix: np.ndarray, code: np.ndarray) -> "Evidence":
        """Learn from reports (rows, features) and their crime codes (rows,)."""
        codes, of = np.unique(code, return_inverse=True)
        category = np.array([crime_category()[int(c)] for c in codes])
        order = np.argsort(category, kind="stable")
        category, of = category[order], np.argsort(order)[of]
        size = np.bincount(of, minlength=len(codes)).astype(float)
        member = np.arange(len(CATEGORIES))[:, None] == category

        def shrunk(counts: np.ndarray, total: np.ndarray, everywhere: np.ndarray) -> np.ndarray:
            """Shares of values (codes, V) from counts and the reports (codes, 1 or V) they are of."""
            above = (member @ counts + CATEGORY * everywhere) / (member @ total + CATEGORY)
            return (counts + OWN * above[category]) / (total + OWN)

        rows = [np.zeros((1, len(codes))), np.log(size / size.sum())[None]]
        lookup = np.zeros((len(FIELDS), LARGEST + 1), np.int32)
        reached = 3
        for at, (name, bounds) in enumerate(FIELDS.items()):
            column = matrix[:, list(names).index(name)]
            known = ~np.isnan(column)
            values = np.arange(LARGEST)
            read = np.searchsorted(bounds, values, "right") if bounds else values
            found, index = np.unique(read[column[known].astype(int)], return_inverse=True)
            counts = np.zeros((len(codes), len(found)))
            np.add.at(counts, (of[known], index), 1)
            everywhere = (counts.sum(0) + 0.5) / (counts.sum() + 0.5 * len(found))
            rows.append(np.log(shrunk(counts, counts.sum(1, keepdims=True), everywhere)).T)
            nearest = np.minimum(np.searchsorted(found, read), len(found) - 1)
            lookup[at, :LARGEST] = np.where(found[nearest] == read, reached + nearest, 0)
            reached += len(found)
        columns = [at for at, name in enumerate(names) if is_mo(name)]
        counts, total = np.zeros((len(codes), len(columns))), size[:, None]
        if columns:
            known = ~np.isnan(matrix[:, columns[0]])
            total = np.bincount(of[known], minlength=len(codes)).astype(float)[:, None]
            for place, mo in enumerate(columns):
                counts[:, place] = np.bincount(of[known], matrix[known, mo], len(codes))
        share = np.clip(shrunk(counts, total, (counts.sum(0) + 0.5) / (total.sum() + 1)), 1e-6, 1 - 1e-6)
        rows.insert(2, np.log1p(-share).sum(1)[None])
        rows.append((np.log(share) - np.log1p(-share)).T)
        return cls(names, np.concatenate(rows).astype(np.float32), lookup, category)

    def save(self, path: Path) -> None:
        """Write it as arrays."""
        np.savez_compressed(path, table=self.table.astype(np.float32), lookup=self.lookup, category=self.category)

    @classmethod
    def load(cls, path: Path, names: Sequence[str]) -> "Evidence":
        """Read what `save` wrote. Raises OSError, ValueError or KeyError where it can't be."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(names, arrays["table"], arrays["lookup"], arrays["category"])

    def of(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, 7) float32 log-probability of each category from a matrix (rows, features); NaN is not known."""
        found = np.empty((len(matrix), len(CATEGORIES)), np.float32)
        for first in range(0, len(matrix), BLOCK):
            block = slice(first, first + BLOCK)
            _, posterior = self._posterior(matrix[block])
            shares = np.zeros((len(posterior), len(CATEGORIES)))
            shares[:, self._present] = np.add.reduceat(posterior, self._borders, axis=1)
            found[block] = np.log(shares / shares.sum(1, keepdims=True) + LEAST)
        return found

    def one(self, vector: np.ndarray) -> np.ndarray:
        """(7,) of one report's vector (features,): bit for bit what `of` gives, in a quarter of the time."""
        said = [1]
        for lookup, value in zip(self._lookups, vector[self._fields].tolist(), strict=True):
            said.append(lookup[int(value)] if 0 <= value < LARGEST else 0)
        given = vector[self._mo]
        said.append(2 if len(given) and given[0] == given[0] else 0)
        said += (self._first_mo + np.flatnonzero(given == 1)).tolist()
        log = np.add.reduceat(self.table[said], [0], axis=0)[0]
        shares = np.zeros(len(CATEGORIES))
        shares[self._present] = np.add.reduceat(np.exp(log - log.max()), self._borders)
        found: np.ndarray = np.log(shares / shares.sum() + LEAST).astype(np.float32)
        return found

    def _posterior(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Table row of each thing known, report by report, and each code's probability but for a factor (rows, codes).

        Everything is summed report by report, so that one alone gets the bits that it gets among many.
        """
        n, width = len(matrix), len(self._fields) + 2
        values = matrix[:, self._fields]
        known = (values >= 0) & (values < LARGEST)
        said = np.ones((n, width), int)
        said[:, 1:-1] = self.lookup[np.arange(len(self._fields)), np.where(known, values, LARGEST).astype(int)]
        given = matrix[:, self._mo]
        said[:, -1] = 2 * ~np.isnan(given[:, 0]) if len(self._mo) else 0
        row, code = np.nonzero(given == 1)
        of = np.concatenate([np.repeat(np.arange(n), width), row])
        order = np.argsort(of, kind="stable")
        of, said = of[order], np.concatenate([said.ravel(), self._first_mo + code])[order]
        log = np.add.reduceat(self.table[said], np.searchsorted(of, np.arange(n)), axis=0)
        return said, np.exp(log - log.max(1, keepdims=True))

    def pushes(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """What each LAPD column (MO codes that are given: each code) of one report pushed evidence by, (7,) each.

        The slope of each category's log-probability along the column's log-likelihoods, so parts only add up nearly.
        """
        said, posterior = self._posterior(vector[None])
        share = posterior[0] / posterior[0].sum()
        total = np.maximum(np.bincount(self.category, share, len(CATEGORIES)), 1e-300)
        parts: dict[str, np.ndarray] = {}
        names = ["prior", *(describe(name).source[0] for name in FIELDS), "Mocodes"]
        names += [
            f"Mocodes {self.names[self._mo[at - self._first_mo]].removeprefix(MO_PREFIX)}" for at in said[len(names) :]
        ]
        for name, at in zip(names, said, strict=True):
            if at > 1:
                weighed = share * self.table[at]
                push = np.bincount(self.category, weighed, len(CATEGORIES)) / total - weighed.sum()
                parts[name] = parts.get(name, 0) + push
        return parts
