"""Train and evaluate the category model. Pure computation: MLflow is `tracking`'s affair."""

import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
from crime.engine import Engine, Here
from crime.evidence import Counts, Evidence
from crime.features import Encoder, choose, describe, levels, mask
from crime.measures import calibration, calibration_error, log_losses
from crime.memory import give_back
from crime.registry import MODEL
from crime.schema import CATEGORIES, COLUMNS, LEVELS

HELD_OUT = 0.2
MASKED_WEIGHT = 0.5  # of a copy with fields hidden, beside 1 for the report as it is
HIDDEN_SHARE = 0.4  # of each group of fields in such a copy
FOLDS = 5  # evidence for training comes from the other folds' reports
MAX_ROUNDS, PATIENCE = 400, 20
MIN_REPORTS = 500
WORTH_THREADS = 50_000  # rows
BLOCK = 30_000  # rows of a dense matrix at a time; a multiple of FOLDS
MOST = 1_000_000  # reports that trees learn from, the newest; the evidence learns from all
PARAMETERS: dict[str, Any] = {
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
    border = int((1 - HELD_OUT) * len(reports))
    reports = reports.take(slice(None))  # the caller's stay in their order
    reports.sort()
    return reports.take(slice(0, border)), reports.take(slice(border, None))


def fingerprint(reports: Reports) -> str:
    """SHA-256 of the fields and labels of reports in time's order, whatever file or dialect they came in."""
    digest = sha256()
    for name in sorted(reports.fields):
        column = reports.fields[name]
        for block in _blocks(len(reports)):
            digest.update(repr(column[block].tolist()).encode() if column.dtype == object else column[block].tobytes())
    digest.update(reports.label.tobytes())
    return digest.hexdigest()


def _blocks(rows: int) -> Iterator[slice]:
    for first in range(0, rows, BLOCK):
        yield slice(first, min(first + BLOCK, rows))


@dataclass(frozen=True)
class Table:
    """What trees learn from: the features of reports in time's order, sparse since few MO codes are given at once.

    `matrix` (rows, features) is a scipy CSR matrix; `folds` is the evidence of all reports but every fifth one each,
    and the evidence of row i comes from `folds[i % FOLDS]`, which did not learn from it.
    """

    names: list[str]
    matrix: Any
    label: np.ndarray
    folds: list[Evidence]
    parameters: dict[str, Any]

    def with_parameters(self, parameters: dict[str, Any]) -> "Table":
        """The same rows for trees with other parameters."""
        return replace(self, parameters=self.parameters | parameters)

    def inputs(self, level: str, hidden: bool) -> Any:
        """(rows, inputs) of a level's model, CSR; if `hidden` each group of fields is hidden in 40 % of the rows."""
        from scipy import sparse

        columns = inputs_of(self.names, level)
        above = sorted(set(range(len(self.names))) - set(columns))
        rng, groups = np.random.default_rng(self.parameters["seed"]), []
        for group in sorted({describe(name).hidden_with or "" for name in self.names} - {""}) if hidden else ():
            members = [at for at, name in enumerate(self.names) if describe(name).hidden_with == group]
            groups.append((members, rng.random(len(self.label)) < HIDDEN_SHARE))
        parts = []
        for block in _blocks(len(self.label)):
            rows = self.matrix[block].toarray()
            rows[:, above] = np.nan
            for members, hide in groups:
                rows[np.ix_(hide[block], np.array(members))] = np.nan
            found = np.empty((len(rows), len(evidence.NAMES)), np.float32)
            for at, fold in enumerate(self.folds):
                found[at :: len(self.folds)] = fold.of(rows[at :: len(self.folds)])
            parts.append(sparse.csr_matrix(np.hstack([rows, found])[:, columns]))
        return sparse.vstack(parts, format="csr")


def fit(table: Table, level: str, progress: Callable[[float], None] = lambda share: None) -> str:
    """One level's model, as LightGBM writes it; the rounds are chosen on the last fifth of the rows.

    The rows are trained on as they are and, weighing half, with fields hidden.
    """
    trees, rounds, _ = _rounds(table, level, lambda share: progress(share / 2))
    fitted = lightgbm.train(
        _parameters(table),
        trees(slice(None)),
        rounds,
        callbacks=[lambda env: progress(0.5 + 0.5 * env.iteration / rounds)],
    )
    # the file must not tell how many processors it was trained on
    return "\n".join(line for line in fitted.model_to_string().splitlines() if not line.startswith("[num_threads:"))


def loss(table: Table, level: str) -> float:
    """Log loss of one level's model on the last fifth of the rows, trained on those before."""
    return _rounds(table, level, lambda share: None)[2]


def _parameters(table: Table) -> dict[str, Any]:
    # OpenMP's threads spin while they wait for each other: on few rows and a busy machine that costs tenfold
    return table.parameters | {"num_threads": threads() if len(table.label) >= WORTH_THREADS else 1}


def _rounds(
    table: Table, level: str, progress: Callable[[float], None]
) -> tuple[Callable[[slice], lightgbm.Dataset], int, float]:
    """What makes a level's dataset of some rows, how many rounds do best on the last fifth, and their log loss."""
    from scipy import sparse

    whole, hidden = table.inputs(level, False), table.inputs(level, True)
    seen = [[*table.names, *evidence.NAMES][at] for at in inputs_of(table.names, level)]

    def dataset(rows: slice) -> lightgbm.Dataset:
        x, y = sparse.vstack([whole[rows], hidden[rows]], format="csr"), np.tile(table.label[rows], 2)
        weight = np.repeat([1.0, MASKED_WEIGHT], len(y) // 2)
        return lightgbm.Dataset(x, y, weight=weight, feature_name=seen, params={"verbose": -1})

    border = int((1 - HELD_OUT) * len(table.label))
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


def tabulate(past: Reports, names: list[str], parameters: dict[str, Any]) -> tuple[Table, Evidence]:
    """The table of the newest reports (at most `MOST`), and the evidence of all; `past` is in time's order."""
    from scipy import sparse

    encoder = Encoder(names)
    total, parts, newest = Counts(names), [Counts(names) for _ in range(FOLDS)], []
    for block in _blocks(len(past)):
        rows = past.take(block)
        matrix = encoder.matrix(rows.fields, len(rows))
        total.add(matrix, rows.code)
        for at, part in enumerate(parts):  # a block begins with a row of the first fold
            part.add(matrix[at::FOLDS], rows.code[at::FOLDS])
        if block.stop > len(past) - MOST:
            newest.append(sparse.csr_matrix(matrix))
    matrix = sparse.vstack(newest, format="csr")
    folds = [Evidence.fit(total.without(part)) for part in parts]
    return Table(names, matrix, past.label[-matrix.shape[0] :], folds, parameters), Evidence.fit(total)


def train(
    reports: Reports,
    tally: Tally,
    directory: Path,
    *,
    seed: int = 0,
    victim: bool = False,
    parameters: dict[str, Any] | None = None,
    engine: Engine | None = None,
    progress: Progress = lambda what, share: None,
) -> tuple[Bundle, Reports]:
    """Train on the first 80 % by time, evaluate on the rest, write a bundle to `directory`. Sorts the reports.

    `parameters` of LightGBM replace those of `PARAMETERS`; the levels' models are trained by `engine`.
    Returns the bundle and the held-out reports. Raises `DataError` where the reports can't carry a model.
    """
    if len(reports) < MIN_REPORTS:
        raise DataError(f"{len(reports)} good reports are too few to train on: {MIN_REPORTS} or more are needed")
    if levels(reports.fields, len(reports)).min() < len(LEVELS) - 1:
        needed = ", ".join(COLUMNS[k].name for k in ("premis_cd", "weapon_used_cd", "mocodes"))
        raise DataError(f"training needs the columns {needed}")
    reports.sort()  # not a second time in memory
    past, held_out = split(reports)
    names = choose(past.fields["mocodes"].tolist(), victim)
    table, known = tabulate(past, names, PARAMETERS | (parameters or {}) | {"seed": seed})
    directory.mkdir(parents=True, exist_ok=True)
    known.save(directory / bundles.EVIDENCE)
    np.save(directory / bundles.COUNTS, count(reports))
    bundles.HeldOut.of(held_out, names).save(directory / bundles.HELD_OUT)
    data, values = _facts(reports, held_out), drift.counts(past.fields)
    held_out = held_out.take(np.arange(len(held_out)))
    del reports, past  # trees need their room
    give_back()
    rounds, gain = {}, dict.fromkeys([*names, *evidence.NAMES], 0.0)
    fitting = (engine or Here()).each(fit, table, LEVELS, lambda level, share: progress(LEVELS[level], share))
    for level, text in zip(LEVELS, fitting, strict=True):
        (directory / f"{level}.txt").write_text(text + "\n")
        fitted = lightgbm.Booster(model_str=text)
        rounds[level] = fitted.current_iteration()
        if level == "report":
            gain |= dict(zip(fitted.feature_name(), fitted.feature_importance("gain").tolist(), strict=True))
    files = [*(f"{level}.txt" for level in LEVELS), bundles.COUNTS, bundles.EVIDENCE, bundles.HELD_OUT]
    spec = {
        "model": MODEL,
        "version": "unregistered",
        "features": names,
        "victim": victim,
        "categories": CATEGORIES,
        "rounds": rounds,
        "gain": {name: round(share / (sum(gain.values()) or 1), 6) for name, share in gain.items()},
        "parameters": table.parameters,
        "data": data | tally.as_dict(),
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
    spec["reference"] = drift.reference(values, {name: found.confusion for name, found in scores.items()})
    spec["calibration"] = {name: found.calibration for name, found in scores.items()}
    write_spec(directory, spec)
    return Bundle(directory), held_out


def write_spec(directory: Path, spec: dict[str, Any]) -> None:
    """Replace a bundle's `spec.json` at once, so that a reader never sees half of it."""
    fresh = directory / f"{bundles.SPEC}.new"
    fresh.write_text(json.dumps(spec, indent=1, default=float) + "\n")
    fresh.replace(directory / bundles.SPEC)


def _facts(reports: Reports, held_out: Reports) -> dict[str, Any]:
    """What a bundle tells of the reports it was made of."""
    return {
        "fingerprint": fingerprint(reports),
        "trained_on": len(reports) - len(held_out),
        "held_out": len(held_out),
        "from": _day(reports.fields["date_occ"].min()),
        "until": _day(reports.fields["date_occ"].max()),
        "held_out_from": _day(held_out.fields["date_occ"].min()),
        "frequency": _frequency(reports),
    }


def _day(days: float) -> str:
    return str(np.datetime64(int(days), "D"))


def _frequency(reports: Reports) -> dict[str, dict[str, int]]:
    """How often each code was given, for the order in which a form offers them."""
    premise, weapon = reports.fields["premis_cd"], reports.fields["weapon_used_cd"]
    found = {
        "premis": Counter(f"{v:g}" for v in premise[premise > 0]),
        "weapon": Counter(f"{v:g}" for v in weapon[weapon > 0]),
        "mo": Counter(code for codes in reports.fields["mocodes"] for code in codes),
    }
    return {name: dict(sorted(counts.items())) for name, counts in found.items()}


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
