"""Out-of-fold probabilities of crime codes: a conditional logit (McFadden 1974) over each record's likeliest codes.

Each pair of a record and a candidate code gets a score by boosted trees, and so do all other codes together, the rest.
The softmax of a record's scores gives the probabilities. Among the rest, codes share its probability as naive Bayes
says. All codes share the trees, so a rare code profits from what was learnt of the others.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from crime.core.cpu import available_cpus
from crime.core.executors import Executor, LocalExecutor, ShareDone
from crime.core.progress import Progress, no_progress
from crime.reports.categories import CATEGORY_OF_CODE, CRIME_CODES, SYSTEM_OF_CODE
from crime.training.classifier.table import TreeParameters, row_blocks
from crime.training.classifier.trees import MIN_ROWS_FOR_THREADS
from crime.training.plain_lightgbm import lightgbm
from crime.training.review.evidence import CANDIDATES, LOG_FLOOR, Evidence
from crime.training.review.folds import FOLDS

ROUNDS = 80  # docs/method.md
MAX_RECORDS = 200_000  # that the trees of a fold learn from, which bounds memory and time
MIN_HESSIAN = 1e-6  # keeps the step of a certain candidate finite
CODE_COLUMNS = [4, 5]  # of `_pair_inputs`: code and category, which have no order
PAIR_PARAMETERS: TreeParameters = {  # docs/method.md
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.7,
    "lambda_l2": 3.0,
    "cat_smooth": 30.0,
    "min_data_per_group": 50,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True)
class CodeLogs:
    """Log-probabilities of codes for n records: of their candidates (n, CANDIDATES), -inf where there is none, and of
    the asked codes (n, m) of `Evidence`.
    """

    candidates: np.ndarray
    asked: np.ndarray


def code_shares(code: np.ndarray) -> np.ndarray:
    """(codes,) the share of each of `CRIME_CODES` among the records (n,) of its report system, each counted half more.

    0 for codes that no record has.
    """
    counts = np.bincount(code, minlength=len(CRIME_CODES))
    counted = np.where(counts > 0, counts + 0.5, 0)
    shares: np.ndarray = counted / (np.bincount(SYSTEM_OF_CODE, counted)[SYSTEM_OF_CODE] + 0.5)
    return shares


@dataclass(frozen=True)
class FoldedRecords:
    """What the trees of all folds learn from: n records, their codes and their folds (n,)."""

    evidence: Evidence
    code: np.ndarray
    fold: np.ndarray


def cross_fit_codes(
    evidence: Evidence,
    code: np.ndarray,
    fold: np.ndarray,
    executor: Executor | None = None,
    progress: Progress = no_progress,
) -> CodeLogs:
    """Log-probabilities by trees that did not learn from the record's fold. `code`, `fold` (n,).

    `executor` fits the trees of the folds.
    """
    scores = np.empty((len(code), CANDIDATES + 1))
    records = FoldedRecords(evidence, code, fold)
    fold_scores = (executor or LocalExecutor()).map(_score_fold, records, range(FOLDS))
    for number in range(FOLDS):
        progress("fit codes", number / FOLDS)
        scores[fold == number] = next(fold_scores)
    scores[~_is_choice(evidence)] = -np.inf
    logs = scores - logsumexp(scores, axis=1, keepdims=True)
    asked = logs[:, -1:] + np.minimum(evidence.asked_log - evidence.rest_log[:, None], 0)
    for place in range(CANDIDATES):
        is_asked = evidence.asked == evidence.candidates[:, place, None]
        asked = np.where(is_asked, logs[:, place, None], asked)
    return CodeLogs(logs[:, :-1], asked)


def _score_fold(records: FoldedRecords, number: int, share_done: ShareDone) -> np.ndarray:
    """(records of the fold, CANDIDATES + 1) scores by trees that learn from the other folds. Runs on a worker."""
    evidence, shares = records.evidence, code_shares(records.code)
    booster = _fit_fold(evidence, records.code, np.flatnonzero(records.fold != number), shares)
    unseen = np.flatnonzero(records.fold == number)
    scores = np.empty((len(unseen), CANDIDATES + 1))
    for block in row_blocks(len(unseen)):
        inputs = _pair_inputs(evidence, unseen[block], shares)
        scores[block] = np.asarray(booster.predict(inputs, raw_score=True)).reshape(-1, CANDIDATES + 1)
    return scores


def _is_choice(evidence: Evidence) -> np.ndarray:
    """(n, CANDIDATES + 1) whether there is such a candidate, and at the end, whether there is a rest."""
    return np.column_stack([evidence.candidates >= 0, np.isfinite(evidence.rest_log)])


def _fit_fold(evidence: Evidence, code: np.ndarray, rows: np.ndarray, shares: np.ndarray) -> lightgbm.Booster:
    """Trees that learn from the records `rows`."""
    rows = rows[:: -(-len(rows) // MAX_RECORDS)]
    is_own = evidence.candidates[rows] == code[rows, None]
    is_own = np.column_stack([is_own, ~is_own.any(1)])
    is_choice = _is_choice(evidence)[rows]

    def objective(scores: np.ndarray, _: lightgbm.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Gradient of the log loss, and twice the diagonal of its Hessian, which bounds the whole matrix."""
        table = np.full(is_choice.shape, -np.inf)
        table[is_choice] = scores
        share = softmax(table, axis=1)
        return (share - is_own)[is_choice], np.maximum(2 * share * (1 - share), MIN_HESSIAN)[is_choice]

    inputs, label = _pair_inputs(evidence, rows, shares)[is_choice.ravel()], is_own[is_choice].astype(np.float32)
    data = lightgbm.Dataset(inputs, label, categorical_feature=CODE_COLUMNS, params={"verbose": -1})
    threads = available_cpus() if len(inputs) >= MIN_ROWS_FOR_THREADS else 1
    return lightgbm.train({**PAIR_PARAMETERS, "objective": objective, "num_threads": threads}, data, ROUNDS)


def _pair_inputs(evidence: Evidence, rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(rows * (CANDIDATES + 1), inputs) of pairs of a record and a candidate, and of the record and the rest.

    The naive Bayes log-probability, also less that of the best other candidate and less the log of the code's share;
    that log; the code and its category, NaN for the rest; the record's fields.
    """
    code = np.column_stack([evidence.candidates[rows], np.full(len(rows), -1)])
    log = np.column_stack([evidence.candidate_log[rows], np.maximum(evidence.rest_log[rows], LOG_FLOOR)])
    share = np.where(code >= 0, shares[code], 0)
    share[:, -1] = 1 - share.sum(1)
    log_share = np.log(np.maximum(share, np.exp(LOG_FLOOR)))
    other = np.repeat(log[:, :1], log.shape[1], axis=1)
    other[:, 0] = log[:, 1]
    numbers = [np.where(code >= 0, number, np.nan) for number in (code, CATEGORY_OF_CODE[code])]
    pairs = [values.ravel() for values in (log, log - other, log_share, log - log_share, *numbers)]
    return np.column_stack([*pairs, np.repeat(evidence.fields[rows], code.shape[1], axis=0)]).astype(np.float32)
