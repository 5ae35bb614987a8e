"""Out-of-fold probabilities of crime codes: a conditional logit (McFadden 1974) over each record's likeliest codes.

Each pair of a record and a candidate code gets a score by boosted trees, and the softmax of a record's scores is the
probability of its candidates. All codes share the trees, so a rare code profits from what was learnt of the others. A
code that is asked for and is no candidate joins them.
"""

from dataclasses import dataclass

import lightgbm
import numpy as np
from scipy.special import logsumexp, softmax

from crime.core.cpu import available_cpus
from crime.core.progress import Progress, no_progress
from crime.reports.categories import CATEGORY_OF_CODE, CRIME_CODES, SYSTEM_OF_CODE
from crime.training.classifier.table import TreeParameters, row_blocks
from crime.training.classifier.trees import MIN_ROWS_FOR_THREADS
from crime.training.review.evidence import Evidence
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
    """Log-probabilities of codes for n records, shaped as in `Evidence`.

    candidates (n, CANDIDATES): of its candidates and the first asked code together; -inf where there is none.
    asked (n, m): each asked code's among the candidates and itself.
    """

    candidates: np.ndarray
    asked: np.ndarray


def code_shares(code: np.ndarray) -> np.ndarray:
    """(codes,) the share of each of `CRIME_CODES` among the records (n,) of its report system, each counted half more.

    NaN for codes that no record has.
    """
    counts = np.bincount(code, minlength=len(CRIME_CODES))
    counted = np.where(counts > 0, counts + 0.5, np.nan)
    total = np.bincount(SYSTEM_OF_CODE, np.nan_to_num(counted))
    shares: np.ndarray = counted / (total[SYSTEM_OF_CODE] + 0.5)
    return shares


def cross_fit_codes(
    evidence: Evidence, code: np.ndarray, fold: np.ndarray, progress: Progress = no_progress
) -> CodeLogs:
    """Log-probabilities by trees that did not learn from the record's fold. `code`, `fold` (n,)."""
    log_shares = np.log(code_shares(code))
    scores = np.full(evidence.candidates.shape, -np.inf)
    asked = np.empty(evidence.asked.shape)
    for number in range(FOLDS):
        progress("fit codes", number / FOLDS)
        booster = _fit_fold(evidence, code, np.flatnonzero(fold != number), log_shares)
        unseen = np.flatnonzero(fold == number)
        for block in row_blocks(len(unseen)):
            rows = unseen[block]
            scores[rows] = _scores(booster, evidence, rows, evidence.candidates, evidence.candidate_log, log_shares)
            asked[rows] = _scores(booster, evidence, rows, evidence.asked, evidence.asked_log, log_shares)
    total = logsumexp(scores, axis=1, keepdims=True)
    is_candidate = (evidence.asked[:, :, None] == evidence.candidates[:, None, :]).any(2)
    totals = np.where(is_candidate, total, np.logaddexp(total, asked))
    return CodeLogs(scores - totals[:, :1], asked - totals)


def _fit_fold(evidence: Evidence, code: np.ndarray, rows: np.ndarray, log_shares: np.ndarray) -> lightgbm.Booster:
    """Trees that learn from those of the records `rows` whose code is among their candidates."""
    rows = rows[(evidence.candidates[rows] == code[rows, None]).any(1)]
    rows = rows[:: -(-len(rows) // MAX_RECORDS)] if len(rows) else rows
    is_pair = evidence.candidates[rows] >= 0
    is_own = evidence.candidates[rows] == code[rows, None]

    def objective(scores: np.ndarray, _: lightgbm.Dataset) -> tuple[np.ndarray, np.ndarray]:
        """Gradient of the log loss, and twice the diagonal of its Hessian, which bounds the whole matrix."""
        table = np.full(is_pair.shape, -np.inf)
        table[is_pair] = scores
        share = softmax(table, axis=1)
        return (share - is_own)[is_pair], np.maximum(2 * share * (1 - share), MIN_HESSIAN)[is_pair]

    inputs = _pair_inputs(evidence, rows, evidence.candidates, evidence.candidate_log, log_shares)[is_pair.ravel()]
    label = is_own[is_pair].astype(np.float32)
    data = lightgbm.Dataset(inputs, label, categorical_feature=CODE_COLUMNS, params={"verbose": -1})
    threads = available_cpus() if len(inputs) >= MIN_ROWS_FOR_THREADS else 1
    return lightgbm.train({**PAIR_PARAMETERS, "objective": objective, "num_threads": threads}, data, ROUNDS)


def _scores(
    booster: lightgbm.Booster,
    evidence: Evidence,
    rows: np.ndarray,
    codes: np.ndarray,
    logs: np.ndarray,
    log_shares: np.ndarray,
) -> np.ndarray:
    """(rows, k) scores of `codes` (n, k), whose log-probabilities by naive Bayes are `logs`; -inf for code -1."""
    scores = np.asarray(booster.predict(_pair_inputs(evidence, rows, codes, logs, log_shares), raw_score=True))
    return np.where(codes[rows] >= 0, scores.reshape(len(rows), -1), -np.inf)


def _pair_inputs(
    evidence: Evidence, rows: np.ndarray, codes: np.ndarray, logs: np.ndarray, log_shares: np.ndarray
) -> np.ndarray:
    """(rows * k, inputs) of pairs of a record and a code, a record's k pairs in a row.

    The naive Bayes log-probability, also less that of the best other code and less that of the code's share; the
    code's share; the code and its category; the record's fields.
    """
    code, log = codes[rows].ravel(), logs[rows].ravel()
    count = codes.shape[1]
    best, second = np.repeat(evidence.candidate_log[rows, :2], count, axis=0).T
    other = np.where(code == np.repeat(evidence.candidates[rows, 0], count), second, best)
    share = log_shares[code]
    pairs = [log, log - other, share, log - share, code, CATEGORY_OF_CODE[code]]
    return np.column_stack([*pairs, np.repeat(evidence.fields[rows], count, axis=0)]).astype(np.float32)
