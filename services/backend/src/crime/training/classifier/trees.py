"""Train and evaluate the category model. Pure computation: MLflow is `tracking`'s affair."""

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np

from crime.classifier.bundle import level_inputs
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.core.cpu import available_cpus
from crime.reports.categories import CATEGORIES
from crime.training.classifier.table import TrainingTable

HELD_OUT_SHARE = 0.2
MASKED_WEIGHT = 0.5  # of a copy with fields hidden, beside 1 for the report as it is
MAX_ROUNDS, PATIENCE = 400, 20
MIN_ROWS_FOR_THREADS = 50_000  # rows
TREE_PARAMETERS: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": len(CATEGORIES),
    "learning_rate": 0.1,
    "num_leaves": 8,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 3.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


def fit_level(table: TrainingTable, level: str, progress: Callable[[float], None] = lambda share: None) -> str:
    """One level's model, as LightGBM writes it; the rounds are chosen on the last fifth of the rows.

    The rows are trained on as they are and, weighing half, with fields hidden.
    """
    trees, rounds, _ = _choose_rounds(table, level, lambda share: progress(share / 2))
    fitted = lightgbm.train(
        _parameters(table),
        trees(slice(None)),
        rounds,
        callbacks=[lambda env: progress(0.5 + 0.5 * env.iteration / rounds)],
    )
    # the file must not tell how many processors it was trained on
    return "\n".join(line for line in fitted.model_to_string().splitlines() if not line.startswith("[num_threads:"))


def level_loss(table: TrainingTable, level: str) -> float:
    """Log loss of one level's model on the last fifth of the rows, trained on those before."""
    return _choose_rounds(table, level, lambda share: None)[2]


def _parameters(table: TrainingTable) -> dict[str, Any]:
    # OpenMP's threads spin while they wait for each other: on few rows and a busy machine that costs tenfold
    return table.parameters | {"num_threads": available_cpus() if len(table.label) >= MIN_ROWS_FOR_THREADS else 1}


def _choose_rounds(
    table: TrainingTable, level: str, progress: Callable[[float], None]
) -> tuple[Callable[[slice], lightgbm.Dataset], int, float]:
    """What makes a level's dataset of some rows, how many rounds do best on the last fifth, and their log loss."""
    from scipy import sparse

    whole, hidden = table.inputs(level, False), table.inputs(level, True)
    seen = [[*table.names, *NAIVE_BAYES_INPUTS][at] for at in level_inputs(table.names, level)]

    def dataset(rows: slice) -> lightgbm.Dataset:
        x, y = sparse.vstack([whole[rows], hidden[rows]], format="csr"), np.tile(table.label[rows], 2)
        weight = np.repeat([1.0, MASKED_WEIGHT], len(y) // 2)
        return lightgbm.Dataset(x, y, weight=weight, feature_name=seen, params={"verbose": -1})

    border = int((1 - HELD_OUT_SHARE) * len(table.label))
    first = dataset(slice(0, border))
    late = lightgbm.Dataset(whole[border:], table.label[border:], reference=first)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    trial = lightgbm.train(
        _parameters(table),
        first,
        MAX_ROUNDS,
        [late],
        callbacks=[stop, lambda env: progress((env.iteration + 1) / env.end_iteration)],
    )
    progress(1)
    return dataset, max(1, trial.best_iteration), trial.best_score["valid_0"]["multi_logloss"]
