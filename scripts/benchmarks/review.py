"""The review of crime codes beside other rankings, on records of which 4 % get a wrong code.

Real records of the embedded sample, and a simulated city's by NIBRS. Errors are planted here and not by the product's
code: 35 % make a serious offence minor and 15 % the reverse, within the category; 25 % are another code of the category
and 25 % one of another category. Beside the review are LightGBM's multiclass model over the same folds, ranked by
margin (the probability of the best other code less that of the recorded one), and naive Bayes alone, ranked by the
Bayes factor as the review is. `POST /review` is measured on the last fifth by time, beside the review of the same
records. cleanlab's ranking of LightGBM's probabilities is measured where it can be imported. It
is under the AGPL, so it is no dependency.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from unittest.mock import patch

import lightgbm
import numpy as np
from crime.classifier.bundle import CategoryBundle
from crime.classifier.review.doubt import doubt_of
from crime.classifier.review.served import RunningReview
from crime.core.cpu import available_cpus
from crime.metrics.classification import calibration_bins, calibration_error
from crime.pipelines.review import read_records
from crime.reports.categories import CATEGORY_OF_CODE, CRIME_CODES, SERIOUS_CODES
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city
from crime.training.classifier.table import fit_encoder
from crime.training.classifier.train import train_category_model
from crime.training.review.code_model import code_shares
from crime.training.review.evidence import fit_code_tables, weigh_codes
from crime.training.review.folds import FOLDS, assign_folds
from crime.training.review.review import review_records
from rich.console import Console
from rich.table import Table

ERROR_SHARE = 0.04
KIND_SHARES = (0.35, 0.15, 0.25, 0.25)  # serious made minor, minor made serious, code of the category, other category
NIBRS_ROWS = 10_000
LIGHTGBM_ROUNDS = 50
LIGHTGBM = {  # small steps: with 130 codes, some of a single record, larger ones diverge
    "objective": "multiclass",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "lambda_l2": 5.0,
    "verbose": -1,
}


@dataclass(frozen=True)
class Ranking:
    """doubt (n,): the first has the largest. confidence, right (n,): of the likeliest code, and if it is recorded."""

    doubt: np.ndarray
    confidence: np.ndarray
    right: np.ndarray

    def take(self, rows: np.ndarray) -> "Ranking":
        return Ranking(self.doubt[rows], self.confidence[rows], self.right[rows])

    def scores(self, wrong: np.ndarray) -> dict[str, float]:
        hits = wrong[np.argsort(-self.doubt, kind="stable")]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        bins = calibration_bins(np.column_stack([self.confidence, 0 * self.confidence]), (~self.right).astype(int))
        return {
            "precision_at_1_percent": float(precision[len(hits) // 100 - 1]),
            "average_precision": float(precision[hits].mean()),
            "ece": calibration_error(bins),
        }


def plant_errors(code: np.ndarray, seed: int) -> np.ndarray:
    """The codes (n,) after 4 % of them were changed; a wrong code is drawn by frequency among those of its kind."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(code, minlength=len(CRIME_CODES)).astype(float)
    planted = code.copy()
    for row in rng.choice(len(code), int(ERROR_SHARE * len(code)), replace=False).tolist():
        right = code[row]
        same_category = CATEGORY_OF_CODE[right] == CATEGORY_OF_CODE
        kinds = [
            same_category & ~SERIOUS_CODES & SERIOUS_CODES[right],
            same_category & SERIOUS_CODES & ~SERIOUS_CODES[right],
            same_category,
            ~same_category,
        ]
        weights = [counts * kind * (np.arange(len(counts)) != right) for kind in kinds]
        kind = rng.choice(len(kinds), p=KIND_SHARES)
        weight = next(weight for weight in (weights[kind], weights[2], weights[3]) if weight.any())
        planted[row] = rng.choice(len(weight), p=weight / weight.sum())
    return planted


def rank_by_naive_bayes(records: Reports) -> Ranking:
    fold, encoder, code = assign_folds(records), fit_encoder(records.fields), records.code
    tables = fit_code_tables(records, fold, encoder)
    evidence = weigh_codes(tables, records, fold, encoder, code[:, None])
    doubt = doubt_of(evidence.asked_log[:, 0], code_shares(code)[code])
    return Ranking(doubt, np.exp(evidence.candidate_log[:, 0]), evidence.candidates[:, 0] == code)


def lightgbm_probabilities(records: Reports) -> tuple[np.ndarray, np.ndarray]:
    """(n, codes) out-of-fold probabilities, and the index (n,) of each recorded code among their columns."""
    encoder = fit_encoder(records.fields)
    matrix, fold = encoder.matrix(records.fields, len(records)), assign_folds(records)
    codes, own = np.unique(records.code, return_inverse=True)
    probabilities = np.empty((len(records), len(codes)))
    parameters = {**LIGHTGBM, "num_class": len(codes), "num_threads": available_cpus()}
    for number in range(FOLDS):
        others = fold != number
        booster = lightgbm.train(parameters, lightgbm.Dataset(matrix[others], own[others]), LIGHTGBM_ROUNDS)
        probabilities[~others] = np.asarray(booster.predict(matrix[~others]))
    return probabilities, own


def rank_by_margin(probabilities: np.ndarray, own: np.ndarray) -> Ranking:
    rows = np.arange(len(own))
    others = probabilities.copy()
    others[rows, own] = -1
    margin = others.max(1) - probabilities[rows, own]
    return Ranking(margin, probabilities.max(1), probabilities.argmax(1) == own)


def rank_by_cleanlab(probabilities: np.ndarray, own: np.ndarray) -> Ranking:
    from cleanlab.rank import get_label_quality_scores

    quality = get_label_quality_scores(own, probabilities, adjust_pred_probs=True)
    return replace(rank_by_margin(probabilities, own), doubt=-quality)


def compare_served(records: Reports, code: np.ndarray, cross_fitted: Ranking) -> dict[str, dict[str, float]]:
    """Scores of `POST /review` by a model of the first four fifths by time on the rest, and of `crime review` there.

    `code` (n,): the recorded codes, some of them wrong, from which the model learns too.
    """
    changed = replace(records, code=code, label=CATEGORY_OF_CODE[code])
    row = np.arange(len(records))
    with TemporaryDirectory() as folder:
        train_category_model(replace(changed, fields=dict(changed.fields)), Tally(), Path(folder))
        model = CategoryBundle(Path(folder)).judged()
        last = np.flatnonzero(records.minute > model.judged_until)
        running = RunningReview(model, len(last))
        running.add(changed.take(last), row[last])
        reviewed = running.result().records
    rows = np.array([record.row for record in reviewed])
    wrong, own = code[rows] != records.code[rows], np.array([record.likelier[0][0] for record in reviewed])
    confidence, right = np.array([record.likelier[0][1] for record in reviewed]), own == code[rows]
    served = Ranking(np.array([record.doubt for record in reviewed]), confidence, right)
    return {
        "POST /review, last fifth": served.scores(wrong),
        "crime review, last fifth": cross_fitted.take(rows).scores(wrong),
    }


def compare(records: Reports, seed: int) -> dict[str, dict[str, float]]:
    """Scores by ranking of the records with errors planted by this seed."""
    code = plant_errors(records.code, seed)
    wrong, changed = code != records.code, replace(records, code=code)
    start = perf_counter()
    review = review_records(changed)
    ours = Ranking(review.doubt, review.probability[:, 0], review.code[:, 0] == code)
    results = {"crime review": ours.scores(wrong) | {"seconds": perf_counter() - start}}
    for depth in review.depths:
        planted = int(wrong[review.rank <= depth.records].sum())
        low, high = depth.wrong_if_1_percent[0], depth.wrong_at_most[1]
        results[f"first {depth.records}"] = {"planted": planted, "low": low, "high": high}
    results |= compare_served(records, code, ours)
    results["naive Bayes, Bayes factor"] = rank_by_naive_bayes(changed).scores(wrong)
    start = perf_counter()
    probabilities, own = lightgbm_probabilities(changed)
    results["LightGBM, margin"] = rank_by_margin(probabilities, own).scores(wrong) | {"seconds": perf_counter() - start}
    try:
        results["LightGBM, cleanlab"] = rank_by_cleanlab(probabilities, own).scores(wrong)
    except ImportError:
        print("cleanlab is not installed here: left out")
    return results


def sample_records() -> Reports:
    with sample_table() as path:
        return read_records(path, Tally())[0]


def nibrs_records() -> Reports:
    """Records of a city whose codes are all right: those that it writes at random would count as false alarms."""
    with TemporaryDirectory() as folder, patch("crime.simulation.nibrs_details.MISCODED", 0.0):
        path = Path(folder) / "nibrs.csv"
        write_city(SimulatedCity(CitySettings(1, NIBRS_ROWS, system="nibrs")), path)
        return read_records(path, Tally())[0]


TABLES: dict[str, Callable[[], Reports]] = {"embedded sample": sample_records, "simulated NIBRS city": nibrs_records}


def main(seeds: int) -> None:
    results: dict[str, list[dict[str, dict[str, float]]]] = {}
    for title, read in TABLES.items():
        records = read()
        results[title] = [compare(records, seed) for seed in range(1, seeds + 1)]
        Path("benchmark-review.json").write_text(json.dumps(results, indent=1) + "\n")
        scores = Table("ranking", "precision at 1 %", "average precision", "ECE", title=f"{title}: {len(records):,}")
        depths = Table("records", "planted errors among them", "told range")
        for name, first in results[title][0].items():
            runs = [run[name] for run in results[title]]
            if "planted" in first:
                told = (f"{run['low']:,.0f} to {run['high']:,.0f}" for run in runs)
                depths.add_row(name, ", ".join(f"{run['planted']:,}" for run in runs), ", ".join(told))
                continue
            cells = (", ".join(f"{run[score]:.3f}" for run in runs) for score in list(first)[:3])
            scores.add_row(name, *cells)
        Console().print(scores, depths)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
