"""Combination weights: on the simplex, and those of the mixture that made the reports."""

import numpy as np
import pytest
from crime.training.forecaster.combination import combine_rates
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 7), st.integers(1, 60), st.integers(0, 2**31))
def test_weights_are_not_negative_and_add_up_to_one(count: int, cells: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    components = rng.gamma(1, 1, (count, cells))
    weights = combine_rates(components, rng.poisson(components[0]))
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)


def test_a_known_mixture_is_recovered() -> None:
    rng = np.random.default_rng(0)
    components = rng.gamma(2, 2, (3, 20_000))
    reports = rng.poisson(np.array([0.7, 0.3, 0]) @ components)
    np.testing.assert_allclose(combine_rates(components, reports), [0.7, 0.3, 0], atol=0.03)


def test_components_that_are_the_same_share_the_weight() -> None:
    rng = np.random.default_rng(0)
    rate, other = rng.gamma(2, 2, (2, 5_000))
    weights = combine_rates(np.stack([rate, rate, other]), rng.poisson(rate))
    assert weights[0] == pytest.approx(weights[1], abs=1e-6)
    assert weights[2] < 0.05


@pytest.mark.parametrize("cells", [0, 5])
def test_without_reports_weights_are_equal(cells: int) -> None:
    weights = combine_rates(np.ones((4, cells)), np.zeros(cells))
    np.testing.assert_array_equal(weights, [0.25] * 4)
