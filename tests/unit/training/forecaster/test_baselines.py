"""Baselines: what each says of simple counts."""

import numpy as np
import pytest
from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.history import EventHistory
from crime.training.forecaster.baselines import (
    BASELINES,
    MEAN_FLOOR,
    SMOOTHING_PARAMETERS,
    baseline_forecasts,
    exponential_smoothing,
    seasonal_naive,
)
from crime.training.forecaster.kernel_density import kernel_density
from crime.training.forecaster.origin_view import KnownHistory, OriginView
from histories import MONDAY, make_history


def test_seasonal_naive_repeats_the_last_week() -> None:
    counts = np.arange(20)[None].astype(float)
    assert seasonal_naive(counts)[0].tolist() == [13, 14, 15, 16, 17, 18, 19] * 4


def test_exponential_smoothing_follows_a_step_and_averages_noise() -> None:
    step = np.concatenate([np.full(60, 2.0), np.full(60, 8.0)])[None]
    assert exponential_smoothing(step)[0] == pytest.approx(8, abs=0.01)
    noise = np.random.default_rng(0).poisson(5, (1, 300)).astype(float)
    assert exponential_smoothing(noise)[0] == pytest.approx(5, abs=0.6)


def test_exponential_smoothing_takes_the_parameter_with_the_least_error() -> None:
    """By hand: what it says is the level, by one of the parameters, whose forecasts of a day ahead were the nearest."""
    counts = np.random.default_rng(0).poisson(np.linspace(2, 9, 120), (4, 120)).astype(float)
    candidates = []
    for alpha in SMOOTHING_PARAMETERS:
        level, squares = counts[:, :28].mean(1), 0.0
        for day in range(120):
            squares += np.square(counts[:, day] - level).sum() if day >= 28 else 0
            level = alpha * counts[:, day] + (1 - alpha) * level
        candidates.append((squares, level))
    np.testing.assert_allclose(exponential_smoothing(counts), min(candidates, key=lambda pair: pair[0])[1])


def test_kernel_density_spreads_reports_to_neighbours() -> None:
    centres = np.array([[34.0, -118], [34.0 + 0.5 / 111, -118], [35.0, -118]])
    share = kernel_density(np.array([91.0, 0, 0]), centres)
    assert share.sum() == pytest.approx(1)
    assert share[1] / share[0] == pytest.approx(np.exp(-0.5))  # half a kilometre: one standard deviation
    assert share[2] == pytest.approx(0)


def view_of(history: EventHistory, origin: int) -> OriginView:
    return KnownHistory(history, []).view(origin)


def test_every_baseline_forecasts_every_place() -> None:
    days = MONDAY + np.arange(100)
    history = make_history(np.repeat(days, 3), np.zeros(300), np.tile([101, 101, 201], 100))
    forecasts = baseline_forecasts(view_of(history, history.last), "area")
    assert tuple(forecasts) == BASELINES
    for name in ("seasonal naive", "4-week mean", "long-run mean", "exponential smoothing"):
        np.testing.assert_allclose(forecasts[name], np.repeat([[2], [1]], HORIZON_DAYS, 1), err_msg=name)
    assert forecasts["KDE hot spots"].sum(0) == pytest.approx(np.full(HORIZON_DAYS, 3))


def test_no_baseline_says_that_nothing_can_happen() -> None:
    history = make_history([*range(MONDAY, MONDAY + 50), MONDAY + 150], [0] * 51, [101] * 50 + [201])
    forecasts = baseline_forecasts(view_of(history, history.last), "area")
    for name in BASELINES:
        assert (forecasts[name] >= MEAN_FLOOR * forecasts["long-run mean"] - 1e-12).all()
    assert (forecasts["4-week mean"][0] > 0).all()
