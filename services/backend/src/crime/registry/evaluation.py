"""How good versions of the category model are, on the same reports, which none of them was trained on.

The judged models answer these reports with all fields above each detail level hidden: right answers by category and by
area, beside always guessing the most frequent category, and calibration.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.held_out import HeldOutReports
from crime.core.days import day_text
from crime.core.errors import EvaluationError
from crime.features.detail_levels import mask_above
from crime.metrics.classification import (
    CalibrationBin,
    calibration_bins,
    calibration_error,
    confusion_counts,
    log_losses,
)
from crime.registry.gates import MIN_UNSEEN_REPORTS, unseen_reports
from crime.registry.kinds import CATEGORY
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.codes import code_names
from crime.reports.schema import DETAIL_LEVELS


@dataclass(frozen=True)
class CategoryScores:
    """Of one category: `reports` that are of it, `answered` as it, and `right`, which are both.

    `precision`: right / answered, None if it was never answered; `recall`: right / reports, None if there are none.
    """

    category: str
    reports: int
    answered: int
    right: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class AreaScores:
    """Of one area: its `reports`, how many were answered `right`, and how many always guessing has right."""

    area: int
    name: str
    reports: int
    right: int
    guess_right: int


@dataclass(frozen=True)
class LevelScores:
    """With the fields above a detail level hidden. `confusion` (7, 7) has a row for each true category."""

    accuracy: float
    log_loss: float
    calibration_error: float
    confusion: list[list[int]]
    calibration: list[CalibrationBin]
    categories: list[CategoryScores]
    areas: list[AreaScores]


@dataclass(frozen=True)
class VersionScores:
    """`levels`: by detail level."""

    version: str
    levels: dict[str, LevelScores]


@dataclass(frozen=True)
class Evaluation:
    """Scores of versions on the same `reports`, which happened from `first` to `last` (YYYY-MM-DD).

    `guess`: the category that is the most frequent in the training reports of the first version's judged model;
    `guess_accuracy`: the share of the reports that are of it.
    """

    reports: int
    first: str
    last: str
    guess: str
    guess_accuracy: float
    versions: list[VersionScores]


@lru_cache(maxsize=16)
def evaluate_bundles(bundles: tuple[tuple[Path, str, int], ...]) -> Evaluation:
    """`evaluate_versions` of the bundles in directories, each opened as a version. Remembers the latest results.

    The last number of each tells its content apart from another one in the same directory. Raises `BundleError` and
    `EvaluationError`.
    """
    return evaluate_versions([CATEGORY.open(directory, version) for directory, version, _ in bundles])


def evaluate_versions(models: Sequence[CategoryBundle]) -> Evaluation:
    """Scores of the judged models of one or more versions. Raises `EvaluationError` where too few reports are new."""
    reports = unseen_reports(*models)
    if len(reports) < MIN_UNSEEN_REPORTS:
        raise EvaluationError(
            f"no comparison: {len(reports)} held-out reports are newer than the training of every judged model, and "
            f"{MIN_UNSEEN_REPORTS} are needed"
        )
    judged = [model.judged() for model in models]
    guess = int(judged[0].naive_bayes.category_shares().argmax())
    days = reports.fields["date_occ"]
    return Evaluation(
        reports=len(reports),
        first=day_text(int(days.min())),
        last=day_text(int(days.max())),
        guess=CATEGORY_NAMES[guess],
        guess_accuracy=float((reports.label == guess).mean()),
        versions=[VersionScores(model.version, _by_level(model, reports, guess)) for model in judged],
    )


def _by_level(model: CategoryBundle, reports: HeldOutReports, guess: int) -> dict[str, LevelScores]:
    return {
        level: _level_scores(model.predict(mask_above(reports.fields, level), len(reports))[0], reports, guess)
        for level in DETAIL_LEVELS
    }


def _level_scores(probabilities: np.ndarray, reports: HeldOutReports, guess: int) -> LevelScores:
    """Scores of probabilities (rows, 7). `guess`: the category that always guessing answers."""
    label, top = reports.label, probabilities.argmax(1)
    bins = calibration_bins(probabilities, label)
    confusion = confusion_counts(top, label)
    return LevelScores(
        accuracy=float((top == label).mean()),
        log_loss=float(log_losses(probabilities, label).mean()),
        calibration_error=calibration_error(bins),
        confusion=confusion.tolist(),
        calibration=bins,
        categories=_by_category(confusion),
        areas=_by_area(reports.fields["area"].astype(int), top == label, label == guess),
    )


def _by_category(confusion: np.ndarray) -> list[CategoryScores]:
    """From counts (7, 7) with a row for each true category."""
    scores = []
    for name, right, reports, answered in zip(
        CATEGORY_NAMES, confusion.diagonal().tolist(), confusion.sum(1).tolist(), confusion.sum(0).tolist(), strict=True
    ):
        precision, recall = right / answered if answered else None, right / reports if reports else None
        scores.append(CategoryScores(name, reports, answered, right, precision, recall))
    return scores


def _by_area(area: np.ndarray, right: np.ndarray, guess_right: np.ndarray) -> list[AreaScores]:
    """From the area of each report (rows,), whether its answer is right, and whether the guess is."""
    names = code_names("area")
    return [
        AreaScores(
            area=number,
            name=names.get(str(number), str(number)),
            reports=int((area == number).sum()),
            right=int(right[area == number].sum()),
            guess_right=int(guess_right[area == number].sum()),
        )
        for number in np.unique(area).tolist()
    ]
