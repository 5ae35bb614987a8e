"""The baselines that `crime-risk` is compared with: simple methods on the same known counts."""

import numpy as np

from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.places import PlaceKind
from crime.training.forecaster.origin_view import OriginView

BASELINES = ("seasonal naive", "4-week mean", "long-run mean", "exponential smoothing", "KDE hot spots")
# set by judgement, as docs/method.md says
SMOOTHING_PARAMETERS = (0.02, 0.05, 0.1, 0.2, 0.4)  # that exponential smoothing chooses from: the newest day's weight
MEAN_FLOOR = 0.1  # least forecast, as a share of the place's long-run mean: no forecast is 0


def baseline_forecasts(view: OriginView, kind: PlaceKind) -> dict[str, np.ndarray]:
    """(P, 28) expected reports by each of `BASELINES`."""
    counts = view.counts(kind).astype(float)[:, view.observed]
    long_run = counts.mean(1)
    four_weeks = counts[:, -28:].mean(1)
    constant = {
        "4-week mean": four_weeks,
        "long-run mean": long_run,
        "exponential smoothing": exponential_smoothing(counts),
        "KDE hot spots": view.kernel_density(kind) * four_weeks.sum(),
    }
    floor, shape = MEAN_FLOOR * long_run, (len(long_run), HORIZON_DAYS)
    # views of one column, since those of all origins are kept
    forecasts = {name: np.broadcast_to(np.maximum(mean, floor)[:, None], shape) for name, mean in constant.items()}
    forecasts["seasonal naive"] = forecasts["4-week mean"]
    if counts.shape[1] >= 7:
        forecasts["seasonal naive"] = np.maximum(seasonal_naive(counts), floor[:, None])
    return {name: forecasts[name] for name in BASELINES}


def seasonal_naive(counts: np.ndarray) -> np.ndarray:
    """(P, 28) the last week of counts (P, T), repeated."""
    return np.asarray(counts[:, -7:][:, np.arange(HORIZON_DAYS) % 7])


def exponential_smoothing(counts: np.ndarray) -> np.ndarray:
    """(P,) level at the end of counts (P, T), by simple exponential smoothing (Brown 1959).

    It starts from the first 28 days' mean. The smoothing parameter is the one with the least squared error, one day
    ahead, over all places.
    """
    alpha = np.array(SMOOTHING_PARAMETERS)[:, None]
    level = np.repeat(counts[None, :, :28].mean(2), len(alpha), 0)
    squares = np.zeros(len(alpha))
    for day, today in enumerate(np.ascontiguousarray(counts.T)):
        error = today - level
        if day >= 28:
            squares += np.einsum("ap,ap->a", error, error)
        level += alpha * error
    return np.asarray(level[squares.argmin()])
