"""Why a report got its answer, how far to trust it, and which field would sharpen it.

Date, time or area may be missing here. The answer is then the mean over their probable values, which are those of
held-out reports; a report of which nothing is known gets the base rates.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from crime.classifier.bundle import CategoryBundle, Prediction
from crime.classifier.contributions import ScoreContributions, probability_effects
from crime.classifier.next_fields import NextField, entropy, rank_next_fields
from crime.classifier.report_pool import (
    REQUIRED_COLUMNS,
    REQUIRED_VALUES,
    ReportPool,
    columns_by_field,
    feature_vector,
    masked,
)
from crime.classifier.track_record import Outcomes, TrackRecord, masked_outcomes
from crime.features.definitions import ReportFields
from crime.reports.categories import CATEGORIES
from crime.reports.schema import DetailLevel
from crime.reports.sources import FIELDS, SOURCES
from crime.reports.systems import SYSTEMS

OTHERS = 48  # reports that a report is compared with
REMEMBERED = 16  # combinations of known fields whose comparison is remembered; each takes up to 1 MB


@dataclass(frozen=True)
class Explanation:
    """An answer and its parts.

    contributions: (7,) in log-odds by LAPD column; each MO code that the report has is an entry of its own
    (`Mocodes 0344`). start (7,): the scores before any contribution. Start and contributions add up to the model's raw
    scores, or to their mean where date, time or area are not known.
    base_rates (7,): the answer if nothing were known but the report system. effects: (7,) by entry of `contributions`
    that is known; base rates and effects add up to the probabilities.
    open_bits: entropy of the answer. next_fields: those that would reduce it, the most first.
    """

    prediction: Prediction
    contributions: dict[str, np.ndarray]
    start: np.ndarray
    base_rates: np.ndarray
    effects: dict[str, np.ndarray]
    open_bits: float
    next_fields: list[NextField]
    track_record: TrackRecord


class Known(NamedTuple):
    """What is known of a report: LAPD columns, its system (index into `SYSTEMS`), and its detail level."""

    columns: frozenset[str]
    system: int
    level: DetailLevel


class Comparison(NamedTuple):
    """Held-out reports of which the same is known as of a report.

    others, weights (m,): contributions to the scores of some, weighted so that their labels have the base rates.
    """

    others: ScoreContributions
    weights: np.ndarray
    outcomes: Outcomes


class Explainer:
    """Explains answers of one model; what it computes for a combination of known fields is remembered.

    A combination takes 50 ms the first time, and 10 to 30 ms then. Not safe from two threads at once.
    """

    def __init__(self, model: CategoryBundle):
        """Raises `BundleError` if the model's judged model can't be loaded, or it has no held-out reports."""
        self.model, self.judged = model, model.judged()
        self._columns = columns_by_field(model)
        self._pool = lru_cache(lambda system: ReportPool(model, system))
        self._judged_pool = lru_cache(lambda system: ReportPool(self.judged, system))
        self._comparison = lru_cache(REMEMBERED)(self._compare)

    def explain(self, fields: ReportFields) -> Explanation:
        """Explain the answer to one report, each field a scalar, NaN or None where not known."""
        model, system = self.model, int(fields["system"])
        vector = feature_vector(model, fields)
        columns = {name for name, columns in self._columns.items() if not np.isnan(vector[columns]).all()}
        known = Known(frozenset(columns - {"System"}), system, model.level_of(fields))
        codes, pool = self._code_probabilities(vector), self._pool(system)
        rows, base_rates = vector[None], self._base_rates(system)
        if len(missing := self._required(known)):
            rows = np.repeat(rows, REQUIRED_VALUES, axis=0)
            rows[:, missing] = pool.features[np.ix_(pool.draw(codes, REQUIRED_VALUES, missing), missing)]
        report, comparison = ScoreContributions(model, rows, known.level), self._comparison(known)
        probabilities = model.predict_features(rows, known.level).mean(0) if known.columns else base_rates
        contributions = self._by_column(report, fields)
        names = [name for name in contributions if name.split(" ")[0] in known.columns or name in known.columns]
        effects = probability_effects(report, comparison.others, comparison.weights, names)
        open_bits = float(entropy(probabilities))
        by_category = np.bincount(model.naive_bayes.category, codes, len(CATEGORIES))
        codes = codes * (probabilities / np.maximum(by_category, 1e-12))[model.naive_bayes.category]
        own = self._columns.keys() - foreign_columns(fields)
        return Explanation(
            Prediction(probabilities, known.level),
            contributions,
            report.start,
            base_rates,
            dict(zip(names, _completed(effects, probabilities - base_rates), strict=True)),
            open_bits,
            rank_next_fields(model, pool, rows, known.columns, own, known.level, codes, open_bits),
            comparison.outcomes.near(float(probabilities.max())),
        )

    def _compare(self, known: Known) -> Comparison:
        pool, judged_pool = self._pool(known.system), self._judged_pool(known.system)
        base_rates = self._base_rates(known.system)
        drawn = pool.draw(self._code_probabilities(self._system_alone(known.system)), OTHERS, np.zeros(0, int))
        label = pool.label[drawn]
        weights = base_rates[label] / np.bincount(label, minlength=len(base_rates))[label]
        weights = weights if weights.sum() > 0 else np.ones(len(drawn))  # none is of a category that has a base rate
        missing = self._required(known)
        rows = masked(self.model, pool.features[drawn], known.columns)
        rows[:, missing] = pool.features[np.ix_(drawn, missing)]
        judged_columns = columns_by_field(self.judged)
        required = [judged_columns[name] for name in REQUIRED_COLUMNS if name not in known.columns]
        return Comparison(
            ScoreContributions(self.model, rows, known.level),
            weights / weights.sum(),
            masked_outcomes(
                self.judged,
                judged_pool,
                known.columns,
                known.level,
                np.concatenate([np.zeros(0, int), *required]),
            ),
        )

    def _required(self, known: Known) -> np.ndarray:
        """Indices of the features that come from date, time or area, of those of the three that are not known."""
        missing = [self._columns[name] for name in REQUIRED_COLUMNS if name not in known.columns]
        return np.concatenate([np.zeros(0, int), *missing])

    def _code_probabilities(self, vector: np.ndarray) -> np.ndarray:
        """(crime codes,) by naive Bayes."""
        likelihoods = np.exp(self.model.naive_bayes.log_likelihoods(vector[None])[0])
        probabilities: np.ndarray = likelihoods / likelihoods.sum()
        return probabilities

    def _system_alone(self, system: int) -> np.ndarray:
        """(features,) of a report of which nothing is known but its system."""
        vector = np.full(len(self.model.encoder.names), np.nan, np.float32)
        vector[self._columns.get("System", np.zeros(0, int))] = system
        return vector

    def _base_rates(self, system: int) -> np.ndarray:
        """(7,) share of each category in the training reports of a system."""
        codes = self._code_probabilities(self._system_alone(system))
        return np.bincount(self.model.naive_bayes.category, codes, len(CATEGORIES))

    def _by_column(self, report: ScoreContributions, fields: ReportFields) -> dict[str, np.ndarray]:
        """Mean contributions over a report's probable values; those of another system's columns are the system's."""
        names = list(dict.fromkeys(name for row in report.by_column for name in row))
        contributions = dict(zip(names, report.stacked(names).mean(0), strict=True))
        for name in foreign_columns(fields) & contributions.keys():
            share = contributions.pop(name)
            contributions["System"] = contributions["System"] + share if "System" in contributions else share
        return contributions


def foreign_columns(fields: ReportFields) -> set[str]:
    """The columns that reports of one report's system never have: that they are missing is due to the system."""
    own = SOURCES[SYSTEMS[int(fields["system"])]].fields
    return {column.name for key, column in FIELDS.items() if key not in own and key != "system"}


def _completed(effects: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """Effects (columns, 7) that add up exactly to a `difference` (7,): the residual is shared in proportion to them.

    The residual comes from the numerical integral, the sample of other reports, and columns that are not known.
    """
    sizes = np.abs(effects)
    sizes[:, ~sizes.any(0)] = 1
    completed: np.ndarray = effects + sizes / sizes.sum(0) * (difference - effects.sum(0)) if len(effects) else effects
    return completed
