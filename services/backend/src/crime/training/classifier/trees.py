"""Train the LightGBM model of one detail level."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from crime.classifier.bundle import level_inputs
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.core.cpu import available_cpus
from crime.core.executors import ShareDone
from crime.reports.categories import CATEGORIES
from crime.reports.schema import DetailLevel
from crime.training.classifier.table import TrainingTable, TreeParameters
from crime.training.plain_lightgbm import lightgbm

VALIDATION_SHARE = 0.2  # of the training reports, the newest: the number of rounds is chosen on them
MASKED_WEIGHT = 0.5  # of a report's masked copy, beside 1 for the report as it is; docs/method.md
MASKED_OF_ALL = MASKED_WEIGHT / (1 + MASKED_WEIGHT)  # where each report is there once
# Rounds; training stops after PATIENCE rounds without a better log loss. Set by judgement, as docs/method.md says.
MAX_ROUNDS, PATIENCE = 400, 20
MIN_ROWS_FOR_THREADS = 50_000  # rows; on fewer, waiting OpenMP threads can take ten times as long on a busy machine
TREE_PARAMETERS: TreeParameters = {  # chosen by experiment: docs/method.md
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
LARGE_TABLE_PARAMETERS: TreeParameters = {**TREE_PARAMETERS, "learning_rate": 0.08, "num_leaves": 16}


def fit_level(
    table: TrainingTable,
    level: DetailLevel,
    progress: ShareDone = lambda share: None,
    rounds_of: Mapping[DetailLevel, int] | None = None,
) -> str:
    """The model of a detail level in LightGBM's text format, trained on all rows of the table.

    `rounds_of`: rounds by level; chosen on the newest rows if not given.
    """
    rows, chosen = _LevelRows(table, level), 0.0
    if rounds_of is None:
        rounds, chosen = rows.choose_rounds(lambda share: progress(share / 2))[0], 0.5
    else:
        rounds = rounds_of[level]
    booster = lightgbm.train(
        rows.parameters,
        rows.dataset(slice(None)),
        rounds,
        callbacks=[lambda env: progress(chosen + (1 - chosen) * (env.iteration + 1) / rounds)],
    )
    # the same file from every machine: the number of threads is left out
    return "\n".join(line for line in booster.model_to_string().splitlines() if not line.startswith("[num_threads:"))


def level_loss(table: TrainingTable, level: DetailLevel) -> float:
    """Log loss of a detail level's model on the validation rows, trained on the rows before them."""
    return _LevelRows(table, level).choose_rounds()[1]


class _LevelRows:
    """Training rows of a detail level: each report as it is, and a copy with fields masked at random.

    If the table shows each report `once`, a third of the reports are masked and the others are whole.
    """

    def __init__(self, table: TrainingTable, level: DetailLevel):
        self.table, self.level, rows = table, level, len(table.label)
        if table.once:
            masked = np.random.default_rng(int(table.parameters["seed"])).random(rows) < MASKED_OF_ALL
            self.copies, self.weights = [table.inputs(level, masked)], [1.0]
        else:
            self.copies = [table.inputs(level, np.full(rows, masked)) for masked in (False, True)]
            self.weights = [1.0, MASKED_WEIGHT]
        self.names = [[*table.names, *NAIVE_BAYES_INPUTS][column] for column in level_inputs(table.names, level)]
        threads = available_cpus() if rows >= MIN_ROWS_FOR_THREADS else 1
        self.parameters: dict[str, Any] = {**table.parameters, "num_threads": threads}

    def dataset(self, rows: slice) -> lightgbm.Dataset:
        """LightGBM's data of some reports."""
        label = self.table.label[rows]
        return lightgbm.Dataset(
            sparse.vstack([copy[rows] for copy in self.copies], format="csr"),
            np.tile(label, len(self.copies)),
            weight=np.repeat(self.weights, len(label)),
            feature_name=self.names,
            params={"verbose": -1},
        )

    def _whole(self, first: int) -> sparse.csr_matrix:
        """Inputs of the reports as they are, from the row `first` on."""
        if self.table.once:
            return self.table.inputs(self.level, np.zeros(len(self.table.label), bool), first)
        return self.copies[0][first:]

    def choose_rounds(self, progress: ShareDone = lambda share: None) -> tuple[int, float]:
        """The number of rounds with the smallest log loss on the validation rows, and that loss."""
        label = self.table.label
        border = int((1 - VALIDATION_SHARE) * len(label))
        earlier = self.dataset(slice(0, border))
        whole = self._whole(border)
        validation = lightgbm.Dataset(whole, label[border:], reference=earlier)
        booster = lightgbm.train(
            self.parameters,
            earlier,
            MAX_ROUNDS,
            [validation],
            callbacks=[
                lightgbm.early_stopping(PATIENCE, verbose=False),
                lambda env: progress((env.iteration + 1) / env.end_iteration),
            ],
        )
        progress(1)
        return max(1, booster.best_iteration), booster.best_score["valid_0"]["multi_logloss"]
