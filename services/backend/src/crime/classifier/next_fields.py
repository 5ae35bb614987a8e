"""Which field would sharpen an answer most: by how much it is expected to reduce the entropy of the category.

The expected reduction is the mutual information of the category and the field, given what is known (Lindley: On a
measure of the information provided by an experiment, 1956). The field's probable values are those of held-out reports
(`report_pool`), and the model itself answers with each of them filled in.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.report_pool import ReportPool, asked_together, columns_by_field, filled_in
from crime.features.definitions import describe_feature
from crime.reports.schema import DETAIL_LEVELS, DetailLevel

VALUES = 96  # drawn for each field: the standard error of an expected entropy is 0.05 bits or so
VALUES_OF_MANY = 24  # where date, time or area are not known, so that each value stands with many of theirs


@dataclass(frozen=True)
class NextField:
    """LAPD columns that are asked for together, and the expected reduction of entropy once they are known, in bits."""

    columns: tuple[str, ...]
    gain: float


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Entropy in bits, shape (...,), of probabilities of shape (..., categories)."""
    bits: np.ndarray = -(probabilities * np.log2(np.maximum(probabilities, 1e-300))).sum(-1)
    return bits


def rank_next_fields(
    model: CategoryBundle,
    pool: ReportPool,
    rows: np.ndarray,
    known: frozenset[str],
    own: Collection[str],
    level: DetailLevel,
    codes: np.ndarray,
    open_bits: float,
) -> list[NextField]:
    """The fields that are not known, the largest expected reduction of entropy first.

    rows (n, features): the report, with n probable values of the required columns where they are not known. known: the
    columns that are known, of the `own` ones of its system. codes (crime codes,): their probabilities. open_bits:
    entropy of the answer.
    """
    values = VALUES if len(rows) == 1 else VALUES_OF_MANY
    fields = {name: columns for name, columns in columns_by_field(model).items() if name in own}
    candidates: list[tuple[tuple[str, ...], DetailLevel, np.ndarray]] = []
    for names, columns in asked_together(fields).items():
        if not known.isdisjoint(names) or (names == ("Date Rptd",) and "DATE OCC" not in known):  # it is a delay
            continue
        drawn = pool.draw(codes, values, columns)
        if not len(drawn):
            continue
        filled = filled_in(rows, columns, pool.features[drawn])
        own_level = describe_feature(model.encoder.names[columns[0]]).level
        candidates.append((names, max(level, own_level, key=list(DETAIL_LEVELS).index), filled))
    gains: dict[tuple[str, ...], float] = {}
    for answered in DETAIL_LEVELS:  # each level's model answers for all its fields at once
        of_level = [(names, filled) for names, own_level, filled in candidates if own_level == answered]
        if of_level:
            answers = model.predict_features(np.concatenate([filled for _, filled in of_level]), answered)
            by_value = answers.reshape(len(of_level), len(rows), values, -1).mean(1)
            expected = entropy(by_value).mean(1).tolist()
            gains |= {names: max(0.0, open_bits - bits) for (names, _), bits in zip(of_level, expected, strict=True)}
    return sorted((NextField(names, gain) for names, gain in gains.items()), key=lambda field: -field.gain)
