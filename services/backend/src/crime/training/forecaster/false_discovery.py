"""Many comparisons at once: which are more than chance.

Benjamini and Hochberg, Controlling the false discovery rate, JRSS B 1995.
"""

import numpy as np


def discoveries(p: np.ndarray, rate: float = 0.05) -> np.ndarray:
    """bool of p's shape: those to mark, so that at most a share `rate` of the marked ones is expected to be chance.

    Where all is chance, nothing is marked with probability 1 - rate. NaN is no comparison.
    """
    known = np.sort(p[~np.isnan(p)])
    below = np.flatnonzero(known <= rate * np.arange(1, len(known) + 1) / max(len(known), 1))
    threshold = known[below[-1]] if len(below) else -1.0
    return np.asarray(p <= threshold)
