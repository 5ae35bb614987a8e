"""Why a report got its prediction: the contribution of each of its columns to each category's score.

Contributions are exact tree SHAP (Lundberg, Erion, Lee: Consistent individualized feature attribution for tree
ensembles, 2018). Those of the naive Bayes inputs, which come from many columns at once, are divided among the columns.
"""

from dataclasses import dataclass

import numpy as np

from crime.classifier.bundle import CategoryBundle, Prediction
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.features.definitions import ReportFields
from crime.reports.sources import FIELDS, SOURCES
from crime.reports.systems import SYSTEMS


@dataclass(frozen=True)
class Explanation:
    """A prediction and its parts, in log-odds.

    contributions: (7,) by LAPD column; each MO code that the report has is an entry of its own (`Mocodes 0344`).
    start (7,): the scores before any contribution. Start and contributions add up to the model's raw scores.
    """

    prediction: Prediction
    contributions: dict[str, np.ndarray]
    start: np.ndarray


def explain(model: CategoryBundle, fields: ReportFields) -> Explanation:
    """Explain the prediction of one report, each field a scalar. Takes about ten times as long as predicting."""
    level = model.level_of(fields)
    vector = model.vector(fields)
    inputs = vector[None, model.columns[level]]
    shap = model.boosters[level].contributions(inputs)[0]
    contributions = {name: shap[:, columns].sum(1) for name, columns in model.inputs_by_column[level].items()}
    if level == "report":
        for code, column in model.encoder.mo.items():
            if vector[column] == 1:  # this level sees all inputs, so a column of the vector is one of `shap`
                contributions[f"Mocodes {code}"] = shap[:, column]
                contributions["Mocodes"] -= shap[:, column]
    naive_bayes_shap = shap[:, -1 - len(NAIVE_BAYES_INPUTS) : -1]
    for name, share in _divide(naive_bayes_shap, model.naive_bayes.contributions(vector[: len(model.spec.features)])):
        contributions[name] = contributions[name] + share if name in contributions else share
    for name in foreign_columns(fields) & contributions.keys():
        share = contributions.pop(name)
        contributions["System"] = contributions["System"] + share if "System" in contributions else share
    return Explanation(Prediction(model.boosters[level].predict(inputs)[0], level), contributions, shap[:, -1])


def foreign_columns(fields: ReportFields) -> set[str]:
    """The columns that reports of one report's system never have: that they are missing is due to the system."""
    own = SOURCES[SYSTEMS[int(fields["system"])]].fields
    return {column.name for key, column in FIELDS.items() if key not in own and key != "system"}


def _divide(shap: np.ndarray, columns: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Divide SHAP values of the naive Bayes inputs (7 scores, 7 inputs) among the columns that the inputs come from.

    An input moved the score of its own category up or down. Its values go to the columns that moved the input in the
    same direction, in proportion to how far; if no column did, they are divided equally.
    """
    same_direction = np.maximum(np.array(list(columns.values())) * np.sign(shap.diagonal()), 0)
    same_direction[:, ~same_direction.any(0)] = 1
    return list(zip(columns, same_direction / same_direction.sum(0) @ shap.T, strict=True))
