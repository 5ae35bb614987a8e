"""Ratios of two counts: exact, with the range they claim, also where reports are missing or vary more."""

import numpy as np
import pytest
from crime.training.forecaster.rate_ratio import completed, dispersion, rate_ratio
from scipy import stats


@pytest.mark.parametrize(("now", "before"), [(30, 14), (3, 9), (1, 0), (0, 4), (250, 251)])
def test_interval_and_p_are_those_of_the_binomial_share(now: int, before: int) -> None:
    found = rate_ratio(np.array(now), np.array(before), np.array(7.0), np.array(7.0))
    share = stats.binomtest(now, now + before).proportion_ci(method="exact")
    assert found.low == pytest.approx(share.low / (1 - share.low))
    assert found.high == pytest.approx(share.high / (1 - share.high) if share.high < 1 else np.inf)
    tails = [stats.binomtest(now, now + before, alternative=side).pvalue for side in ("less", "greater")]
    assert found.p == pytest.approx(min(1, 2 * min(tails)))


def test_the_interval_excludes_no_change_just_where_p_is_small() -> None:
    now, before = np.meshgrid(np.arange(60), np.arange(60))
    found = rate_ratio(now, before, np.array(5.5), np.array(7.0), 1.7)
    outside = (found.low > 1) | (found.high < 1)
    np.testing.assert_array_equal(outside, found.p < 0.05)
    assert 0 < outside.mean() < 1


def test_periods_of_unequal_completeness_are_compared_by_their_rates() -> None:
    found = rate_ratio(np.array(60), np.array(120), np.array(3.5), np.array(7.0))
    assert found.ratio == pytest.approx(1)
    assert found.p > 0.9


def test_nothing_at_all_is_no_change_and_no_ratio() -> None:
    found = rate_ratio(np.array(0), np.array(0), np.array(7.0), np.array(7.0))
    assert np.isnan(found.ratio)
    assert [float(part) for part in found[1:]] == [0, np.inf, 1]


def test_intervals_hold_the_true_ratio_where_counts_vary_more_than_poisson() -> None:
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(20, 20 / 80, (60_000, 2))  # mean 60, variance four times as much
    exposure = np.ones(2)
    factor = dispersion(counts, exposure)
    assert factor == pytest.approx(4, abs=0.1)
    inside = []
    for used in (factor, 1.0):
        found = rate_ratio(counts[:, 0], counts[:, 1], exposure[0], exposure[1], used)
        inside.append(float(((found.low <= 1) & (found.high >= 1)).mean()))
    assert 0.95 <= inside[0] < 0.975
    assert inside[1] < 0.75  # as if they were Poisson


def test_dispersion_of_poisson_counts_is_1_though_they_rise_and_are_less_complete() -> None:
    rng = np.random.default_rng(1)
    exposure = np.array([7.0] * 40 + [5.0, 2.0])
    counts = rng.poisson(np.linspace(20, 40, 42) / 7 * exposure, (300, 42))
    assert dispersion(counts, exposure) == pytest.approx(1, abs=0.05)
    assert dispersion(np.zeros((2, 3)), np.ones(3)) == 1


def test_complete_counts_stay_and_others_have_a_range_that_holds() -> None:
    assert [float(part) for part in completed(np.array(40), np.array(1.0))] == [40, 40, 40]
    rng = np.random.default_rng(2)
    known, missing = rng.poisson(70, 20_000), rng.poisson(30, 20_000)
    mean, low, high = completed(known, np.full(20_000, 0.7))
    assert mean.mean() == pytest.approx(100, abs=0.5)
    inside = (low <= known + missing) & (known + missing <= high)
    assert 0.95 <= inside.mean() < 0.97
