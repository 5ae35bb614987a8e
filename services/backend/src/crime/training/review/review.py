"""Rank records by how much their fields speak against the recorded crime code."""

from dataclasses import dataclass

import numpy as np

from crime.classifier.review.doubt import doubt_of
from crime.classifier.review.kinds import kind_of
from crime.classifier.review.planting import NO_CODE, Depth, expect_wrong, plant_codes
from crime.core.errors import DataError
from crime.core.executors import Executor
from crime.core.progress import Progress, no_progress
from crime.reports.categories import CRIME_CODES
from crime.reports.table import Reports
from crime.training.classifier.table import fit_encoder
from crime.training.classifier.train import MIN_REPORTS
from crime.training.review.code_model import CodeLogs, code_shares, cross_fit_codes
from crime.training.review.evidence import Evidence, fit_code_tables, weigh_codes
from crime.training.review.folds import assign_folds
from crime.training.review.reasons import explain_doubts


@dataclass(frozen=True)
class Review:
    """What a review says of n records. Codes are indices into `CRIME_CODES`.

    rank (n,): 1 for the most doubtful.
    doubt (n,): log of the Bayes factor of the fields against the recorded code.
    own_probability (n,): of the recorded code.
    code, probability (n, 2): the two likeliest codes; -1 and 0 if there is no second one.
    kind (n,): index into `KINDS`, by the likeliest code but the recorded one.
    reasons (n,): text; None where the recorded code is the likeliest.
    depths: how many of the first are expected to be wrong; none if no record can be given a wrong code.
    """

    rank: np.ndarray
    doubt: np.ndarray
    own_probability: np.ndarray
    code: np.ndarray
    probability: np.ndarray
    kind: np.ndarray
    reasons: np.ndarray
    depths: list[Depth]


def review_records(reports: Reports, progress: Progress = no_progress, executor: Executor | None = None) -> Review:
    """Review the codes of accepted reports with known codes; `executor` fits the trees.

    Raises `DataError` if they are too few to learn from.
    """
    if len(reports) < MIN_REPORTS:
        raise DataError(f"{len(reports)} records with a known code are too few to review: {MIN_REPORTS} are needed")
    fold, encoder, code = assign_folds(reports), fit_encoder(reports.fields), reports.code
    planted = plant_codes(code, np.bincount(code, minlength=len(CRIME_CODES)))
    asked = np.column_stack([code, np.where(planted == NO_CODE, code[:, None], planted)])
    tables = fit_code_tables(reports, fold, encoder, progress)
    evidence = weigh_codes(tables, reports, fold, encoder, asked, progress)
    logs = cross_fit_codes(evidence, code, fold, executor, progress)
    doubt = doubt_of(logs.asked, code_shares(code)[asked])
    likeliest, probability = _likeliest(evidence, logs)
    other = np.where(likeliest[:, 0] == code, likeliest[:, 1], likeliest[:, 0])
    other = np.where(other < 0, code, other)
    progress("find reasons", 0)
    return Review(
        rank=_rank(doubt[:, 0]),
        doubt=doubt[:, 0],
        own_probability=np.exp(logs.asked[:, 0]),
        code=likeliest,
        probability=probability,
        kind=kind_of(code, other),
        reasons=explain_doubts(tables, reports, fold, encoder, likeliest[:, 0]),
        depths=expect_wrong(doubt[:, 0], np.where(planted == NO_CODE, np.nan, doubt[:, 1:])),
    )


def _rank(doubt: np.ndarray) -> np.ndarray:
    """(n,) 1 for the largest doubt; of equal ones the first row comes first."""
    rank = np.empty(len(doubt), int)
    rank[np.argsort(-doubt, kind="stable")] = np.arange(1, len(doubt) + 1)
    return rank


def _likeliest(evidence: Evidence, logs: CodeLogs) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) the two likeliest codes of the candidates and the recorded code, and their probabilities."""
    own = evidence.asked[:, :1]
    own_log = np.where((evidence.candidates == own).any(1, keepdims=True), -np.inf, logs.asked[:, :1])
    codes, code_logs = np.hstack([evidence.candidates, own]), np.hstack([logs.candidates, own_log])
    best = np.argsort(-code_logs, axis=1, kind="stable")[:, :2]
    best_logs = np.take_along_axis(code_logs, best, axis=1)
    return np.where(np.isfinite(best_logs), np.take_along_axis(codes, best, axis=1), -1), np.exp(best_logs)
