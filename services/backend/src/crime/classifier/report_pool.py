"""Held-out reports of one report system, whose values stand for those that another report does not have yet.

A field's probable values follow from what is known of a report: P(value | known) is the sum over crime codes of
P(code | known) P(value | code). P(code | known) is that of naive Bayes, and the reports of a code show P(value | code).
The field is so taken to be independent of what is known, given the code.
"""

from collections.abc import Collection, Mapping

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.core.errors import BundleError
from crime.features.definitions import ReportFields, describe_feature
from crime.reports.sources import CIRCUMSTANCES, FIELDS, REQUIRED_FIELDS

MAX_REPORTS = 2_000  # the newest: they take 4 MB, and a share of them has a standard error of 1 % at most
MIN_REPORTS = 100  # of a system; with fewer, those of all systems are taken
CODE_FLOOR = 0.5  # reports of a code, at least, by which its probability is divided; docs/method.md
REQUIRED_VALUES = 16  # drawn together for date, time and area that are not known
REQUIRED_COLUMNS = tuple(FIELDS[key].name for key in REQUIRED_FIELDS)
# columns that a form asks for together
ASKED_TOGETHER = (("LAT", "LON"), tuple(FIELDS[key].name for key in CIRCUMSTANCES))


class ReportPool:
    """Reports in the order of their categories.

    features (reports, features): as the model's encoder gives them, NaN where not known.
    label (reports,): index of the category.
    codes (reports, crime codes): probability of each of naive Bayes' crime codes, given the whole report and its label.
    """

    def __init__(self, model: CategoryBundle, system: int):
        """`system`: index into `SYSTEMS`. Raises `BundleError` if the model has no held-out reports."""
        held_out = model.held_out
        of_system = held_out.fields["system"] == system
        if of_system.sum() < MIN_REPORTS:
            of_system[:] = True
        chosen = np.flatnonzero(of_system)[-MAX_REPORTS:]
        if not len(chosen):
            raise BundleError(f"{model.name} version {model.version} has no held-out reports to explain an answer by")
        chosen = chosen[np.argsort(held_out.label[chosen], kind="stable")]
        fields = {name: values[chosen] for name, values in held_out.fields.items()}
        self.features = model.encoder.matrix(fields, len(chosen))
        self.label = held_out.label[chosen]
        codes = np.exp(model.naive_bayes.log_likelihoods(self.features))
        codes *= model.naive_bayes.category == self.label[:, None]
        self.codes = codes / np.maximum(codes.sum(1, keepdims=True), 1e-300)

    def __len__(self) -> int:
        return len(self.label)

    def draw(self, codes: np.ndarray, count: int, columns: np.ndarray) -> np.ndarray:
        """(count,) reports that have a value in all `columns`, as probable as `codes` (crime codes,) makes them.

        The sample is systematic: it has no randomness, and categories have their shares but for one report. Empty if
        no report has such values.
        """
        has_values = ~np.isnan(self.features[:, columns]).any(1)
        if not has_values.any():
            return np.zeros(0, int)
        weights = self.codes @ (codes / np.maximum(self.codes.sum(0), CODE_FLOOR)) * has_values
        if not weights.sum() > 0:  # no report is of a code that is likely: each tells as much
            weights = has_values.astype(float)
        cumulative = np.cumsum(weights / weights.sum())
        drawn: np.ndarray = np.searchsorted(cumulative[:-1], (np.arange(count) + 0.5) / count)
        return drawn


def columns_by_field(model: CategoryBundle) -> dict[str, np.ndarray]:
    """Which of a model's features, as indices, come from each LAPD column."""
    sources = np.array([describe_feature(name).source[0] for name in model.encoder.names])
    return {name: np.flatnonzero(sources == name) for name in dict.fromkeys(sources.tolist())}


def filled_in(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(n * d, features) each of `rows` (n, features) with each of `values` (d, features) in place of its `columns`."""
    filled = np.repeat(rows, len(values), axis=0)
    filled[:, columns] = np.tile(values[:, columns], (len(rows), 1))
    return filled


def masked(model: CategoryBundle, features: np.ndarray, known: Collection[str]) -> np.ndarray:
    """Encoded reports (n, features), NaN wherever a feature comes from a column that is not `known`.

    The report system is always kept.
    """
    rows = features.copy()
    for name, columns in columns_by_field(model).items():
        if name not in known and name != "System":
            rows[:, columns] = np.nan
    return rows


def asked_together(fields: Mapping[str, np.ndarray]) -> dict[tuple[str, ...], np.ndarray]:
    """`columns_by_field` with the fields joined that a form asks for together; without the report system."""
    groups: dict[tuple[str, ...], np.ndarray] = {}
    for name in fields:
        group = next((group for group in ASKED_TOGETHER if name in group), (name,))
        names = tuple(member for member in group if member in fields)
        if name != "System":
            groups[names] = np.concatenate([fields[member] for member in names])
    return groups


def feature_vector(model: CategoryBundle, fields: ReportFields) -> np.ndarray:
    """(features,) of one report, each field a scalar; its date, time and area may be NaN, too."""
    unknown = [key for key in REQUIRED_FIELDS if fields[key] != fields[key]]
    vector = model.encoder.vector({**fields, **dict.fromkeys(unknown, 0)})
    names = {FIELDS[key].name for key in unknown}
    for column, feature in model.encoder.fixed:
        if not names.isdisjoint(feature.source):
            vector[column] = np.nan
    return vector
