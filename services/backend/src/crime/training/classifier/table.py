"""Train and evaluate the category model. Pure computation: MLflow is `tracking`'s affair."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from crime.classifier.bundle import level_inputs
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS, NaiveBayes
from crime.features.definitions import describe_feature
from crime.features.encoder import FeatureEncoder
from crime.reports.table import Reports
from crime.training.classifier.naive_bayes import CodeCounts, fit_naive_bayes

HIDDEN_SHARE = 0.4  # of each group of fields in such a copy
FOLDS = 5  # evidence for training comes from the other folds' reports
ROWS_PER_BLOCK = 30_000  # rows of a dense matrix at a time; a multiple of FOLDS
MAX_TREE_REPORTS = 1_000_000  # reports that trees learn from, the newest; the evidence learns from all


def row_blocks(rows: int) -> Iterator[slice]:
    for first in range(0, rows, ROWS_PER_BLOCK):
        yield slice(first, min(first + ROWS_PER_BLOCK, rows))


@dataclass(frozen=True)
class TrainingTable:
    """What trees learn from: the features of reports in time's order, sparse since few MO codes are given at once.

    `matrix` (rows, features) is a scipy CSR matrix; `folds` is the evidence of all reports but every fifth one each,
    and the evidence of row i comes from `folds[i % FOLDS]`, which did not learn from it.
    """

    names: list[str]
    matrix: Any
    label: np.ndarray
    folds: list[NaiveBayes]
    parameters: dict[str, Any]

    def with_parameters(self, parameters: dict[str, Any]) -> "TrainingTable":
        """The same rows for trees with other parameters."""
        return replace(self, parameters=self.parameters | parameters)

    def inputs(self, level: str, hidden: bool) -> Any:
        """(rows, inputs) of a level's model, CSR; if `hidden` each group of fields is hidden in 40 % of the rows."""
        from scipy import sparse

        columns = level_inputs(self.names, level)
        above = sorted(set(range(len(self.names))) - set(columns))
        rng, groups = np.random.default_rng(self.parameters["seed"]), []
        for group in sorted({describe_feature(name).hidden_with or "" for name in self.names} - {""}) if hidden else ():
            members = [at for at, name in enumerate(self.names) if describe_feature(name).hidden_with == group]
            groups.append((members, rng.random(len(self.label)) < HIDDEN_SHARE))
        parts = []
        for block in row_blocks(len(self.label)):
            rows = self.matrix[block].toarray()
            rows[:, above] = np.nan
            for members, hide in groups:
                rows[np.ix_(hide[block], np.array(members))] = np.nan
            found = np.empty((len(rows), len(NAIVE_BAYES_INPUTS)), np.float32)
            for at, fold in enumerate(self.folds):
                found[at :: len(self.folds)] = fold.predict(rows[at :: len(self.folds)])
            parts.append(sparse.csr_matrix(np.hstack([rows, found])[:, columns]))
        return sparse.vstack(parts, format="csr")


def build_training_table(
    past: Reports, names: list[str], parameters: dict[str, Any]
) -> tuple[TrainingTable, NaiveBayes]:
    """The table of the newest reports (at most `MOST`), and the evidence of all; `past` is in time's order."""
    from scipy import sparse

    encoder = FeatureEncoder(names)
    total, parts, newest = CodeCounts(names), [CodeCounts(names) for _ in range(FOLDS)], []
    for block in row_blocks(len(past)):
        rows = past.take(block)
        matrix = encoder.matrix(rows.fields, len(rows))
        total.add(matrix, rows.code)
        for at, part in enumerate(parts):  # a block begins with a row of the first fold
            part.add(matrix[at::FOLDS], rows.code[at::FOLDS])
        if block.stop > len(past) - MAX_TREE_REPORTS:
            newest.append(sparse.csr_matrix(matrix))
    matrix = sparse.vstack(newest, format="csr")
    folds = [fit_naive_bayes(total.without(part)) for part in parts]
    return TrainingTable(names, matrix, past.label[-matrix.shape[0] :], folds, parameters), fit_naive_bayes(total)
