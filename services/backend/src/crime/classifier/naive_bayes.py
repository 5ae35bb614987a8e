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

from crime.features.definitions import MO_PREFIX, describe_feature, is_mo_feature
from crime.reports.categories import CATEGORIES, category_of_crime_code

NAIVE_BAYES_INPUTS = [f"evidence_{category}" for category in CATEGORIES]
# what is read of a feature: its value, or how many of these bounds it reaches
BINNED_FEATURES: dict[str, tuple[int, ...] | None] = {
    "area": None,
    "weekday": None,
    "minute_of_day": tuple(range(60, 1440, 60)),
    "day_of_month": (2,),
    "reporting_delay": (1, 2, 3, 5, 8, 15, 31, 91, 366),
    "premise": None,
    "weapon": None,
}
VALUE_LIMIT = 1500  # above every code and the minutes of a day
CATEGORY_PRIOR_REPORTS, CITY_PRIOR_REPORTS = (
    10.0,
    20.0,
)  # reports' worth of trust in the category's habits, and in all reports'
PROBABILITY_FLOOR = 1e-4  # probability under which evidence says no more
ROWS_PER_BLOCK = 2048  # rows at a time
CRIME_CODES = np.array(sorted(category_of_crime_code()))
# of each field, what is read of each value
BIN_OF_VALUE = np.array(
    [
        np.searchsorted(b, np.arange(VALUE_LIMIT), "right") if b else np.arange(VALUE_LIMIT)
        for b in BINNED_FEATURES.values()
    ]
)


class CodeCounts:
    """How often reports of each of `CODES` said what. Counts of parts add up to those of the whole, and back.

    `reports` (codes,); `values` (fields, codes, values read); `known` (codes,): reports whose MO codes are known, and
    `given` (codes, MO codes): those that name each.
    """

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self._mo = [at for at, name in enumerate(names) if is_mo_feature(name)]
        self.reports = np.zeros(len(CRIME_CODES))
        self.values = np.zeros((len(BINNED_FEATURES), len(CRIME_CODES), VALUE_LIMIT))
        self.known = np.zeros(len(CRIME_CODES))
        self.given = np.zeros((len(CRIME_CODES), len(self._mo)))

    def add(self, matrix: np.ndarray, code: np.ndarray) -> None:
        """Count reports (rows, features) and their crime codes (rows,)."""
        of = np.searchsorted(CRIME_CODES, code)
        self.reports += np.bincount(of, minlength=len(CRIME_CODES))
        for at, name in enumerate(BINNED_FEATURES):
            column = matrix[:, self.names.index(name)]
            known = ~np.isnan(column)
            cells = of[known] * VALUE_LIMIT + BIN_OF_VALUE[at][column[known].astype(int)]
            self.values[at] += np.bincount(cells, minlength=len(CRIME_CODES) * VALUE_LIMIT).reshape(
                len(CRIME_CODES), VALUE_LIMIT
            )
        if self._mo:
            self.known += np.bincount(of[~np.isnan(matrix[:, self._mo[0]])], minlength=len(CRIME_CODES))
            row, mo = np.nonzero(matrix[:, self._mo] == 1)
            cells = of[row] * len(self._mo) + mo
            self.given += np.bincount(cells, minlength=self.given.size).reshape(self.given.shape)

    def without(self, part: "CodeCounts") -> "CodeCounts":
        """What remains when a part is taken out."""
        rest = CodeCounts(self.names)
        for name in ("reports", "values", "known", "given"):
            setattr(rest, name, getattr(self, name) - getattr(part, name))
        return rest


class NaiveBayes:
    """Tables of log-likelihoods: a row for each value of a field and each MO code, a column for each crime code.

    `table[0]` says nothing; `table[1]` is the prior; `table[2]` stands for MO codes that are known and not given.
    `lookup[f, v]` is the row of value `v` of field `f`; `category` (codes,) rises.
    """

    def __init__(self, names: Sequence[str], table: np.ndarray, lookup: np.ndarray, category: np.ndarray):
        self.names = list(names)
        self.table = table.astype(float)
        self.lookup = lookup
        self.category = category
        self._fields = np.array([self.names.index(name) for name in BINNED_FEATURES])
        columns = [at for at, name in enumerate(self.names) if is_mo_feature(name)]  # the last ones
        self._mo = slice(len(self.names) - len(columns), None)
        self._first_mo = len(table) - len(columns)
        self._lookups = lookup.tolist()
        self._columns = [*(describe_feature(name).source[0] for name in BINNED_FEATURES), "Mocodes"]
        self._present, self._borders = np.unique(category, return_index=True)

    @classmethod
    def fit(cls, counts: "CodeCounts") -> "NaiveBayes":
        """Learn from what was counted."""
        present = np.flatnonzero(counts.reports)
        category = np.array([category_of_crime_code()[code] for code in CRIME_CODES[present].tolist()])
        codes = present[np.argsort(category, kind="stable")]
        category, size = np.sort(category, kind="stable"), counts.reports[codes]
        member = np.arange(len(CATEGORIES))[:, None] == category

        def shrunk(counts: np.ndarray, total: np.ndarray, everywhere: np.ndarray) -> np.ndarray:
            """Shares of values (codes, V) from counts and the reports (codes, 1 or V) they are of."""
            above = (member @ counts + CITY_PRIOR_REPORTS * everywhere) / (member @ total + CITY_PRIOR_REPORTS)
            return (counts + CATEGORY_PRIOR_REPORTS * above[category]) / (total + CATEGORY_PRIOR_REPORTS)

        rows = [np.zeros((1, len(codes))), np.log(size / size.sum())[None]]
        lookup = np.zeros((len(BINNED_FEATURES), VALUE_LIMIT + 1), np.int32)
        reached = 3
        for at, values in enumerate(counts.values):
            found = np.flatnonzero(values.any(0))
            said = values[np.ix_(codes, found)]
            everywhere = (said.sum(0) + 0.5) / (said.sum() + 0.5 * len(found))
            rows.append(np.log(shrunk(said, said.sum(1, keepdims=True), everywhere)).T)
            row_of = np.zeros(VALUE_LIMIT, np.int32)
            row_of[found] = reached + np.arange(len(found))
            lookup[at, :VALUE_LIMIT] = row_of[BIN_OF_VALUE[at]]
            reached += len(found)
        given, total = counts.given[codes], counts.known[codes][:, None]
        share = np.clip(shrunk(given, total, (given.sum(0) + 0.5) / (total.sum() + 1)), 1e-6, 1 - 1e-6)
        rows.insert(2, np.log1p(-share).sum(1)[None])
        rows.append((np.log(share) - np.log1p(-share)).T)
        return cls(counts.names, np.concatenate(rows).astype(np.float32), lookup, category)

    def save(self, path: Path) -> None:
        """Write it as arrays."""
        np.savez_compressed(path, table=self.table.astype(np.float32), lookup=self.lookup, category=self.category)

    @classmethod
    def load(cls, path: Path, names: Sequence[str]) -> "NaiveBayes":
        """Read what `save` wrote. Raises OSError, ValueError or KeyError where it can't be."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(names, arrays["table"], arrays["lookup"], arrays["category"])

    def of(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, 7) float32 log-probability of each category from a matrix (rows, features); NaN is not known."""
        found = np.empty((len(matrix), len(CATEGORIES)), np.float32)
        for first in range(0, len(matrix), ROWS_PER_BLOCK):
            block = slice(first, first + ROWS_PER_BLOCK)
            posterior = self._posterior(matrix[block])
            shares = np.zeros((len(posterior), len(CATEGORIES)))
            shares[:, self._present] = np.add.reduceat(posterior, self._borders, axis=1)
            found[block] = np.log(shares / shares.sum(1, keepdims=True) + PROBABILITY_FLOOR)
        return found

    def one(self, vector: np.ndarray) -> np.ndarray:
        """(7,) of one report's vector (features,): bit for bit what `of` gives, in a tenth of the time."""
        shares = np.zeros(len(CATEGORIES))
        log = np.add.reduce(self.table[self._said(vector)], axis=0)
        log -= log.max()
        shares[self._present] = np.add.reduceat(np.exp(log, out=log), self._borders)
        shares /= np.add.reduce(shares)
        shares += PROBABILITY_FLOOR
        return np.log(shares, out=shares).astype(np.float32)

    def _said(self, vector: np.ndarray) -> list[int]:
        """Rows of the table: the prior, each of `FIELDS`, whether MO codes are known, and those that are given."""
        said = [1]
        for lookup, value in zip(self._lookups, vector[self._fields].tolist(), strict=True):
            said.append(lookup[int(value)] if 0 <= value < VALUE_LIMIT else 0)
        given = vector[self._mo]
        said.append(2 if len(given) and given[0] == given[0] else 0)
        said += (self._first_mo + (given == 1).nonzero()[0]).tolist()
        return said

    def _posterior(self, matrix: np.ndarray) -> np.ndarray:
        """Each crime code's probability but for a factor (rows, codes).

        Everything is summed in the order of `_said`, so that one alone gets the bits that it gets among many.
        """
        n = len(matrix)
        values = matrix[:, self._fields]
        known = (values >= 0) & (values < VALUE_LIMIT)
        said = self.lookup[np.arange(len(self._fields)), np.where(known, values, VALUE_LIMIT).astype(int)]
        given = matrix[:, self._mo]
        marked = 2 * ~np.isnan(given[:, 0]) if given.shape[1] else np.zeros(n, int)
        log, addend = np.repeat(self.table[1:2], n, axis=0), np.empty((n, len(self.category)))
        for column in (*said.T, marked):
            log += np.take(self.table, column, axis=0, out=addend, mode="clip")
        row, code = np.nonzero(given == 1)
        place = np.arange(len(row)) - np.searchsorted(row, row)  # the how manieth of its report
        for at in range(place.max(initial=-1) + 1):
            log[row[place == at]] += self.table[self._first_mo + code[place == at]]
        log -= log.max(1, keepdims=True)
        return np.exp(log, out=log)

    def pushes(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """What each LAPD column (MO codes that are given: each code) of one report pushed evidence by, (7,) each.

        The slope of each category's log-probability along the column's log-likelihoods, so parts only add up nearly.
        """
        said = self._said(vector)
        rows = self.table[said]
        log = np.add.reduce(rows, axis=0)
        share = np.exp(log - log.max())
        share /= share.sum()
        total = np.zeros(len(CATEGORIES))
        total[self._present] = np.add.reduceat(share, self._borders)
        weighed = np.zeros((len(said), len(CATEGORIES)))
        weighed[:, self._present] = np.add.reduceat(rows * share, self._borders, axis=1)
        pushed = weighed / np.maximum(total, 1e-300) - weighed.sum(1, keepdims=True)
        names = ["prior", *self._columns]
        names += [
            f"Mocodes {self.names[at - self._first_mo + self._mo.start].removeprefix(MO_PREFIX)}"
            for at in said[len(names) :]
        ]
        parts: dict[str, np.ndarray] = {}
        for name, at, push in zip(names, said, pushed, strict=True):
            if at > 1:
                parts[name] = parts.get(name, 0) + push
        return parts
