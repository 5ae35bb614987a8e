"""The category model as it is stored and loaded: a directory with `spec.json`, a LightGBM model for each detail level,
the naive Bayes tables whose answers are inputs of each, counts of the reports, and held-out reports.

A report is scored by the model of the most detailed level that is known of it: `place_time`, `premise`, `weapon` or
`report`. Each model was also trained on copies with fields masked at random, so that it stays calibrated when fields
below its level are missing.

The model that answers was trained on all reports. A bundle also carries its judged model, which was trained in the same
way but only on the reports before the held-out ones: its answers to these are the figures in the spec.
"""

from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crime.classifier.booster import Booster
from crime.classifier.counted_reports import COUNTS_FILE, CountedReports
from crime.classifier.held_out import HeldOutReports
from crime.classifier.limits import TrainingLimits
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS, NaiveBayes
from crime.classifier.spec import (
    GOLDEN_REPORTS,
    HELD_OUT_FILE,
    JUDGED_PREFIX,
    MONTHLY_COUNTS_FILE,
    NAIVE_BAYES_FILE,
    CategorySpec,
    JudgedModel,
)
from crime.classifier.tree_check import TreeText, check_trees
from crime.core.bundle_files import BundleFiles, read_spec
from crime.core.days import day_number
from crime.core.errors import BundleError
from crime.features.definitions import ReportFields, describe_feature, feature_columns
from crime.features.detail_levels import REPORT_FIELDS, detail_levels, level_of
from crime.features.encoder import FeatureEncoder
from crime.features.vocabulary import Vocabulary
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import FIELD_OF_NAME, REQUIRED_FIELDS

ROWS_PER_BLOCK = 5_000  # reports at a time, so that their matrix stays in the processor's cache
GOLDEN_TOLERANCE = 1e-6  # of a probability: processors round differently


@dataclass(frozen=True)
class Prediction:
    """The answer for one report. `probabilities`: (7,), in the order of `CATEGORIES`; `level`: a detail level."""

    probabilities: np.ndarray
    level: DetailLevel


class Predictions(NamedTuple):
    """Answers for reports. `probabilities`: (rows, 7); `levels`: (rows,) index into `DETAIL_LEVELS`."""

    probabilities: np.ndarray
    levels: np.ndarray


class CategoryBundle:
    """A loaded category model.

    spec: `spec.json`, with the version that the bundle was opened as.
    names: the inputs of the model for whole reports: features, then the naive Bayes inputs.
    columns, boosters: for each detail level, indices into `names` of the inputs it sees, and its trees.
    limits: what it did not learn.
    report_fields: the fields of the most detailed level that it uses.
    inputs_by_column: for each detail level, which of its inputs come from each LAPD column, naive Bayes aside.
    counts: all reports, as far as they are counted.
    held_out: the newest reports that the judged model's training did not see.
    """

    def __init__(self, directory: Path, version: str | None = None):
        """Load the bundle in `directory` as the registry's `version`, or the one in its spec. Raises `BundleError`."""
        self.directory = directory
        spec = read_spec(directory, CategorySpec)
        if spec.categories != CATEGORIES:
            raise BundleError(f"{directory}: its categories are not this release's")
        self.spec = spec.model_copy(update={"version": version}) if version else spec
        systems = frozenset(system for system, rows in spec.data.systems.items() if rows)
        self.limits = TrainingLimits(day_number(spec.data.first_day), day_number(spec.data.until), systems)
        files = _Files(directory, spec)
        if spec.judged:  # gates and explanations load it later
            files.naive_bayes(JUDGED_PREFIX, spec.judged)
            for level in DETAIL_LEVELS:
                files.trees(JUDGED_PREFIX, spec.judged, level)
        self._load(files, "", spec)
        self.counts, self.held_out = files.counts(), files.held_out()

    def _load(self, files: "_Files", prefix: str, model: CategorySpec | JudgedModel) -> None:
        """Load one of the bundle's models, whose files have this prefix."""
        features = model.features
        vocabularies = {field: Vocabulary(entries) for field, entries in model.vocabularies.items()}
        self.encoder = FeatureEncoder(features, vocabularies)
        self.report_fields = [name for name in REPORT_FIELDS if name in self._fields_read(features)]
        self.names = [*features, *NAIVE_BAYES_INPUTS]
        self.columns = {level: np.array(level_inputs(features, level)) for level in DETAIL_LEVELS}
        self.inputs_by_column = {level: self._by_column(columns) for level, columns in self.columns.items()}
        self.naive_bayes = files.naive_bayes(prefix, model)
        self.boosters = {level: files.booster(prefix, model, level) for level in DETAIL_LEVELS}

    @property
    def name(self) -> str:
        """The registered name of the model."""
        return self.spec.model

    @property
    def version(self) -> str:
        """The registry's version, or `unregistered`."""
        return self.spec.version

    def judged(self) -> "CategoryBundle":
        """This bundle with its judged model. A bundle of an earlier release is judged by the model that answers.

        Raises `BundleError` if files changed since it was loaded.
        """
        judged, files = copy(self), _Files(self.directory, self.spec)
        if self.spec.judged:
            judged._load(files, JUDGED_PREFIX, self.spec.judged)
        else:
            judged._load(files, "", self.spec)
        return judged

    @property
    def judged_until(self) -> int:
        """The last minute since 1970-01-01 of the reports that the judged model was trained on.

        Of a bundle of an earlier release the day is known: its last minute.
        """
        if self.spec.judged:
            return self.spec.judged.last_minute
        return (day_number(self.spec.data.held_out_from) + 1) * 1440 - 1

    def predict_one(self, fields: ReportFields) -> Prediction:
        """Predict one report, each field a scalar. Not safe from two threads at once."""
        level = self.level_of(fields)
        return Prediction(self.boosters[level].predict_one(self.vector(fields)[self.columns[level]]), level)

    def predict(self, fields: ReportFields, rows: int) -> Predictions:
        """Predict reports, each field an array (rows,)."""
        if rows == 1:
            return self._predict_row({name: column[0] for name, column in fields.items()})
        levels = detail_levels(fields, rows, self.report_fields)
        probabilities = np.zeros((rows, len(CATEGORY_NAMES)))
        for first in range(0, rows, ROWS_PER_BLOCK):
            block = {name: column[first : first + ROWS_PER_BLOCK] for name, column in fields.items()}
            matrix = self.matrix(block, min(ROWS_PER_BLOCK, rows - first))
            for index, level in enumerate(DETAIL_LEVELS):
                chosen = np.flatnonzero(levels[first : first + ROWS_PER_BLOCK] == index)
                if not len(chosen):
                    continue
                all_chosen = len(chosen) == len(matrix) and len(self.columns[level]) == len(self.names)
                inputs = matrix if all_chosen else matrix[np.ix_(chosen, self.columns[level])]
                probabilities[first + chosen] = self.boosters[level].predict(inputs)
        return Predictions(probabilities, levels)

    def _predict_row(self, fields: ReportFields) -> Predictions:
        """As `predict`, of one report, each field a scalar. It takes a third of the time that arrays would."""
        level = self.level_of(fields)
        inputs = self.vector(fields)[np.newaxis, self.columns[level]]
        return Predictions(self.boosters[level].predict(inputs), np.array([list(DETAIL_LEVELS).index(level)]))

    def predict_features(self, features: np.ndarray, level: DetailLevel) -> np.ndarray:
        """(rows, 7) probabilities by one detail level's model, of encoded reports (rows, features), NaN for unknown."""
        return self.boosters[level].predict(self.level_matrix(features, level))

    def level_matrix(self, features: np.ndarray, level: DetailLevel) -> np.ndarray:
        """(rows, inputs of the level) of encoded reports (rows, features): the features and the naive Bayes inputs."""
        return np.hstack([features, self.naive_bayes.predict(features)])[:, self.columns[level]]

    def level_of(self, fields: ReportFields) -> DetailLevel:
        """The most detailed level at which one report, each field a scalar, has something that the model uses."""
        return level_of(fields, self.report_fields)

    def vector(self, fields: ReportFields) -> np.ndarray:
        """(inputs,) of one report, in the order of `names`; each field is a scalar."""
        vector = self.encoder.vector(fields)
        return np.concatenate([vector, self.naive_bayes.predict_one(vector)])

    def matrix(self, fields: ReportFields, rows: int) -> np.ndarray:
        """(rows, inputs) of reports, in the order of `names`; each field is an array (rows,)."""
        matrix = self.encoder.matrix(fields, rows, len(NAIVE_BAYES_INPUTS))
        features = matrix[:, : -len(NAIVE_BAYES_INPUTS)]
        matrix[:, -len(NAIVE_BAYES_INPUTS) :] = self.naive_bayes.predict(features)
        return matrix

    def golden(self) -> np.ndarray:
        """(20, 7) probabilities of the first held-out reports, predicted one at a time as in service."""
        rows = range(min(GOLDEN_REPORTS, len(self.held_out)))
        reports = ({name: column[row] for name, column in self.held_out.fields.items()} for row in rows)
        return np.array([self.predict_one(report).probabilities for report in reports])

    def verify(self) -> None:
        """Raise `BundleError` unless the golden reports get the answers that training stored. Also a warm-up."""
        try:
            self.spec.check_measured(len(self.held_out))
        except ValueError as error:
            raise BundleError(f"{self.name} version {self.version}: {error}") from None
        stored, current = np.array(self.spec.golden), self.golden()
        if stored.shape != current.shape or not np.allclose(current, stored, atol=GOLDEN_TOLERANCE):
            raise BundleError(f"{self.name} version {self.version} does not give the answers it was stored with")

    @staticmethod
    def _fields_read(features: list[str]) -> set[str]:
        return {FIELD_OF_NAME.get(source, source) for name in features for source in describe_feature(name).source}

    def _by_column(self, columns: np.ndarray) -> dict[str, np.ndarray]:
        sources = [describe_feature(self.names[column]).source[0] for column in columns[: -len(NAIVE_BAYES_INPUTS)]]
        return {name: np.flatnonzero(np.array(sources) == name) for name in dict.fromkeys(sources)}


def level_inputs(features: list[str], level: DetailLevel) -> list[int]:
    """Which inputs the model of a detail level sees: its features, and all naive Bayes inputs, which come last."""
    return feature_columns(features, level) + list(range(len(features), len(features) + len(NAIVE_BAYES_INPUTS)))


class _Files(BundleFiles):
    """The files of a bundle, each checked when it is read. All methods raise `BundleError`, which names the file."""

    def __init__(self, directory: Path, spec: CategorySpec):
        super().__init__(directory, spec.sha256)

    def naive_bayes(self, prefix: str, model: CategorySpec | JudgedModel) -> NaiveBayes:
        with self.reading(f"{prefix}{NAIVE_BAYES_FILE}") as content:
            return NaiveBayes.load(content, model.features)

    def trees(self, prefix: str, model: CategorySpec | JudgedModel, level: DetailLevel) -> TreeText:
        with self.reading(f"{prefix}{level}.txt") as content:
            trees = check_trees(content, len(CATEGORY_NAMES))
            if (inputs := len(level_inputs(model.features, level))) != trees.features:
                raise BundleError(f"has {trees.features} features, its spec says {inputs}")
            if trees.trees != model.rounds[level] * len(CATEGORY_NAMES):
                raise BundleError(f"has {trees.trees} trees, its spec says {model.rounds[level]} rounds")
            return trees

    def booster(self, prefix: str, model: CategorySpec | JudgedModel, level: DetailLevel) -> Booster:
        trees = self.trees(prefix, model, level)
        try:
            return Booster(trees, len(CATEGORY_NAMES))
        except RuntimeError as error:
            raise BundleError(f"{self.directory / f'{prefix}{level}.txt'}: {error}") from None

    def counts(self) -> CountedReports:
        if COUNTS_FILE in self.expected:
            with self.reading(COUNTS_FILE) as content:
                return CountedReports.load(content)
        with self.reading(MONTHLY_COUNTS_FILE) as content:
            return CountedReports.load_months(content)

    def held_out(self) -> HeldOutReports:
        with self.reading(HELD_OUT_FILE) as content:
            held_out = HeldOutReports.load(content)
            if missing := [key for key in REQUIRED_FIELDS if np.isnan(held_out.fields[key]).any()]:
                raise BundleError(f"{missing[0]}: is not known of every report")
            return held_out
