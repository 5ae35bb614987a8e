"""The true probabilities of a simulated city's NIBRS rows.

A reader keeps a case's first offense of each category. So a row is the first of its case, or that of another category.
Let q be the probabilities of the categories given what the offenses of a case share: place, time and premise. A case
has a second row at a fixed rate, and its category is drawn by q until it differs from the first one's. Of the first
row's category m it is l with probability q(l) / (1 - q(m)), so that a row of category l is, relative to first rows,

    1 + rate * sum of q(m) / (1 - q(m)) over the other categories m

times as frequent. Weapon and circumstances follow from the row's own code, so the factor is the same whatever they are.
"""

import numpy as np

from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import CIRCUMSTANCES
from crime.simulation.details import MAX_DELAY_DAYS, MISCODED
from crime.simulation.intensity import Intensity
from crime.simulation.nibrs_details import NibrsDetails, in_category
from crime.simulation.seam import SECOND_CATEGORY

ROWS_PER_BLOCK = 1_000  # rows at a time, which bounds memory


def nibrs_posterior(
    details: NibrsDetails, intensity: Intensity, fields: dict[str, np.ndarray], level: DetailLevel
) -> np.ndarray:
    """(rows, 7) probability of each recorded category of NIBRS rows, given what is known at a detail level."""
    answer = np.zeros((len(fields["area"]), len(details.shares.code_share)))
    drifted = intensity.drifted(fields["date_occ"].astype(int))
    for after in (False, True):
        rows = np.flatnonzero(drifted == after)
        for first in range(0, len(rows), ROWS_PER_BLOCK):
            part = rows[first : first + ROWS_PER_BLOCK]
            known = {name: values[part] for name, values in fields.items()}
            answer[part] = _posterior(details, intensity, known, level, details.premise_share(after))
    return answer


def _posterior(
    details: NibrsDetails,
    intensity: Intensity,
    fields: dict[str, np.ndarray],
    level: DetailLevel,
    premise_share: np.ndarray,
) -> np.ndarray:
    shares, known = details.shares, list(DETAIL_LEVELS).index(level)
    days = fields["date_occ"].astype(int)
    hour, minute = np.divmod(fields["time_occ"].astype(int), 60)
    delay = np.minimum(fields["date_rptd"] - days, MAX_DELAY_DAYS)
    category = intensity.category_shares_of(days, fields["area"].astype(int))
    category = category * details.category_evidence(hour, minute, delay)
    if known == 0:
        return _without_premise(details, category, premise_share)
    premise = _indices(fields["premis_cd"], shares.premise)
    code = category @ shares.code_share * premise_share[:, premise].T
    factor = _factor(_recorded(details, code))
    if known >= 2:
        code *= shares.weapon_share[:, _indices(fields["weapon_used_cd"], shares.weapon)].T
    if known >= 3:
        for column, name in enumerate(CIRCUMSTANCES):
            share = shares.circumstance_share[:, column]
            code *= np.where(fields[name][:, None] == 1, share, 1 - share)
    answer = _recorded(details, code) * factor
    probabilities: np.ndarray = answer / answer.sum(1, keepdims=True)
    return probabilities


def _without_premise(details: NibrsDetails, category: np.ndarray, premise_share: np.ndarray) -> np.ndarray:
    """(rows, 7) from each category's likelihood (rows, 7): the mean over the premises that it may be."""
    category = category / category.sum(1, keepdims=True)
    by_category = details.shares.code_share @ premise_share  # (7, premises)
    joint = category[:, None, :] * by_category.T  # (rows, premises, 7) of the true category
    premise = joint.sum(2, keepdims=True)
    any_category = details.shares.any_code @ in_category(details.shares)
    recorded = (1 - MISCODED) * joint / premise + MISCODED * any_category
    answer = (premise * recorded * _factor(recorded)).sum(1)
    probabilities: np.ndarray = answer / answer.sum(1, keepdims=True)
    return probabilities


def _recorded(details: NibrsDetails, code: np.ndarray) -> np.ndarray:
    """(rows, 7) probabilities of the recorded category from those of the true code (rows, C), up to a factor."""
    in_categories = in_category(details.shares)
    share = code / code.sum(1, keepdims=True)
    recorded: np.ndarray = (1 - MISCODED) * share @ in_categories + MISCODED * details.shares.any_code @ in_categories
    return recorded


def _factor(first: np.ndarray) -> np.ndarray:
    """How much more frequent a row of each category (..., 7) is than a case's first, whose probabilities are given."""
    odds = first / (1 - first)
    factor: np.ndarray = 1 + SECOND_CATEGORY * (odds.sum(-1, keepdims=True) - odds)
    return factor


def _indices(codes: np.ndarray, known: list[str]) -> np.ndarray:
    """(rows,) positions of codes (rows,) among `known`."""
    position = {code: index for index, code in enumerate(known)}
    return np.array([position[code.code] for code in codes.tolist()], int)
