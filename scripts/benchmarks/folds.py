"""Log loss of the category model on random tenths of the embedded sample, by training on the other nine.

Draws of reports at random tell what the model that answers is worth on reports like those it was trained on. Every
draw is repeated with several seeds, since two models of one method differ by some thousandths.
"""

import json
import sys
from pathlib import Path

import lightgbm
import numpy as np
from crime.classifier.bundle import level_inputs
from crime.features.detail_levels import mask_above
from crime.metrics.classification import calibration_bins, calibration_error, log_losses
from crime.reports.files import load_reports
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.training.classifier.table import build_training_table, fit_encoder
from crime.training.classifier.trees import TREE_PARAMETERS, fit_level
from rich.console import Console
from rich.table import Table

FOLDS = 10


def probabilities(past: Reports, unseen: Reports, seed: int) -> dict[DetailLevel, np.ndarray]:
    """(reports, 7) at each detail level, by the model that training makes of `past`, which is in order of time."""
    encoder = fit_encoder(past.fields)
    table, naive_bayes = build_training_table(past, encoder, {**TREE_PARAMETERS, "seed": seed})
    answers: dict[DetailLevel, np.ndarray] = {}
    for level in DETAIL_LEVELS:
        matrix = encoder.matrix(mask_above(unseen.fields, level), len(unseen))
        inputs = np.hstack([matrix, naive_bayes.predict(matrix)])[:, level_inputs(encoder.names, level)]
        answers[level] = np.asarray(lightgbm.Booster(model_str=fit_level(table, level)).predict(inputs))
    return answers


def main(seeds: int) -> None:
    with sample_table() as path:
        reports = load_reports(path, Tally())
    reports.sort()
    results: dict[DetailLevel, dict[str, list[float]]] = {level: {"log_loss": [], "ece": []} for level in DETAIL_LEVELS}
    for seed in range(seeds):
        fold = np.random.default_rng(seed).permutation(np.arange(len(reports)) % FOLDS)
        answers: dict[DetailLevel, np.ndarray] = {level: np.zeros((len(reports), 7)) for level in DETAIL_LEVELS}
        for number in range(FOLDS):
            unseen = fold == number
            past = reports.take(np.flatnonzero(~unseen))
            for level, answer in probabilities(past, reports.take(np.flatnonzero(unseen)), seed).items():
                answers[level][unseen] = answer
        for level, answer in answers.items():
            results[level]["log_loss"].append(float(log_losses(answer, reports.label).mean()))
            results[level]["ece"].append(calibration_error(calibration_bins(answer, reports.label)))
    table = Table("known of the report", "log loss by seed", "mean", "calibration error")
    for level, name in DETAIL_LEVELS.items():
        losses, errors = results[level]["log_loss"], results[level]["ece"]
        by_seed = ", ".join(f"{loss:.4f}" for loss in losses)
        table.add_row(name, by_seed, f"{np.mean(losses):.4f}", f"{np.mean(errors):.3f}")
    Console().print(table)
    Path("benchmark-folds.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
