"""Estimate the tables of `crime.classifier.naive_bayes` from counts of reports by crime code.

Shares of a crime code are shrunk towards those of its category, and these towards those of all reports: the posterior
mean under a Dirichlet prior that weighs as much as a fixed number of reports (for MO codes, a beta prior). Premises and
weapons have kinds (`Vocabulary.kinds`): shares of kinds are estimated, and shares within each kind.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from crime.classifier.naive_bayes import BINNED_FEATURES, VALUE_LIMIT, NaiveBayes, binned_features
from crime.features.definitions import is_mo_feature
from crime.reports.categories import CATEGORIES, CATEGORY_OF_CODE, CRIME_CODES

# weights of the priors, in reports; docs/method.md
CATEGORY_PRIOR_REPORTS = 20.0  # of a category's shares, for a crime code
CITY_PRIOR_REPORTS = 100.0  # of all reports' shares, for a category
PSEUDO_COUNT = 0.5  # added to each count of all reports: Jeffreys' prior
SHARE_FLOOR = 1e-6  # of an MO code's share, which keeps its logarithm finite
# the bin of each value (VALUE_LIMIT,), by feature
BIN_OF_VALUE = {
    name: np.searchsorted(bounds, np.arange(VALUE_LIMIT), "right") if bounds else np.arange(VALUE_LIMIT)
    for name, bounds in BINNED_FEATURES.items()
}


class CodeCounts:
    """Counts of reports by crime code and value. Counts of disjoint sets of reports add up to those of all.

    reports (codes,): reports of each of `CRIME_CODES`.
    bins (features, codes, VALUE_LIMIT): reports by bin of each of `binned_features`.
    mo_known (codes,): reports whose MO codes are known.
    mo (codes, MO codes): reports that have each MO code.
    """

    def __init__(self, names: Sequence[str]):
        self.names = list(names)
        self.binned = binned_features(names)
        self._mo_columns = [column for column, name in enumerate(names) if is_mo_feature(name)]
        self.reports = np.zeros(len(CRIME_CODES))
        self.bins = np.zeros((len(self.binned), len(CRIME_CODES), VALUE_LIMIT), np.int32)
        self.mo_known = np.zeros(len(CRIME_CODES))
        self.mo = np.zeros((len(CRIME_CODES), len(self._mo_columns)))

    def add(self, matrix: np.ndarray, code: np.ndarray) -> None:
        """Count reports: a matrix (rows, features) with NaN for unknown, and indices into `CRIME_CODES` (rows,)."""
        codes = len(CRIME_CODES)
        self.reports += np.bincount(code, minlength=codes)
        for index, name in enumerate(self.binned):
            column = matrix[:, self.names.index(name)]
            known = ~np.isnan(column)
            cells = code[known] * VALUE_LIMIT + BIN_OF_VALUE[name][column[known].astype(int)]
            self.bins[index] += np.bincount(cells, minlength=codes * VALUE_LIMIT).reshape(codes, VALUE_LIMIT)
        if self._mo_columns:
            self.mo_known += np.bincount(code[~np.isnan(matrix[:, self._mo_columns[0]])], minlength=codes)
            row, mo = np.nonzero(matrix[:, self._mo_columns] == 1)
            cells = code[row] * len(self._mo_columns) + mo
            self.mo += np.bincount(cells, minlength=self.mo.size).reshape(self.mo.shape)

    def without(self, part: "CodeCounts") -> "CodeCounts":
        """The counts of the reports that are not in `part`."""
        rest = CodeCounts(self.names)
        rest.reports = self.reports - part.reports
        rest.bins = self.bins - part.bins
        rest.mo_known = self.mo_known - part.mo_known
        rest.mo = self.mo - part.mo
        return rest


def order_codes(codes: np.ndarray) -> np.ndarray:
    """Indices into `CRIME_CODES` (codes,) in the order of a `NaiveBayes`: by category, then ascending."""
    ascending = np.unique(codes)
    ordered: np.ndarray = ascending[np.argsort(CATEGORY_OF_CODE[ascending], kind="stable")]
    return ordered


def fit_naive_bayes(
    counts: CodeCounts, kinds: Mapping[str, np.ndarray] | None = None, codes: np.ndarray | None = None
) -> NaiveBayes:
    """Tables of log-likelihoods from counts, by crime code in the order of `order_codes`.

    `kinds` (VALUE_LIMIT,) of a feature's values: values of the same kind are alike. `codes`: indices into
    `CRIME_CODES`; if not given, those with a report. One without a report weighs half a report in the prior, and has
    the shares of its category.
    """
    kinds = kinds or {}
    codes = order_codes(np.flatnonzero(counts.reports) if codes is None else codes)
    category, size = CATEGORY_OF_CODE[codes], np.maximum(counts.reports[codes], PSEUDO_COUNT)
    rows = [np.zeros((1, len(codes))), np.log(size / size.sum())[None]]
    lookup = np.zeros((len(counts.binned), VALUE_LIMIT + 1), np.int32)
    next_row = 3  # after `NOT_KNOWN_ROW`, `PRIOR_ROW` and `MO_KNOWN_ROW`
    for index, (name, bins) in enumerate(zip(counts.binned, counts.bins, strict=True)):
        used = np.flatnonzero(bins.any(0))
        kind = kinds[name][used] if name in kinds else np.zeros(len(used))
        rows.append(np.log(_shares_by_kind(bins[np.ix_(codes, used)], kind, category)).T)
        row_of_bin = np.zeros(VALUE_LIMIT, np.int32)
        row_of_bin[used] = next_row + np.arange(len(used))
        lookup[index, :VALUE_LIMIT] = row_of_bin[BIN_OF_VALUE[name]]
        next_row += len(used)
    mo, known = counts.mo[codes], counts.mo_known[codes][:, None]
    city = (mo.sum(0) + PSEUDO_COUNT) / (known.sum() + 2 * PSEUDO_COUNT)
    share = np.clip(_shrunk(mo, known, city, category), SHARE_FLOOR, 1 - SHARE_FLOOR)
    rows.insert(2, np.log1p(-share).sum(1)[None])
    rows.append((np.log(share) - np.log1p(-share)).T)
    return NaiveBayes(counts.names, np.concatenate(rows).astype(np.float32), lookup, category, codes)


def _shares_by_kind(reports: np.ndarray, kind: np.ndarray, category: np.ndarray) -> np.ndarray:
    """(codes, bins) shares from counts (codes, bins): the share of a bin's kind times the bin's share in its kind.

    kind (bins,): equal for bins of the same kind. category (codes,): index of each code's category.
    """
    city = (reports.sum(0) + PSEUDO_COUNT) / (reports.sum() + PSEUDO_COUNT * len(kind))
    shares = np.empty(reports.shape)
    for value in np.unique(kind):
        bins = kind == value
        of_kind, city_of_kind = reports[:, bins].sum(1, keepdims=True), city[bins].sum(keepdims=True)
        share_of_kind = _shrunk(of_kind, reports.sum(1, keepdims=True), city_of_kind, category)
        shares[:, bins] = share_of_kind * _shrunk(reports[:, bins], of_kind, city[bins] / city_of_kind, category)
    return shares


def _shrunk(counts: np.ndarray, reports: np.ndarray, city: np.ndarray, category: np.ndarray) -> np.ndarray:
    """(codes, values) shares from counts (codes, values) among reports (codes, 1), shrunk twice.

    city (values,): shares in all reports. category (codes,): index of each code's category.
    """
    member = np.arange(len(CATEGORIES))[:, None] == category
    by_category = (member @ counts + CITY_PRIOR_REPORTS * city) / (member @ reports + CITY_PRIOR_REPORTS)
    shares: np.ndarray = (counts + CATEGORY_PRIOR_REPORTS * by_category[category]) / (reports + CATEGORY_PRIOR_REPORTS)
    return shares
