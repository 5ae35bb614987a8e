"""Train and evaluate the category model, and write its bundle. Publishing it is `crime.pipelines`'s task."""

import platform
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.counted_reports import COUNTS_FILE
from crime.classifier.held_out import HeldOutReports
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.classifier.spec import (
    HELD_OUT_FILE,
    JUDGED_FILES,
    JUDGED_PREFIX,
    MODEL_FILES,
    NAIVE_BAYES_FILE,
    CategoryData,
    CategorySpec,
    JudgedModel,
    VocabularyEntries,
)
from crime.core.bundle_files import SPEC_FORMAT, Versions, file_hashes, write_spec
from crime.core.cpu import available_cpus
from crime.core.errors import DataError
from crime.core.executors import Executor, LocalExecutor, Task
from crime.core.memory import release_free_memory
from crime.core.model_names import CATEGORY_MODEL
from crime.core.progress import Progress, no_progress
from crime.features.detail_levels import detail_levels, mask_above
from crime.metrics.classification import Scores, score_predictions
from crime.metrics.drift import ReferenceCounts, count_watched_values, drift_reference
from crime.reports.categories import CATEGORIES
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.systems import SYSTEMS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.facts import category_data, counted_reports
from crime.training.classifier.table import TrainingTable, TreeParameters, build_training_table, fit_encoder
from crime.training.classifier.trees import LARGE_TABLE_PARAMETERS, MIN_ROWS_FOR_THREADS, TREE_PARAMETERS, fit_level
from crime.training.plain_lightgbm import lightgbm

MIN_REPORTS = 500  # fewer leave too few of each category to learn from
MIN_SYSTEM_REPORTS = 50  # of a report system; fewer are not scored apart
MIN_WHOLE_SHARE = 0.5  # of the reports: if fewer have the fields of the most detailed level, it can't be learnt
LARGE_TABLE = 300_000  # reports, from which on trees see each once and grow larger; docs/method.md
HELD_OUT_SHARE = 0.2  # of the reports, the newest; docs/method.md


class TrainedModel(NamedTuple):
    """A new bundle, and the reports that its judged model did not see."""

    bundle: CategoryBundle
    held_out: Reports


def train_category_model(
    reports: Reports,
    tally: Tally,
    directory: Path,
    *,
    share: float = 1.0,
    seed: int = 0,
    victim: bool = False,
    parameters: TreeParameters | None = None,
    executor: Executor | None = None,
    progress: Progress = no_progress,
) -> TrainedModel:
    """Train a model on the first 80 % of the reports by time and judge it on the rest; then train on all reports.

    Both are written to `directory` as one bundle, in which the second answers. Sorts the reports by time. `share` is
    that of all reports, where these are a random draw. `victim` adds the victim columns; `parameters` of LightGBM
    replace those of `TREE_PARAMETERS`; `executor`, or else this process, trains the models of the detail levels. Raises
    `DataError` if the reports are too few or lack columns.
    """
    _check_trainable(reports)
    reports.sort()  # in place, so that they are not in memory twice
    past, held_out = split_by_time(reports)
    directory.mkdir(parents=True, exist_ok=True)
    is_large = len(reports) >= LARGE_TABLE
    defaults = LARGE_TABLE_PARAMETERS if is_large else TREE_PARAMETERS
    executor, parameters = executor or _local_executor(reports), {**defaults, **(parameters or {}), "seed": seed}
    table, vocabularies = _build_table(directory, JUDGED_PREFIX, past, victim, parameters, is_large)
    trees = _fit_trees(directory, JUDGED_PREFIX, table, fit_level, executor, _before("judged: ", progress))
    judged = JudgedModel(
        features=table.names,
        vocabularies=vocabularies,
        rounds=trees.rounds,
        trained_on=len(past),
        last_minute=int(past.minute.max()),
    )
    del table, past  # make room for the table of all reports
    release_free_memory()
    table, vocabularies = _build_table(directory, "", reports, victim, parameters, is_large)
    counted_reports(reports).save(directory)
    HeldOutReports.newest(held_out, table.names).save(directory / HELD_OUT_FILE)
    data, watched = category_data(reports, held_out, tally, share), count_watched_values(reports.fields)
    held_out = held_out.take(np.arange(len(held_out)))  # a copy: a view would keep all reports in memory
    del reports  # make room for the trees
    release_free_memory()
    trees = _fit_trees(directory, "", table, partial(fit_level, rounds_of=judged.rounds), executor, progress)
    _write_spec(directory, _draft(directory, table, vocabularies, trees, judged, data, victim), held_out, watched)
    return TrainedModel(CategoryBundle(directory), held_out)


def _local_executor(reports: Reports) -> LocalExecutor:
    """Detail levels of few reports at the same time, a thread each; of many one after another, on all cores."""
    return LocalExecutor(available_cpus() if len(reports) < MIN_ROWS_FOR_THREADS else 1)


def split_by_time(reports: Reports) -> tuple[Reports, Reports]:
    """The first 80 % by time of occurrence, and the last 20 %, which are held out. `reports` keeps its order."""
    border = int((1 - HELD_OUT_SHARE) * len(reports))
    reports = reports.take(slice(None))
    reports.sort()
    return reports.take(slice(0, border)), reports.take(slice(border, None))


def evaluate_levels(model: CategoryBundle, reports: Reports) -> dict[str, Scores]:
    """Scores of the reports as they are (`overall`), and masked to each detail level."""

    def score(fields: dict[str, np.ndarray]) -> Scores:
        return score_predictions(model.predict(fields, len(reports)).probabilities, reports.label)

    return {"overall": score(reports.fields)} | {
        level: score(mask_above(reports.fields, level)) for level in DETAIL_LEVELS
    }


def _check_trainable(reports: Reports) -> None:
    if len(reports) < MIN_REPORTS:
        raise DataError(f"{len(reports)} good reports are too few to train on: {MIN_REPORTS} or more are needed")
    if (detail_levels(reports.fields, len(reports)) == len(DETAIL_LEVELS) - 1).mean() < MIN_WHOLE_SHARE:
        needed = "premise, weapon, and MO codes (NIBRS: its circumstances such as Domestic Violence Crime)"
        raise DataError(f"training needs the columns of {needed}")


def _before(text: str, progress: Progress) -> Progress:
    """`progress` with a text before each step."""
    return lambda step, share: progress(text + step, share)


def _build_table(
    directory: Path, prefix: str, reports: Reports, victim: bool, parameters: TreeParameters, once: bool
) -> tuple[TrainingTable, VocabularyEntries]:
    """The table for the trees of a model that learns from these reports, and its vocabularies.

    Its naive Bayes tables are written.
    """
    encoder = fit_encoder(reports.fields, victim)
    table, naive_bayes = build_training_table(reports, encoder, parameters, once)
    naive_bayes.save(directory / f"{prefix}{NAIVE_BAYES_FILE}")
    return table, {field: vocabulary.entries for field, vocabulary in encoder.vocabularies.items()}


@dataclass(frozen=True)
class _Trees:
    """Rounds by detail level, and each input's share of the gain in the model for whole reports."""

    rounds: dict[DetailLevel, int]
    gain: dict[str, float]


def _fit_trees(
    directory: Path,
    prefix: str,
    table: TrainingTable,
    fit: Task[TrainingTable, DetailLevel, str],
    executor: Executor,
    progress: Progress,
) -> _Trees:
    """Train by `fit` and write the model of each detail level."""
    rounds: dict[DetailLevel, int] = {}
    gain = dict.fromkeys([*table.names, *NAIVE_BAYES_INPUTS], 0.0)
    models = list(executor.map(fit, table, DETAIL_LEVELS, lambda level, share: progress(DETAIL_LEVELS[level], share)))
    for level, text in zip(DETAIL_LEVELS, models, strict=True):
        (directory / f"{prefix}{level}.txt").write_text(text + "\n")
        booster = lightgbm.Booster(model_str=text)
        rounds[level] = booster.current_iteration()
        if level == "report":
            gain |= dict(zip(booster.feature_name(), booster.feature_importance("gain").tolist(), strict=True))
    total = sum(gain.values()) or 1
    return _Trees(rounds, {name: round(share / total, 6) for name, share in gain.items()})


def _draft(
    directory: Path,
    table: TrainingTable,
    vocabularies: VocabularyEntries,
    trees: _Trees,
    judged: JudgedModel,
    data: CategoryData,
    victim: bool,
) -> CategorySpec:
    """The spec without what is measured."""
    files = [*MODEL_FILES, *JUDGED_FILES, COUNTS_FILE, HELD_OUT_FILE]
    return CategorySpec(
        model=CATEGORY_MODEL,
        version="unregistered",
        format=SPEC_FORMAT,
        features=table.names,
        vocabularies=vocabularies,
        victim=victim,
        categories=CATEGORIES,
        rounds=trees.rounds,
        gain=trees.gain,
        parameters=dict(table.parameters),
        data=data,
        versions=Versions(python=platform.python_version(), lightgbm=lightgbm.__version__, numpy=np.__version__),
        sha256=file_hashes(directory, files),
        metrics={},
        golden=[],
        confusion={},
        reference=ReferenceCounts(features={}, predicted={}),
        calibration={},
        judged=judged,
    )


def scores_by_system(model: CategoryBundle, reports: Reports) -> dict[str, dict[str, dict[str, float]]]:
    """Scores of each report system's reports at each detail level; none where all are of one system."""
    by_system: dict[str, dict[str, dict[str, float]]] = {}
    for number, system in enumerate(SYSTEMS):
        chosen = reports.take(np.flatnonzero(reports.fields["system"] == number))
        if MIN_SYSTEM_REPORTS <= len(chosen) < len(reports):
            scores = evaluate_levels(model, chosen)
            by_system[system] = {level: level_scores.short() for level, level_scores in scores.items()}
    return by_system


def _write_spec(directory: Path, draft: CategorySpec, held_out: Reports, watched: dict[str, dict[str, int]]) -> None:
    """Measure the judged model on the held-out reports and write the spec. `watched`: counts of all reports."""
    write_spec(directory, draft)
    bundle = CategoryBundle(directory)
    scores = evaluate_levels(bundle.judged(), held_out)
    confusion = {level: level_scores.confusion for level, level_scores in scores.items()}
    measured = {
        "metrics": {level: level_scores.short() for level, level_scores in scores.items()},
        "golden": bundle.golden().tolist(),
        "confusion": confusion,
        "reference": drift_reference(watched, confusion),
        "calibration": {level: level_scores.calibration for level, level_scores in scores.items()},
        "by_system": scores_by_system(bundle.judged(), held_out),
    }
    write_spec(directory, draft.model_copy(update=measured))
