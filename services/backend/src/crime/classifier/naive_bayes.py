"""Naive Bayes over LAPD's crime codes: seven inputs of the trees, the log-probability of each category.

A category is made of unlike crimes (a stolen bicycle, a shoplifter), so likelihoods are kept by crime code: how often
its reports have an hour, a premise, a weapon, an MO code. Log-likelihoods of what is known of a report are summed per
code, as if independent; what is not known adds nothing. The codes' probabilities are then summed by category. The
trees correct for the independence that does not hold. Crime codes are only labels here, never an input.

The tables are applied here and estimated in `crime.training.classifier.naive_bayes`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crime.core.bundle_arrays import ArrayRule, read_arrays
from crime.core.errors import BundleError
from crime.features.definitions import MO_PREFIX, describe_feature, is_mo_feature
from crime.reports.categories import CATEGORIES, CRIME_CODES, crime_code_index
from crime.reports.sources import CIRCUMSTANCES

NAIVE_BAYES_INPUTS = [f"evidence_{category}" for category in CATEGORIES]  # the names stand in stored bundles
# Features that are read, of those that a model has, and the lower bounds of their bins. None: each value is a bin.
BINNED_FEATURES: dict[str, tuple[int, ...] | None] = {
    "area": None,
    "weekday": None,
    "minute_of_day": tuple(range(60, 1440, 60)),  # hours
    "day_of_month": (2,),  # the 1st stands for an unknown day
    "reporting_delay": (1, 2, 3, 5, 8, 15, 31, 91, 366),  # days
    "premise": None,
    "weapon": None,
    "system": None,
    **dict.fromkeys(CIRCUMSTANCES),
}
VALUE_LIMIT = 1500  # values lie below: no vocabulary and no day has more entries or minutes
PROBABILITY_FLOOR = 1e-4  # added to a category's probability before its logarithm is taken; docs/method.md
TEMPER = 0.8  # exponent of likelihoods where codes are told apart: dependent fields count twice; docs/method.md
ROWS_PER_BLOCK = 2048  # reports at a time, so that a block's sums stay in the processor's cache
NOT_KNOWN_ROW, PRIOR_ROW, MO_KNOWN_ROW = 0, 1, 2  # rows of the table that stand for no single value
# of a table that is read: rows, logarithms, and the prior's sum beside 1
MAX_ROWS, MAX_LOG, MAX_SHARE_ERROR = 8_000, 1e4, 1e-3


def binned_features(names: Sequence[str]) -> list[str]:
    """Those of `BINNED_FEATURES` that are among a model's features."""
    return [name for name in BINNED_FEATURES if name in names]


class NaiveBayes:
    """Log-likelihoods by crime code, and the prior.

    names: the model's features; the columns of MO codes come last.
    table (rows, codes): row 0 is zero, for what is not known; row 1 is the prior; row 2 is the log-likelihood that none
        of the MO codes is given, for reports whose MO codes are known; then a row for each bin of each feature; the
        last ones, a row for each MO code, add the log-odds of it being given.
    lookup (features, VALUE_LIMIT + 1): the table's row of each value of each of `binned_features`.
    category (codes,): index of each crime code's category, ascending.
    codes (codes,): the crime codes, indices into `CRIME_CODES`; None in bundles of earlier releases.
    """

    def __init__(
        self,
        names: Sequence[str],
        table: np.ndarray,
        lookup: np.ndarray,
        category: np.ndarray,
        codes: np.ndarray | None = None,
    ):
        self.names = list(names)
        self.table = table.astype(float, order="C")  # rows are gathered, thrice as fast where each lies in one piece
        self.lookup = lookup
        self.category = category
        self.codes = codes
        binned = binned_features(self.names)
        self._features = np.array([self.names.index(name) for name in binned])
        mo_count = sum(map(is_mo_feature, self.names))
        self._mo = slice(len(self.names) - mo_count, None)
        self._first_mo_row = len(table) - mo_count
        self._lookup_lists = lookup.tolist()  # for one report: quicker than indexing an array
        self._columns = [*(describe_feature(name).source[0] for name in binned), "Mocodes"]
        self._present, self._borders = np.unique(category, return_index=True)

    def save(self, path: Path) -> None:
        """Write the tables to a compressed NumPy archive."""
        arrays: dict[str, Any] = {
            "table": self.table.astype(np.float32),
            "lookup": self.lookup,
            "category": self.category,
        }
        if self.codes is not None:
            crimes = [CRIME_CODES[index] for index in self.codes.tolist()]
            arrays["codes"] = np.array([[crime.system, crime.code] for crime in crimes])
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, content: bytes, names: Sequence[str]) -> "NaiveBayes":
        """Read what `save` wrote, for a model with these features. Raises `BundleError`."""
        binned, mo_count = len(binned_features(names)), sum(map(is_mo_feature, names))
        rules = {
            "table": ArrayRule("number", ("rows", "codes"), -MAX_LOG, MAX_LOG),
            "lookup": ArrayRule("integer", (binned, VALUE_LIMIT + 1), NOT_KNOWN_ROW, MAX_ROWS),
            "category": ArrayRule("integer", ("codes",), 0, len(CATEGORIES) - 1),
            "codes": ArrayRule("text", ("codes", 2), required=False),
        }
        arrays = read_arrays(content, rules, {"rows": MAX_ROWS, "codes": len(CRIME_CODES)})
        table, lookup, category = arrays["table"], arrays["lookup"], arrays["category"]
        if not len(category) or (np.diff(category) < 0).any():
            raise BundleError("category: expected those of crime codes, ascending")
        first_mo_row = len(table) - mo_count
        if first_mo_row <= MO_KNOWN_ROW or (lookup >= first_mo_row).any():
            raise BundleError("lookup: names rows that the table has not")
        if np.isin(lookup, (PRIOR_ROW, MO_KNOWN_ROW)).any() or lookup[:, VALUE_LIMIT].any():
            raise BundleError("lookup: a value has a row that is of none")
        if table[NOT_KNOWN_ROW].any():
            raise BundleError("table: what is not known adds something")
        if abs(np.exp(table[PRIOR_ROW].astype(float)).sum() - 1) > MAX_SHARE_ERROR:
            raise BundleError("table: the prior is no shares")
        index = crime_code_index()
        keys = arrays["codes"].tolist() if "codes" in arrays else []
        if unknown := [f"{system}:{code}" for system, code in keys if (system, code) not in index]:
            raise BundleError(f"codes: no crime code {unknown[0][:60]!r}")
        codes = np.array([index[system, code] for system, code in keys]) if keys else None
        return cls(names, table, lookup, category, codes)

    def category_shares(self) -> np.ndarray:
        """(7,) each category's share of the reports that the tables were estimated from."""
        shares: np.ndarray = np.bincount(self.category, np.exp(self.table[PRIOR_ROW]), len(CATEGORIES))
        return shares

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, 7) float32 log-probability of each category, from a matrix (rows, features) with NaN for unknown."""
        answer = np.empty((len(matrix), len(CATEGORIES)), np.float32)
        for first in range(0, len(matrix), ROWS_PER_BLOCK):
            block = slice(first, first + ROWS_PER_BLOCK)
            likelihoods = np.exp(self.log_likelihoods(matrix[block]))
            shares = np.zeros((len(likelihoods), len(CATEGORIES)))
            shares[:, self._present] = np.add.reduceat(likelihoods, self._borders, axis=1)
            answer[block] = np.log(shares / shares.sum(1, keepdims=True) + PROBABILITY_FLOOR)
        return answer

    def predict_one(self, vector: np.ndarray) -> np.ndarray:
        """(7,) of one report's vector (features,): bit for bit what `predict` gives, in a tenth of the time."""
        shares = np.zeros(len(CATEGORIES))
        log = np.add.reduce(self.table[self._rows_of(vector)], axis=0)
        log -= log.max()
        shares[self._present] = np.add.reduceat(np.exp(log, out=log), self._borders)
        shares /= np.add.reduce(shares)
        shares += PROBABILITY_FLOOR
        return np.log(shares, out=shares).astype(np.float32)

    def _rows_of(self, vector: np.ndarray) -> list[int]:
        """Rows of the table that apply: prior, each of `binned_features`, whether MO codes are known, each MO code."""
        rows = [PRIOR_ROW]
        for lookup, value in zip(self._lookup_lists, vector[self._features].tolist(), strict=True):
            rows.append(lookup[int(value)] if 0 <= value < VALUE_LIMIT else NOT_KNOWN_ROW)
        mo = vector[self._mo]
        rows.append(MO_KNOWN_ROW if len(mo) and mo[0] == mo[0] else NOT_KNOWN_ROW)  # NaN is not itself
        rows += (self._first_mo_row + (mo == 1).nonzero()[0]).tolist()
        return rows

    def log_likelihoods(self, matrix: np.ndarray) -> np.ndarray:
        """(rows, codes) log of likelihood times prior of each crime code, less that of the report's likeliest code.

        `matrix` (rows, features) with NaN for unknown. Rows of the table are added in the order of `_rows_of`, so that
        a report gets the same bits alone or in a block.
        """
        count = len(matrix)
        values = matrix[:, self._features]
        known = (values >= 0) & (values < VALUE_LIMIT)
        table_rows = self.lookup[np.arange(len(self._features)), np.where(known, values, VALUE_LIMIT).astype(int)]
        mo = matrix[:, self._mo]
        mo_known = MO_KNOWN_ROW * ~np.isnan(mo[:, 0]) if mo.shape[1] else np.zeros(count, int)
        row, code = np.divmod(np.flatnonzero(mo == 1), max(1, mo.shape[1]))
        codes = np.bincount(row, minlength=count)
        # those with most MO codes first, so that of each rank the first rows have one
        order = np.argsort(-codes, kind="stable")
        position = np.empty(count, int)
        position[order] = np.arange(count)
        log, addend = np.repeat(self.table[1:2], count, axis=0), np.empty((count, len(self.category)))
        for column in (*table_rows.T, mo_known):
            log += np.take(self.table, column[order], axis=0, out=addend, mode="clip")
        rank = np.arange(len(row)) - np.searchsorted(row, row)  # of the MO code within its report
        mo_rows = np.zeros((codes.max(initial=0), count), int)
        mo_rows[rank, position[row]] = self._first_mo_row + code
        for step, column in enumerate(mo_rows):
            some = np.count_nonzero(codes > step)
            log[:some] += np.take(self.table, column[:some], axis=0, out=addend[:some], mode="clip")
        log = log[position]
        log -= log.max(1, keepdims=True)
        return log

    def log_ratios(self, vector: np.ndarray, code: int, other: int) -> dict[str, float]:
        """How much each LAPD column of one report speaks for a code against another, as log-likelihood ratios.

        `code`, `other`: positions in the table's columns. Each MO code of the report is an entry of its own, as in
        `contributions`. The prior is not among them: it is no field.
        """
        table_rows = self._rows_of(vector)
        ratios: dict[str, float] = {}
        for column, row in zip(self._columns_of(table_rows), table_rows, strict=True):
            if row not in (NOT_KNOWN_ROW, PRIOR_ROW):
                ratios[column] = ratios.get(column, 0.0) + float(self.table[row, code] - self.table[row, other])
        return ratios

    def contributions(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """What each LAPD column of one report adds to the log-probability of each category, (7,) each.

        Contributions are the slope of the log-probabilities along the column's log-likelihoods: a first-order
        approximation, so they add up only roughly. Each MO code of the report is an entry of its own (`Mocodes 0344`).
        """
        table_rows = self._rows_of(vector)
        logs = self.table[table_rows]
        log = np.add.reduce(logs, axis=0)
        share = np.exp(log - log.max())
        share /= share.sum()
        total = np.zeros(len(CATEGORIES))
        total[self._present] = np.add.reduceat(share, self._borders)
        weighted = np.zeros((len(table_rows), len(CATEGORIES)))
        weighted[:, self._present] = np.add.reduceat(logs * share, self._borders, axis=1)
        slopes = weighted / np.maximum(total, 1e-300) - weighted.sum(1, keepdims=True)
        contributions: dict[str, np.ndarray] = {}
        for column, row, slope in zip(self._columns_of(table_rows), table_rows, slopes, strict=True):
            if row not in (NOT_KNOWN_ROW, PRIOR_ROW):
                contributions[column] = contributions[column] + slope if column in contributions else slope
        return contributions

    def _columns_of(self, table_rows: list[int]) -> list[str]:
        """LAPD's column that each of `_rows_of` comes from; an MO code's has the code: `Mocodes 0344`."""
        columns = ["prior", *self._columns]
        columns += [
            f"Mocodes {self.names[row - self._first_mo_row + self._mo.start].removeprefix(MO_PREFIX)}"
            for row in table_rows[len(columns) :]
        ]
        return columns
