"""The kinds of doubt about a recorded code, by the code that may be right instead."""

from typing import Literal, get_args

import numpy as np

from crime.reports.categories import CATEGORY_OF_CODE, SERIOUS_CODES

Kind = Literal["serious recorded as minor", "minor recorded as serious", "other category", "other code"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def kind_of(recorded: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Index into `KINDS` of the first that holds, where `right` is the code instead of `recorded`.

    Both are indices into `CRIME_CODES`, in shapes that broadcast together.
    """
    serious, recorded_serious = SERIOUS_CODES[right], SERIOUS_CODES[recorded]
    other_category = CATEGORY_OF_CODE[right] != CATEGORY_OF_CODE[recorded]
    return np.select([serious & ~recorded_serious, recorded_serious & ~serious, other_category], [0, 1, 2], 3)
