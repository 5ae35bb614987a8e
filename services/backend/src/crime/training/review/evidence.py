"""What the fields of each record say for each crime code, by naive Bayes that did not learn from the record."""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from crime.classifier.naive_bayes import TEMPER, NaiveBayes
from crime.core.progress import Progress, no_progress
from crime.features.encoder import FeatureEncoder
from crime.reports.categories import CRIME_CODES, SYSTEM_OF_CODE
from crime.reports.table import Reports
from crime.training.classifier.naive_bayes import CodeCounts, fit_naive_bayes, order_codes
from crime.training.classifier.table import kinds_by_feature, row_blocks
from crime.training.review.folds import FOLDS

CANDIDATES = 10  # codes of each record that are weighed against each other: two at least
LOG_FLOOR = -30.0  # of a log-probability as an input of trees


@dataclass(frozen=True)
class CodeTables:
    """Naive Bayes tables of each fold's complement. `codes` (codes,): indices into `CRIME_CODES`, in their order."""

    codes: np.ndarray
    folds: list[NaiveBayes]

    @property
    def position(self) -> np.ndarray:
        """Position among `codes` of each of `CRIME_CODES`; -1 for others."""
        position = np.full(len(CRIME_CODES), -1)
        position[self.codes] = np.arange(len(self.codes))
        return position


@dataclass(frozen=True)
class Evidence:
    """Log-probabilities of codes for n records. Codes are indices into `CRIME_CODES`.

    fields (n, fixed features): the record's features but for MO codes, NaN for unknown.
    candidates (n, CANDIDATES): the likeliest codes of the record's report system, the likeliest first; -1 where the
        system has fewer. candidate_log (n, CANDIDATES): their log-probabilities, none below `LOG_FLOOR`.
    rest_log (n,): log-probability of all other codes of the system together; -inf where there are none.
    asked (n, m): further codes of the record's system. asked_log (n, m): their log-probabilities.
    """

    fields: np.ndarray
    candidates: np.ndarray
    candidate_log: np.ndarray
    rest_log: np.ndarray
    asked: np.ndarray
    asked_log: np.ndarray


def fit_code_tables(
    reports: Reports, fold: np.ndarray, encoder: FeatureEncoder, progress: Progress = no_progress
) -> CodeTables:
    """Tables for every code of the reports; `fold` (n,): each fold's tables learn from the other folds."""
    names = encoder.names
    total, parts = CodeCounts(names), [CodeCounts(names) for _ in range(FOLDS)]
    for block in row_blocks(len(reports)):
        part = reports.take(block)
        matrix = encoder.matrix(part.fields, len(part))
        total.add(matrix, part.code)
        for number, counts in enumerate(parts):
            rows = fold[block] == number
            counts.add(matrix[rows], part.code[rows])
        progress("count codes", block.stop / len(reports))
    codes, kinds = order_codes(reports.code), kinds_by_feature(encoder)
    return CodeTables(codes, [fit_naive_bayes(total.without(part), kinds, codes) for part in parts])


def weigh_codes(
    tables: CodeTables,
    reports: Reports,
    fold: np.ndarray,
    encoder: FeatureEncoder,
    asked: np.ndarray,
    progress: Progress = no_progress,
) -> Evidence:
    """The evidence for each record's likeliest codes and for those that are `asked` (n, m), a block at a time."""
    rows, columns = asked.shape
    evidence = Evidence(
        np.empty((rows, len(encoder.fixed)), np.float32),
        np.full((rows, CANDIDATES), -1),
        np.full((rows, CANDIDATES), LOG_FLOOR),
        np.full(rows, -np.inf),
        asked,
        np.empty((rows, columns)),
    )
    position, system_of_position = tables.position, SYSTEM_OF_CODE[tables.codes]
    count = min(CANDIDATES, len(tables.codes))
    for block in row_blocks(rows):
        part = reports.take(block)
        matrix = encoder.matrix(part.fields, len(part))
        evidence.fields[block] = matrix[:, : len(encoder.fixed)]
        for number, table in enumerate(tables.folds):
            chosen = np.flatnonzero(fold[block] == number)
            log = TEMPER * table.log_likelihoods(matrix[chosen])
            log[part.fields["system"][chosen, None] != system_of_position] = -np.inf
            log -= logsumexp(log, axis=1, keepdims=True)
            order = np.argsort(-log, axis=1, kind="stable")
            best, best_log = order[:, :count], np.take_along_axis(log, order[:, :count], axis=1)
            target = block.start + chosen
            evidence.candidates[target, :count] = np.where(np.isfinite(best_log), tables.codes[best], -1)
            evidence.candidate_log[target, :count] = np.maximum(best_log, LOG_FLOOR)
            rest = np.take_along_axis(log, order[:, count:], axis=1)
            evidence.rest_log[target] = logsumexp(rest, axis=1) if rest.shape[1] else -np.inf
            evidence.asked_log[target] = np.take_along_axis(log, position[asked[target]], axis=1)
        progress("weigh codes", block.stop / rows)
    return evidence
