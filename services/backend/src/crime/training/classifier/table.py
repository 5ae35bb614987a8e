"""The table that trees are trained on: features of the newest reports, and out-of-fold naive Bayes inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from crime.classifier.bundle import level_inputs
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS, VALUE_LIMIT, NaiveBayes
from crime.features.definitions import ReportFields, choose_features, describe_feature
from crime.features.encoder import FeatureEncoder
from crime.features.vocabulary import CODED_FIELDS, Vocabulary, learn_vocabulary
from crime.reports.schema import DetailLevel
from crime.reports.table import Reports
from crime.training.classifier.naive_bayes import CodeCounts, fit_naive_bayes

MASKED_SHARE = 0.4  # of the rows, in which a group of fields is masked; docs/method.md
FOLDS = 5  # for out-of-fold naive Bayes inputs; docs/method.md
ROWS_PER_BLOCK = 30_000  # rows of a dense matrix at a time, which bounds memory; a multiple of FOLDS
MAX_TREE_REPORTS = 1_000_000  # trees learn from the newest, which bounds memory; naive Bayes learns from all

TreeParameters = Mapping[str, bool | int | float | str]  # of LightGBM, and `seed`


def row_blocks(rows: int, first: int = 0) -> Iterator[slice]:
    """Consecutive slices that cover `rows` rows from `first` on, each of at most `ROWS_PER_BLOCK`."""
    for start in range(first, rows, ROWS_PER_BLOCK):
        yield slice(start, min(start + ROWS_PER_BLOCK, rows))


@dataclass(frozen=True)
class TrainingTable:
    """Features and labels of reports in order of time.

    matrix (rows, features): sparse, since a report has few of the MO codes.
    label (rows,): index of the category.
    folds: naive Bayes models; `folds[i % FOLDS]` did not learn from row i and gives its inputs.
    once: whether the trees see each report once, either whole or masked, rather than both ways.
    """

    names: list[str]
    matrix: sparse.csr_matrix
    label: np.ndarray
    folds: list[NaiveBayes]
    parameters: TreeParameters
    once: bool = False

    def with_parameters(self, parameters: TreeParameters) -> "TrainingTable":
        """The same rows with other parameters for the trees."""
        return replace(self, parameters={**self.parameters, **parameters})

    def inputs(self, level: DetailLevel, masked: np.ndarray, first: int = 0) -> sparse.csr_matrix:
        """(rows, inputs) of a detail level's model, from the row `first` on.

        `masked` (rows of the table,): in these rows each group of fields is hidden with a probability of 40 %.
        """
        columns = level_inputs(self.names, level)
        above = sorted(set(range(len(self.names))) - set(columns))
        groups = [(members, mask & masked) for members, mask in self._masks()] if masked.any() else []
        parts = []
        for block in row_blocks(len(self.label), first):
            rows = self.matrix[block].toarray()
            rows[:, above] = np.nan
            for members, mask in groups:
                rows[np.ix_(mask[block], members)] = np.nan
            naive_bayes = np.empty((len(rows), len(NAIVE_BAYES_INPUTS)), np.float32)
            for index, fold in enumerate(self.folds):
                part = slice((index - block.start) % len(self.folds), None, len(self.folds))
                naive_bayes[part] = fold.predict(rows[part])
            parts.append(sparse.csr_matrix(np.hstack([rows, naive_bayes])[:, columns]))
        return sparse.vstack(parts, format="csr")

    def _masks(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Columns of each group of features that are masked together, and whether they are, (rows,)."""
        rng = np.random.default_rng(int(self.parameters["seed"]))
        group_of = [describe_feature(name).hidden_with or "" for name in self.names]
        masks = []
        for group in sorted(set(group_of) - {""}):
            members = np.array([column for column, name in enumerate(group_of) if name == group])
            masks.append((members, rng.random(len(self.label)) < MASKED_SHARE))
        return masks


def fit_encoder(fields: ReportFields, victim: bool = False) -> FeatureEncoder:
    """The features of a model for reports with these fields (rows,), and its vocabularies of premises and weapons."""
    vocabularies = {field: Vocabulary(learn_vocabulary(field, fields[field])) for field in CODED_FIELDS}
    return FeatureEncoder(choose_features(fields, victim), vocabularies)


def build_training_table(
    past: Reports, encoder: FeatureEncoder, parameters: TreeParameters, once: bool = False
) -> tuple[TrainingTable, NaiveBayes]:
    """The table of the newest `MAX_TREE_REPORTS` of `past`, which is in order of time, and naive Bayes of all of it."""
    names = encoder.names
    total, parts, newest = CodeCounts(names), [CodeCounts(names) for _ in range(FOLDS)], []
    for block in row_blocks(len(past)):
        reports = past.take(block)
        matrix = encoder.matrix(reports.fields, len(reports))
        total.add(matrix, reports.code)
        for index, part in enumerate(parts):  # every block begins with a row of the first fold
            part.add(matrix[index::FOLDS], reports.code[index::FOLDS])
        if block.stop > len(past) - MAX_TREE_REPORTS:
            newest.append(sparse.csr_matrix(matrix))
    matrix = sparse.vstack(newest, format="csr")
    kinds = kinds_by_feature(encoder)
    folds = [fit_naive_bayes(total.without(part), kinds) for part in parts]
    table = TrainingTable(names, matrix, past.label[-matrix.shape[0] :], folds, parameters, once)
    return table, fit_naive_bayes(total, kinds)


def kinds_by_feature(encoder: FeatureEncoder) -> dict[str, np.ndarray]:
    """(VALUE_LIMIT,) kinds of the values of each feature that is a number of a vocabulary."""
    kinds = {}
    for feature, vocabulary in zip(("premise", "weapon"), encoder.vocabularies.values(), strict=True):
        known = vocabulary.kinds()
        kinds[feature] = np.pad(known, (0, VALUE_LIMIT - len(known)), constant_values=-1)
    return kinds
