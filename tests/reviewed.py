"""Tables of records for the review's tests: real reports of which some have a wrong code."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from crime.reports.categories import CRIME_CODES
from crime.reports.table import Reports
from crime.sample import sample_table
from crime.training.review.review import Review

# pairs of a serious offence and a minor one that are taken for each other
PAIRS = {"230": "624", "236": "626", "740": "745", "341": "440", "330": "420", "310": "888", "121": "860", "930": "624"}


class Planted(NamedTuple):
    """Records of which some have a wrong code, (n,) which ones, and their review."""

    records: Reports
    wrong: np.ndarray
    review: Review


def sample_rows() -> pd.DataFrame:
    """Every fifth row of the embedded sample as text, 1,578 in all."""
    with sample_table() as path:
        return pd.read_csv(path, dtype=str, keep_default_na=False).iloc[::5].reset_index(drop=True)


def plant_pairs(code: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """The codes (n,), indices into `CRIME_CODES`, after a share of those in `PAIRS` was written as their other."""
    legacy = {crime.code: index for index, crime in enumerate(CRIME_CODES) if crime.system == "legacy"}
    other = {legacy[code]: legacy[wrong] for code, wrong in PAIRS.items()} | {
        legacy[wrong]: legacy[code] for code, wrong in PAIRS.items()
    }
    in_pair = np.flatnonzero(np.isin(code, list(other)))
    chosen = np.random.default_rng(seed).choice(in_pair, int(share * len(code)), replace=False)
    planted = code.copy()
    planted[chosen] = [other[right] for right in code[chosen].tolist()]
    return planted


def write_rows(rows: pd.DataFrame, path: Path) -> Path:
    rows.to_csv(path, index=False)
    return path
