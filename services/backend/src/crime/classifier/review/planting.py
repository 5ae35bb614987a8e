"""How many of the most doubtful records are wrong, from errors that are planted (error seeding, Mills 1972).

Each record is given a wrong code of each kind. The probabilities of a record's codes come from the other folds, so its
own code does not change them, and its doubt under the wrong code needs no new fit. What can't be known from the table
is how many codes are wrong. So the number among the first N is told for a share of wrong codes, and at most.
"""

from dataclasses import dataclass

import numpy as np

from crime.classifier.review.kinds import KINDS, Kind, kind_of
from crime.reports.categories import CRIME_CODES, SYSTEM_OF_CODE

NO_CODE = -1
ASSUMED_SHARE = 0.01  # of all codes, that the lower figure takes to be wrong
MIN_DEPTH = 20  # records from which on the ranking bounds how many are wrong; fewer bound it by chance
MIN_STEP = 1.2  # from one depth to the next, which would tell the same
Z = 1.959964  # of the normal distribution at 97.5 %: of the bound at each depth

Range = tuple[float, float]  # the lowest and the highest over the kinds of errors


@dataclass(frozen=True)
class Depth:
    """What to expect of the first `records` of the ranking.

    `found`: by kind, the share of planted errors that are among them. `wrong_if_1_percent`: how many of them are wrong
    if 1 % of all codes are. `wrong_at_most`: how many of them can be wrong at most, given the ranking. Both assume
    that wrong codes are like the planted ones.
    """

    records: int
    found: dict[Kind, float]
    wrong_if_1_percent: Range
    wrong_at_most: Range


def plant_codes(code: np.ndarray, frequency: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n, kinds) a wrong code for each record (n,) and kind of error, or `NO_CODE` where there is none.

    The code is drawn by its `frequency` (codes,) among the codes of the same system.
    """
    rng = np.random.default_rng(seed)
    planted = np.full((len(code), len(KINDS)), NO_CODE)
    for right in np.unique(code).tolist():
        rows = np.flatnonzero(code == right)
        kinds = kind_of(np.arange(len(CRIME_CODES)), np.array(right))
        same_system = SYSTEM_OF_CODE[right] == SYSTEM_OF_CODE
        for kind in range(len(KINDS)):
            weight = frequency * ((kinds == kind) & same_system)
            weight[right] = 0
            if weight.any():
                planted[rows, kind] = rng.choice(len(weight), len(rows), p=weight / weight.sum())
    return planted


def expect_wrong(doubt: np.ndarray, planted_doubt: np.ndarray) -> list[Depth]:
    """What to expect of the first 10, 100, 1 % and 5 % of the records.

    `doubt` (n,) of the records as they are, `planted_doubt` (n, kinds) with a planted code, NaN where there is none.
    """
    records, threshold = len(doubt), np.sort(doubt)[::-1]
    by_kind = {
        kind: _found(threshold, values[~np.isnan(values)])
        for kind, values in zip(KINDS, planted_doubt.T, strict=True)
        if not np.isnan(values).all()
    }
    most_wrong = _upper_poisson_limit(np.arange(MIN_DEPTH, records + 1))
    depths: list[int] = []
    for depth in sorted({10, 100, max(1, records // 100), max(1, records // 20)}):
        if by_kind and MIN_STEP * max(depths, default=0) < depth <= records:
            depths.append(depth)
    return [_depth(depth, by_kind, most_wrong) for depth in depths]


def _upper_poisson_limit(counts: np.ndarray) -> np.ndarray:
    """The upper 97.5 % limits of Poisson means of which these were counted (Garwood 1936), without scipy.

    By Wilson and Hilferty's normal approximation of chi-square (1931): from 20 on, within 0.01 % of the exact limit.
    """
    more = counts + 1
    limits: np.ndarray = more * (1 - 1 / (9 * more) + Z / (3 * np.sqrt(more))) ** 3
    return limits


def _found(threshold: np.ndarray, doubt: np.ndarray) -> np.ndarray:
    """(n,) the share of planted errors that are as doubtful as each of the `threshold`s (n,)."""
    found: np.ndarray = 1 - np.searchsorted(np.sort(doubt), threshold) / len(doubt)
    return found


def _depth(depth: int, by_kind: dict[Kind, np.ndarray], most_wrong: np.ndarray) -> Depth:
    """`most_wrong`: for each depth from `MIN_DEPTH` on, the most wrong records to expect where all of them are wrong.

    It is the upper limit of a Poisson mean (Garwood 1936).
    """
    likely, most = [], []
    for found in by_kind.values():
        records = len(found)
        all_wrong = most_wrong / np.maximum(found[MIN_DEPTH - 1 :], 1 / records)
        bound = min(float(depth), float(found[depth - 1] * all_wrong.min(initial=np.inf)))
        most.append(bound)
        likely.append(min(bound, float(records * ASSUMED_SHARE * found[depth - 1])))
    found_here = {kind: round(float(found[depth - 1]), 4) for kind, found in by_kind.items()}
    return Depth(depth, found_here, _range(likely), _range(most))


def _range(counts: list[float]) -> Range:
    return round(min(counts), 1), round(max(counts), 1)
