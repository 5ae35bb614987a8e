"""A model bundle: one directory of data, never code. `spec.json`, a LightGBM model for each level of detail, the
evidence that is an input of each, and the counts of reports that the page shows.

A report is scored by the model of the most that is known of it: `place_time`, `premise`, `weapon` or `report`.
Each was also trained on copies with fields hidden at random, so that whatever is missing below its level
leaves it calibrated.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crime.classifier.booster import Booster
from crime.classifier.held_out import HeldOutReports
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS, NaiveBayes
from crime.classifier.spec import CategorySpec
from crime.core.bundle_files import check_hashes, read_spec
from crime.core.errors import BundleError
from crime.features.definitions import ReportFields, describe_feature, feature_columns
from crime.features.detail_levels import detail_levels
from crime.features.encoder import FeatureEncoder
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.schema import DETAIL_LEVELS

COUNTS_FILE, NAIVE_BAYES_FILE, HELD_OUT_FILE = "counts.npy", "evidence.npz", "held_out.npz"
ROWS_PER_BLOCK = 5_000  # rows of a matrix at a time: more would only leave the processor's cache
GOLDEN_ANSWERS = 20  # of these, whose answers the bundle must give again wherever it is loaded


@dataclass(frozen=True)
class Prediction:
    """`probabilities`: (7,), in the order of `schema.CATEGORIES`."""

    probabilities: np.ndarray
    level: str


class CategoryBundle:
    """A loaded model. `spec` is what training wrote of it; `version` is the registry's, if it gave one."""

    def __init__(self, directory: Path, version: str | None = None):
        self.directory = directory
        spec = read_spec(directory, CategorySpec)
        if spec.categories != CATEGORIES:
            raise BundleError(f"{directory}: its categories are not this release's")
        self.spec = spec.model_copy(update={"version": version}) if version else spec
        try:
            check_hashes(directory, self.spec.sha256)
            self.encoder = FeatureEncoder(self.spec.features)
            self.names = [*self.spec.features, *NAIVE_BAYES_INPUTS]
            self.columns = {level: np.array(level_inputs(self.spec.features, level)) for level in DETAIL_LEVELS}
            self.evidence = NaiveBayes.load(directory / NAIVE_BAYES_FILE, self.spec.features)
            self.boosters = {
                level: Booster(directory / f"{level}.txt", len(CATEGORY_NAMES), len(self.columns[level]))
                for level in DETAIL_LEVELS
            }
            self._parts = {level: self._parts_of(columns) for level, columns in self.columns.items()}
            self.counts = np.load(directory / COUNTS_FILE, allow_pickle=False)
            self.held_out = HeldOutReports.load(directory / HELD_OUT_FILE)
        except BundleError:
            raise
        except (OSError, KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise BundleError(f"no model bundle in {directory}: {error}") from error

    @property
    def name(self) -> str:
        return self.spec.model

    @property
    def version(self) -> str:
        return self.spec.version

    def predict_one(self, fields: ReportFields) -> Prediction:
        """Probabilities of one report, each field a scalar."""
        level = self.level_of(fields)
        return Prediction(self.boosters[level].predict_one(self.vector(fields)[self.columns[level]]), level)

    def golden(self) -> np.ndarray:
        """(20, 7) answers to the first held-out reports, one at a time as they are given in service."""
        rows = range(min(GOLDEN_ANSWERS, len(self.held_out)))
        reports = ({name: column[at] for name, column in self.held_out.fields.items()} for at in rows)
        return np.array([self.predict_one(report).probabilities for report in reports])

    def verify(self) -> None:
        """Raise `BundleError` unless this gives the answers that it gave where it was trained. Warms it, too."""
        stored, given = np.array(self.spec.golden), self.golden()
        if stored.shape != given.shape or not np.allclose(given, stored, atol=1e-6):
            raise BundleError(f"{self.name} version {self.version} does not give the answers it was stored with")

    def vector(self, fields: ReportFields) -> np.ndarray:
        """(features + 7,) all inputs of one report, named in `names`."""
        vector = self.encoder.vector(fields)
        return np.concatenate([vector, self.evidence.one(vector)])

    def matrix(self, fields: ReportFields, rows: int) -> np.ndarray:
        """(rows, features + 7) all inputs of reports, named in `names`; each field is an array."""
        matrix = self.encoder.matrix(fields, rows, len(NAIVE_BAYES_INPUTS))
        features = matrix[:, : -len(NAIVE_BAYES_INPUTS)]
        matrix[:, -len(NAIVE_BAYES_INPUTS) :] = self.evidence.of(features)
        return matrix

    def predict(self, fields: ReportFields, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (rows, 7) and index of the level used (rows,); each field is an array."""
        used, probabilities = detail_levels(fields, rows), np.zeros((rows, len(CATEGORY_NAMES)))
        for first in range(0, rows, ROWS_PER_BLOCK):
            block = {name: column[first : first + ROWS_PER_BLOCK] for name, column in fields.items()}
            matrix = self.matrix(block, min(ROWS_PER_BLOCK, rows - first))
            for at, level in enumerate(DETAIL_LEVELS):
                chosen = np.flatnonzero(used[first : first + ROWS_PER_BLOCK] == at)
                whole = len(chosen) == len(matrix) and len(self.columns[level]) == len(self.names)
                inputs = matrix if whole else matrix[np.ix_(chosen, self.columns[level])]
                probabilities[first + chosen] = self.boosters[level].predict(inputs)
        return probabilities, used

    def explain(self, fields: ReportFields) -> tuple[Prediction, dict[str, np.ndarray], np.ndarray]:
        """A prediction, what each column of the report contributed to it, and the log-odds before any of them (7,).

        Contributions (7,), in log-odds, are by LAPD column, those of MO codes that were given by code
        (`Mocodes 0344`); added to the start they give the model's raw scores. They are tree SHAP; that of the
        evidence is shared out among the columns that pushed it the same way.
        """
        level = self.level_of(fields)
        vector = self.vector(fields)
        inputs = vector[None, self.columns[level]]
        shap = self.boosters[level].contributions(inputs)[0]
        parts = {name: shap[:, at].sum(1) for name, at in self._parts[level].items()}
        for code, at in self.encoder.mo.items() if level == "report" else ():
            if vector[at] == 1:  # at this level inputs stand where features do
                parts[f"Mocodes {code}"] = shap[:, at]
                parts["Mocodes"] -= shap[:, at]
        pushes = self.evidence.pushes(vector[: len(self.spec.features)])
        said = shap[:, -1 - len(NAIVE_BAYES_INPUTS) : -1]  # (7, 7): to each score, by each category's evidence
        same = np.maximum(np.array(list(pushes.values())) * np.sign(said.diagonal()), 0)
        same[:, ~same.any(0)] = 1
        for part, push in zip(pushes, same / same.sum(0) @ said.T, strict=True):
            parts[part] = parts.get(part, 0) + push
        return Prediction(self.boosters[level].predict(inputs)[0], level), parts, shap[:, -1]

    def _parts_of(self, columns: np.ndarray) -> dict[str, np.ndarray]:
        """Which of a level's inputs, evidence aside, come from each column of LAPD's."""
        sources = [describe_feature(self.names[at]).source[0] for at in columns[: -len(NAIVE_BAYES_INPUTS)]]
        return {name: np.flatnonzero(np.array(sources) == name) for name in dict.fromkeys(sources)}

    @staticmethod
    def level_of(fields: ReportFields) -> str:
        """The most that is known of one report, each field a scalar."""
        if fields["mocodes"] is not None:
            return "report"
        if fields["weapon_used_cd"] == fields["weapon_used_cd"]:  # NaN is not itself
            return "weapon"
        return "premise" if fields["premis_cd"] == fields["premis_cd"] else "place_time"


def level_inputs(features: list[str], level: str) -> list[int]:
    """Which of the features, and of the evidence behind them, a model for `level` sees."""
    return feature_columns(features, level) + list(range(len(features), len(features) + len(NAIVE_BAYES_INPUTS)))
