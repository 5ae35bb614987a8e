"""Train and evaluate the category model. Pure computation: MLflow is `tracking`'s affair."""

import platform
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from crime.classifier.bundle import COUNTS_FILE, HELD_OUT_FILE, NAIVE_BAYES_FILE, CategoryBundle
from crime.classifier.held_out import HeldOutReports
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.classifier.spec import CategoryData, CategorySpec
from crime.core.bundle_files import Versions, file_hashes, write_spec
from crime.core.errors import DataError
from crime.core.executors import Executor, LocalExecutor
from crime.core.memory import release_free_memory
from crime.core.model_names import CATEGORY_MODEL
from crime.core.progress import Progress
from crime.features.definitions import choose_features
from crime.features.detail_levels import detail_levels, mask_above
from crime.metrics.classification import Scores, score_predictions
from crime.metrics.drift import count_watched_values, drift_reference
from crime.reports.categories import CATEGORIES
from crime.reports.schema import COLUMNS, DETAIL_LEVELS
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.table import build_training_table, row_blocks
from crime.training.classifier.trees import HELD_OUT_SHARE, TREE_PARAMETERS, fit_level

MIN_REPORTS = 500


def split_by_time(reports: Reports) -> tuple[Reports, Reports]:
    """The first 80 % by time of the event, and the last 20 %, which training never sees."""
    border = int((1 - HELD_OUT_SHARE) * len(reports))
    reports = reports.take(slice(None))  # the caller's stay in their order
    reports.sort()
    return reports.take(slice(0, border)), reports.take(slice(border, None))


def evaluate_levels(model: CategoryBundle, reports: Reports) -> dict[str, Scores]:
    """Scores of the reports as they are (`overall`), and of each level with what comes above it hidden."""
    found = {"overall": score_predictions(model.predict(reports.fields, len(reports))[0], reports.label)}
    for level in DETAIL_LEVELS:
        found[level] = score_predictions(
            model.predict(mask_above(reports.fields, level), len(reports))[0], reports.label
        )
    return found


def fingerprint(reports: Reports) -> str:
    """SHA-256 of the fields and labels of reports in time's order, whatever file or dialect they came in."""
    digest = sha256()
    for name in sorted(reports.fields):
        column = reports.fields[name]
        for block in row_blocks(len(reports)):
            digest.update(repr(column[block].tolist()).encode() if column.dtype == object else column[block].tobytes())
    digest.update(reports.label.tobytes())
    return digest.hexdigest()


def train_category_model(
    reports: Reports,
    tally: Tally,
    directory: Path,
    *,
    seed: int = 0,
    victim: bool = False,
    parameters: dict[str, Any] | None = None,
    engine: Executor | None = None,
    progress: Progress = lambda what, share: None,
) -> tuple[CategoryBundle, Reports]:
    """Train on the first 80 % by time, evaluate on the rest, write a bundle to `directory`. Sorts the reports.

    `parameters` of LightGBM replace those of `PARAMETERS`; the levels' models are trained by `engine`.
    Returns the bundle and the held-out reports. Raises `DataError` where the reports can't carry a model.
    """
    if len(reports) < MIN_REPORTS:
        raise DataError(f"{len(reports)} good reports are too few to train on: {MIN_REPORTS} or more are needed")
    if detail_levels(reports.fields, len(reports)).min() < len(DETAIL_LEVELS) - 1:
        needed = ", ".join(COLUMNS[k].name for k in ("premis_cd", "weapon_used_cd", "mocodes"))
        raise DataError(f"training needs the columns {needed}")
    reports.sort()  # not a second time in memory
    past, held_out = split_by_time(reports)
    names = choose_features(past.fields["mocodes"].tolist(), victim)
    table, known = build_training_table(past, names, TREE_PARAMETERS | (parameters or {}) | {"seed": seed})
    directory.mkdir(parents=True, exist_ok=True)
    known.save(directory / NAIVE_BAYES_FILE)
    np.save(directory / COUNTS_FILE, count_cells(reports))
    HeldOutReports.newest(held_out, names).save(directory / HELD_OUT_FILE)
    data, values = _data(reports, held_out, tally), count_watched_values(past.fields)
    held_out = held_out.take(np.arange(len(held_out)))
    del reports, past  # trees need their room
    release_free_memory()
    rounds, gain = {}, dict.fromkeys([*names, *NAIVE_BAYES_INPUTS], 0.0)
    fitting = (engine or LocalExecutor()).map(
        fit_level, table, DETAIL_LEVELS, lambda level, share: progress(DETAIL_LEVELS[level], share)
    )
    for level, text in zip(DETAIL_LEVELS, fitting, strict=True):
        (directory / f"{level}.txt").write_text(text + "\n")
        fitted = lightgbm.Booster(model_str=text)
        rounds[level] = fitted.current_iteration()
        if level == "report":
            gain |= dict(zip(fitted.feature_name(), fitted.feature_importance("gain").tolist(), strict=True))
    files = [*(f"{level}.txt" for level in DETAIL_LEVELS), COUNTS_FILE, NAIVE_BAYES_FILE, HELD_OUT_FILE]
    spec = CategorySpec(
        model=CATEGORY_MODEL,
        version="unregistered",
        features=names,
        victim=victim,
        categories=CATEGORIES,
        rounds=rounds,
        gain={name: round(share / (sum(gain.values()) or 1), 6) for name, share in gain.items()},
        parameters=table.parameters,
        data=data,
        versions=Versions(python=platform.python_version(), lightgbm=lightgbm.__version__, numpy=np.__version__),
        sha256=file_hashes(directory, files),
        metrics={},
        golden=[],
        confusion={},
        reference={},
        calibration={},
    )
    write_spec(directory, spec)
    model = CategoryBundle(directory)
    scores = evaluate_levels(model, held_out)
    confusion = {name: found.confusion for name, found in scores.items()}
    results = {
        "metrics": {name: found.short() for name, found in scores.items()},
        "golden": model.golden().tolist(),
        "confusion": confusion,
        "reference": drift_reference(values, confusion),
        "calibration": {name: found.calibration for name, found in scores.items()},
    }
    write_spec(directory, spec.model_copy(update=results))
    return CategoryBundle(directory), held_out


def _data(reports: Reports, held_out: Reports, tally: Tally) -> CategoryData:
    """What a bundle tells of the reports it was made of."""
    return CategoryData(
        fingerprint=fingerprint(reports),
        trained_on=len(reports) - len(held_out),
        held_out=len(held_out),
        first_day=_day(reports.fields["date_occ"].min()),
        until=_day(reports.fields["date_occ"].max()),
        held_out_from=_day(held_out.fields["date_occ"].min()),
        frequency=_code_frequency(reports),
        **tally.as_dict(),
    )


def _day(days: float) -> str:
    return str(np.datetime64(int(days), "D"))


def _code_frequency(reports: Reports) -> dict[str, dict[str, int]]:
    """How often each code was given, for the order in which a form offers them."""
    premise, weapon = reports.fields["premis_cd"], reports.fields["weapon_used_cd"]
    found = {
        "premis": Counter(f"{v:g}" for v in premise[premise > 0]),
        "weapon": Counter(f"{v:g}" for v in weapon[weapon > 0]),
        "mo": Counter(code for codes in reports.fields["mocodes"] for code in codes),
    }
    return {name: dict(sorted(counts.items())) for name, counts in found.items()}


def count_cells(reports: Reports) -> np.ndarray:
    """Reports by month since 1970-01, area, category, weekday (0 Monday) and hour: (cells, 6) int32, last the count."""
    days = reports.fields["date_occ"].astype("int64")
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(int)
    keys = np.column_stack(
        [months, reports.fields["area"], reports.label, (days + 3) % 7, reports.fields["time_occ"] // 60]
    ).astype(np.int32)
    cells, counts = np.unique(keys, axis=0, return_counts=True)
    return np.column_stack([cells, counts]).astype(np.int32)
