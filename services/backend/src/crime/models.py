"""Train and evaluate the category model. Pure computation: MLflow is `tracking`'s affair."""

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from crime import bundle as bundles
from crime import drift, evidence
from crime.booster import threads
from crime.bundle import Bundle, inputs_of
from crime.data import DataError, Reports, Tally
from crime.evidence import Evidence
from crime.features import Encoder, choose, describe, is_mo, levels, mask
from crime.measures import calibration, calibration_error, log_losses
from crime.registry import MODEL
from crime.schema import CATEGORIES, COLUMNS, LEVELS

HELD_OUT = 0.2
MASKED_WEIGHT = 0.5  # of a copy with fields hidden, beside 1 for the report as it is
HIDDEN_SHARE = 0.4  # of each group of fields in such a copy
FOLDS = 5  # evidence for training comes from the other folds' reports
MAX_ROUNDS, PATIENCE = 400, 20
MIN_REPORTS = 500
WORTH_THREADS = 50_000  # rows
PARAMETERS: dict[str, Any] = {
    "objective": "multiclass",
    "num_class": len(CATEGORIES),
    "learning_rate": 0.06,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 3.0,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}

Progress = Callable[[str, float], None]  # what is being done, share of it done


@dataclass(frozen=True)
class Scores:
    """What a set of predictions was worth; `confusion` (7, 7) has a row for each true category."""

    accuracy: float
    weighted_f1: float
    macro_auc: float
    log_loss: float
    ece: float
    confusion: list[list[int]]
    calibration: list[dict[str, float]]

    def short(self) -> dict[str, float]:
        """The five figures that are compared."""
        names = ("accuracy", "weighted_f1", "macro_auc", "log_loss", "ece")
        return {name: round(getattr(self, name), 6) for name in names}


def score(probabilities: np.ndarray, label: np.ndarray) -> Scores:
    """Scores of predictions (rows, 7) against labels (rows,).

    Macro AUC is one against the rest, averaged over categories that occur and do not fill the rows.
    """
    from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

    classes = range(len(CATEGORIES))
    top, bins = probabilities.argmax(1), calibration(probabilities, label)
    areas = [roc_auc_score(label == k, probabilities[:, k]) for k in classes if 0 < (label == k).mean() < 1]
    return Scores(
        accuracy=float((top == label).mean()),
        weighted_f1=float(f1_score(label, top, average="weighted", zero_division=0)),
        macro_auc=float(np.mean(areas)) if areas else float("nan"),
        log_loss=float(log_losses(probabilities, label).mean()),
        ece=calibration_error(bins),
        confusion=confusion_matrix(label, top, labels=list(classes)).tolist(),
        calibration=bins,
    )


def evaluate(model: Bundle, reports: Reports) -> dict[str, Scores]:
    """Scores of the reports as they are (`overall`), and of each level with what comes above it hidden."""
    found = {"overall": score(model.predict(reports.fields, len(reports))[0], reports.label)}
    for level in LEVELS:
        found[level] = score(model.predict(mask(reports.fields, level), len(reports))[0], reports.label)
    return found


def split(reports: Reports) -> tuple[Reports, Reports]:
    """The first 80 % by time of the event, and the last 20 %, which training never sees."""
    order = np.lexsort((reports.fields["dr_no"].astype(str), reports.minute))
    border = int((1 - HELD_OUT) * len(reports))
    return reports.take(order[:border]), reports.take(order[border:])


def fingerprint(reports: Reports) -> str:
    """SHA-256 of the reports' fields and labels, whatever file or dialect they came in."""
    digest = sha256()
    order = np.lexsort((reports.fields["dr_no"].astype(str), reports.minute))
    for name in sorted(reports.fields):
        column = reports.fields[name][order]
        digest.update(repr(column.tolist()).encode() if column.dtype == object else column.tobytes())
    digest.update(reports.label[order].tobytes())
    return digest.hexdigest()


def _hidden_copy(matrix: np.ndarray, names: list[str], rng: np.random.Generator) -> np.ndarray:
    """The rows again with each group of fields hidden in 40 % of them."""
    hidden = matrix.copy()
    for group in sorted({describe(name).hidden_with or "" for name in names} - {""}):
        columns = [at for at, name in enumerate(names) if describe(name).hidden_with == group]
        rows = np.flatnonzero(rng.random(len(matrix)) < HIDDEN_SHARE)
        hidden[np.ix_(rows, np.array(columns))] = np.nan
    return hidden


def _fit(
    matrix: np.ndarray,
    label: np.ndarray,
    names: list[str],
    folds: list[Evidence],
    level: str,
    seed: int,
    progress: Callable[[float], None],
) -> lightgbm.Booster:
    """One level's model; the number of rounds is chosen on the last fifth of the rows, which are in time's order.

    The rows are trained on as they are and, weighing half, with fields hidden.
    """
    # OpenMP's threads spin while they wait for each other: on few rows and a busy machine that costs tenfold
    workers = threads() if len(matrix) >= WORTH_THREADS else 1
    parameters = PARAMETERS | {"seed": seed, "num_threads": workers}
    columns = inputs_of(names, level)
    seen = [[*names, *evidence.NAMES][at] for at in columns]
    matrix = matrix.copy()
    matrix[:, sorted(set(range(len(names))) - set(columns))] = np.nan  # of levels above

    def inputs(rows: np.ndarray) -> np.ndarray:
        """With the evidence, each report's learnt from other folds."""
        found = np.empty((len(rows), len(evidence.NAMES)), np.float32)
        for at, fold in enumerate(folds):
            found[at :: len(folds)] = fold.of(rows[at :: len(folds)])
        return np.hstack([rows, found])[:, columns]

    whole, hidden = inputs(matrix), inputs(_hidden_copy(matrix, names, np.random.default_rng(seed)))

    def dataset(rows: slice) -> lightgbm.Dataset:
        x, y = np.concatenate([whole[rows], hidden[rows]]), np.tile(label[rows], 2)
        weight = np.repeat([1.0, MASKED_WEIGHT], len(y) // 2)
        return lightgbm.Dataset(x, y, weight=weight, feature_name=seen, params={"verbose": -1})

    def report(share: float) -> Callable[[Any], None]:
        return lambda env: progress(share * (env.iteration + 1) / env.end_iteration)

    border = int((1 - HELD_OUT) * len(matrix))
    first = dataset(slice(0, border))
    late = lightgbm.Dataset(whole[border:], label[border:], reference=first)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    trial = lightgbm.train(parameters, first, MAX_ROUNDS, [late], callbacks=[stop, report(0.5)])
    progress(0.5)
    rounds = max(1, trial.best_iteration)
    return lightgbm.train(
        parameters,
        dataset(slice(None)),
        rounds,
        callbacks=[lambda env: progress(0.5 + 0.5 * env.iteration / rounds)],
    )


def train(
    reports: Reports,
    tally: Tally,
    directory: Path,
    *,
    seed: int = 0,
    victim: bool = False,
    progress: Progress = lambda what, share: None,
) -> tuple[Bundle, Reports]:
    """Train on the first 80 % by time, evaluate on the rest, write a bundle to `directory`.

    Returns the bundle and the held-out reports. Raises `DataError` where the reports can't carry a model.
    """
    if len(reports) < MIN_REPORTS:
        raise DataError(f"{len(reports)} good reports are too few to train on: {MIN_REPORTS} or more are needed")
    if levels(reports.fields, len(reports)).min() < len(LEVELS) - 1:
        needed = ", ".join(COLUMNS[k].name for k in ("premis_cd", "weapon_used_cd", "mocodes"))
        raise DataError(f"training needs the columns {needed}")
    past, held_out = split(reports)
    names = choose(past.fields["mocodes"].tolist(), victim)
    matrix = Encoder(names).matrix(past.fields, len(past))
    directory.mkdir(parents=True, exist_ok=True)
    Evidence.fit(names, matrix, past.code).save(directory / bundles.EVIDENCE)
    fold = np.arange(len(past)) % FOLDS
    folds = [Evidence.fit(names, matrix[fold != k], past.code[fold != k]) for k in range(FOLDS)]
    rounds, gain = {}, dict.fromkeys([*names, *evidence.NAMES], 0.0)
    for level, words in LEVELS.items():
        fitted = _fit(matrix, past.label, names, folds, level, seed, partial(progress, words))
        # the file must not tell how many processors it was trained on
        text = "\n".join(li for li in fitted.model_to_string().splitlines() if not li.startswith("[num_threads:"))
        (directory / f"{level}.txt").write_text(text + "\n")
        rounds[level] = fitted.current_iteration()
        if level == "report":
            gain |= dict(zip(fitted.feature_name(), fitted.feature_importance("gain").tolist(), strict=True))
    np.save(directory / bundles.COUNTS, count(reports))
    bundles.HeldOut.of(held_out, names).save(directory / bundles.HELD_OUT)
    files = [*(f"{level}.txt" for level in LEVELS), bundles.COUNTS, bundles.EVIDENCE, bundles.HELD_OUT]
    spec = {
        "model": MODEL,
        "version": "unregistered",
        "features": names,
        "mo_features": [name for name in names if is_mo(name)],
        "victim": victim,
        "categories": CATEGORIES,
        "rounds": rounds,
        "gain": {name: round(share / (sum(gain.values()) or 1), 6) for name, share in gain.items()},
        "parameters": PARAMETERS | {"seed": seed},
        "data": {
            "fingerprint": fingerprint(reports),
            "trained_on": len(past),
            "held_out": len(held_out),
            "from": _day(reports.fields["date_occ"].min()),
            "until": _day(reports.fields["date_occ"].max()),
            "held_out_from": _day(held_out.fields["date_occ"].min()),
            "frequency": _frequency(reports),
            **tally.as_dict(),
        },
        "versions": {
            "python": platform.python_version(),
            "lightgbm": lightgbm.__version__,
            "numpy": np.__version__,
        },
        "sha256": {name: sha256((directory / name).read_bytes()).hexdigest() for name in files},
    }
    write_spec(directory, spec)
    model = Bundle(directory)
    scores = evaluate(model, held_out)
    spec["metrics"] = {name: found.short() for name, found in scores.items()}
    spec["golden"] = model.golden().tolist()
    spec["confusion"] = {name: found.confusion for name, found in scores.items()}
    spec["reference"] = drift.reference(past.fields, {name: found.confusion for name, found in scores.items()})
    spec["calibration"] = {name: found.calibration for name, found in scores.items()}
    write_spec(directory, spec)
    return Bundle(directory), held_out


def write_spec(directory: Path, spec: dict[str, Any]) -> None:
    """Replace a bundle's `spec.json` at once, so that a reader never sees half of it."""
    fresh = directory / f"{bundles.SPEC}.new"
    fresh.write_text(json.dumps(spec, indent=1, default=float) + "\n")
    fresh.replace(directory / bundles.SPEC)


def _day(days: float) -> str:
    return str(np.datetime64(int(days), "D"))


def _frequency(reports: Reports) -> dict[str, dict[str, int]]:
    """How often each code was given, for the order in which a form offers them."""
    premise, weapon = reports.fields["premis_cd"], reports.fields["weapon_used_cd"]
    found: dict[str, dict[str, int]] = {}
    for name, values in (
        ("premis", [f"{v:g}" for v in premise[premise > 0]]),
        ("weapon", [f"{v:g}" for v in weapon[weapon > 0]]),
        ("mo", [code for codes in reports.fields["mocodes"] for code in codes]),
    ):
        codes, counts = np.unique(np.array(values, str), return_counts=True)
        found[name] = dict(zip(codes.tolist(), counts.tolist(), strict=True))
    return found


def count(reports: Reports) -> np.ndarray:
    """Reports by month since 1970-01, area, category, weekday (0 Monday) and hour: (cells, 6) int32, last the count."""
    days = reports.fields["date_occ"].astype("int64")
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(int)
    keys = np.column_stack(
        [months, reports.fields["area"], reports.label, (days + 3) % 7, reports.fields["time_occ"] // 60]
    ).astype(np.int32)
    cells, counts = np.unique(keys, axis=0, return_counts=True)
    return np.column_stack([cells, counts]).astype(np.int32)


if __name__ == "__main__":  # an image's build: a bundle of the embedded sample, without MLflow
    import sys

    from crime.data import load, sample

    with sample() as path:
        read = Tally()
        train(load(path, read), read, Path(sys.argv[1]))
