"""Scores of forecast counts."""

import numpy as np
import pytest
from crime.metrics.counts import Concentration, concentration, poisson_deviance


def test_deviance_is_zero_for_a_perfect_forecast_and_grows_with_the_error() -> None:
    assert poisson_deviance(np.array([0, 2]), np.array([1.0, 2.0])) == pytest.approx(1)
    reports = np.array([1, 3, 5])
    assert poisson_deviance(reports, reports.astype(float)) == pytest.approx(0)
    assert poisson_deviance(reports, reports * 2.0) > poisson_deviance(reports, reports * 1.5) > 0


def test_concentration_counts_reports_in_the_highest_forecasts() -> None:
    mean, reports = np.array([[3.0], [2.0], [1.0], [0.5], [0.1]]), np.array([[1], [4], [0], [0], [5]])
    assert concentration(mean, reports, 20) == Concentration(1, 5, 0.2)
    assert concentration(mean, reports, 40) == Concentration(5, 9, 0.4)
    assert concentration(mean, reports, 1) == Concentration(1, 5, 0.2)  # one place at least


def test_concentration_chooses_places_anew_at_each_step() -> None:
    mean, reports = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[3, 7], [4, 5]])
    assert concentration(mean, reports, 50) == Concentration(3 + 5, 4 + 7, 0.5)
