"""How much the fields of a record speak against its recorded crime code."""

import numpy as np

CERTAIN = 1e-9  # a probability is at least so far from 1, which keeps odds finite


def doubt_of(log_probability: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Log of the Bayes factor against a code (Good 1950): the log-odds that it is another, less those before any field.

    `log_probability` of the code given the fields, `share` of the code among all records: arrays of the same shape.
    """
    doubt: np.ndarray = _log_odds_against(log_probability) - _log_odds_against(np.log(share))
    return doubt


def _log_odds_against(log_probability: np.ndarray) -> np.ndarray:
    odds: np.ndarray = np.log1p(-np.exp(np.minimum(log_probability, -CERTAIN))) - log_probability
    return odds
