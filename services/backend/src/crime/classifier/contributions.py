"""What each column of a report contributed to its answer: to the scores, and to the probabilities.

To the scores, in log-odds: exact tree SHAP (Lundberg, Erion, Lee: Consistent individualized feature attribution for
tree ensembles, 2018). Those of the naive Bayes inputs, which come from many columns at once, are divided among the
columns.

To the probabilities: expected gradients (Erion, Janizek, Sturmfels, Lundberg, Lee: Improving performance of deep
learning models with axiomatic attribution priors and expected gradients, 2021) along the straight line of scores from
other reports to this one. They lead from the mean answer of the other reports to that of this one.
"""

from collections.abc import Sequence

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.reports.schema import DetailLevel

STEPS, STEP_WEIGHTS = np.polynomial.legendre.leggauss(16)  # of the integral over the line, on -1 to 1


class ScoreContributions:
    """Contributions of n reports to the scores of one detail level's model, in log-odds.

    by_column: of each report, (7,) by LAPD column; each MO code that it has is an entry of its own (`Mocodes 0344`).
    start (7,): the scores before any contribution. Start and contributions add up to the model's raw scores.
    """

    def __init__(self, model: CategoryBundle, features: np.ndarray, level: DetailLevel):
        """`features` (n, features): encoded reports. Takes about 0.2 ms a report."""
        self.shap = model.boosters[level].contributions(model.level_matrix(features, level))
        self.start = self.shap[0, :, -1]
        self._mo = model.encoder.mo if level == "report" else {}
        self.by_column = [self._of_row(model, features[row], level, row) for row in range(len(features))]

    def scores(self) -> np.ndarray:
        """(n, 7) raw scores."""
        scores: np.ndarray = self.shap.sum(2)
        return scores

    def stacked(self, columns: Sequence[str]) -> np.ndarray:
        """(n, columns, 7) of these columns, MO codes among them; those of other MO codes count for `Mocodes`."""
        stacked = np.zeros((len(self.by_column), len(columns), self.shap.shape[1]))
        for row, contributions in enumerate(self.by_column):
            for index, name in enumerate(columns):
                code = name.removeprefix("Mocodes ")
                if name in contributions:
                    stacked[row, index] += contributions[name]
                elif code in self._mo:  # the report lacks it, which counts for `Mocodes` above
                    stacked[row, index] += self.shap[row, :, self._mo[code]]
                    stacked[row, columns.index("Mocodes")] -= self.shap[row, :, self._mo[code]]
            for name in contributions.keys() - set(columns):
                if name.startswith("Mocodes ") and "Mocodes" in columns:
                    stacked[row, columns.index("Mocodes")] += contributions[name]
        return stacked

    def _of_row(self, model: CategoryBundle, vector: np.ndarray, level: DetailLevel, row: int) -> dict[str, np.ndarray]:
        shap = self.shap[row]
        contributions = {name: shap[:, columns].sum(1) for name, columns in model.inputs_by_column[level].items()}
        for code, column in self._mo.items():
            if vector[column] == 1:  # this level sees all inputs, so a column of the vector is one of `shap`
                contributions[f"Mocodes {code}"] = shap[:, column]
                contributions["Mocodes"] -= shap[:, column]
        naive_bayes_shap = shap[:, -1 - len(NAIVE_BAYES_INPUTS) : -1]
        for name, share in _divide(naive_bayes_shap, model.naive_bayes.contributions(vector)):
            contributions[name] = contributions[name] + share if name in contributions else share
        return contributions


def _divide(shap: np.ndarray, columns: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Divide SHAP values of the naive Bayes inputs (7 scores, 7 inputs) among the columns that the inputs come from.

    An input moved the score of its own category up or down. Its values go to the columns that moved the input in the
    same direction, in proportion to how far; if no column did, they are divided equally.
    """
    if not columns:  # none has a value that naive Bayes knows
        return []
    same_direction = np.maximum(np.array(list(columns.values())) * np.sign(shap.diagonal()), 0)
    same_direction[:, ~same_direction.any(0)] = 1
    return list(zip(columns, same_direction / same_direction.sum(0) @ shap.T, strict=True))


def probability_effects(
    report: ScoreContributions, others: ScoreContributions, weights: np.ndarray, columns: Sequence[str]
) -> np.ndarray:
    """(columns, 7) how far each column moves each category's probability from the other reports' mean to the report's.

    report: of one report, with n probable values where required columns are not known. others: of m reports with the
    same columns known; weights (m,) add up to 1.
    """
    to_scores, from_scores = report.scores()[:, None], others.scores()[None]
    mean, product = np.zeros(()), np.zeros(())
    for step, weight in zip((STEPS + 1) / 2, STEP_WEIGHTS / 2, strict=True):
        scores = step * to_scores + (1 - step) * from_scores
        shares = np.exp(scores - scores.max(2, keepdims=True))
        shares /= shares.sum(2, keepdims=True)
        mean = mean + weight * shares
        product = product + weight * shares[..., None] * shares[..., None, :]
    # of a category c, the gradient of its probability p_c along a score k is p_c ([c = k] - p_k)
    moved = report.stacked(columns)[:, None] - others.stacked(columns)[None]
    effects = moved * mean[:, :, None] - np.einsum("nmck,nmjk->nmjc", product, moved)
    averaged: np.ndarray = np.einsum("nmjc,m->jc", effects, weights) / len(to_scores)
    return averaged
