"""Shares of places, shrunk as far as chance explains their differences, and the components of a forecast."""

import numpy as np
import pytest
from crime.forecaster.arrays import HORIZON_DAYS
from crime.reports.places import PlaceKind
from crime.training.forecaster.origin_view import KnownHistory
from crime.training.forecaster.smoothed_rates import SmoothedRates, shrunk_shares
from histories import MONDAY, poisson_history
from hypothesis import given, settings
from hypothesis import strategies as st

ONE_GROUP = np.zeros(40, int)
ALL_ACTIVE = np.ones(40, bool)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.booleans())
def test_shares_add_up_to_one_in_each_group(seed: int, shrink: bool) -> None:
    rng = np.random.default_rng(seed)
    group = np.sort(rng.integers(0, 4, 40))
    reports = rng.poisson(rng.gamma(1, 2, 40)).astype(float)
    shares = shrunk_shares(reports, group, reports > 0, shrink)
    total = np.bincount(group, shares, 4)
    expected = np.bincount(group, reports, 4) > 0
    np.testing.assert_allclose(total, expected)
    assert (shares[reports == 0] == 0).all()


def test_differences_by_chance_are_shrunk_away() -> None:
    reports = np.random.default_rng(0).poisson(5, 40).astype(float)
    shares = shrunk_shares(reports, ONE_GROUP, ALL_ACTIVE, shrink=True)
    assert shares.std() < 0.2 * (reports / reports.sum()).std()


def test_real_differences_are_kept() -> None:
    rate = np.random.default_rng(0).gamma(1, 500, 40)
    reports = np.random.default_rng(1).poisson(rate).astype(float)
    shares = shrunk_shares(reports, ONE_GROUP, ALL_ACTIVE, shrink=True)
    np.testing.assert_allclose(shares, reports / reports.sum(), rtol=0.05, atol=1e-3)


def test_shrunk_shares_are_nearer_to_the_truth() -> None:
    rng = np.random.default_rng(0)
    rate = rng.gamma(4, 1, 40)
    truth, reports = rate / rate.sum(), rng.poisson(rate).astype(float)
    errors = [np.square(shrunk_shares(reports, ONE_GROUP, ALL_ACTIVE, s) - truth).sum() for s in (True, False)]
    assert errors[0] < 0.8 * errors[1]


@pytest.fixture(scope="module")
def rates() -> SmoothedRates:
    return SmoothedRates(KnownHistory(poisson_history(160), ["district"]))


@pytest.mark.parametrize(("kind", "places", "components"), [("city", 1, 4), ("area", 2, 9), ("district", 4, 6)])
def test_components_and_their_combination(kind: PlaceKind, places: int, components: int, rates: SmoothedRates) -> None:
    origin = MONDAY + 159
    parts = rates.components(kind, origin).rates()
    assert parts.shape == (components, places, HORIZON_DAYS)
    assert (parts > 0).all()
    combined = rates.combined(kind, origin)
    assert (combined <= parts.max(0) * (1 + 1e-6)).all()
    assert (combined >= parts.min(0) * (1 - 1e-6)).all()


def test_the_combination_is_near_the_true_rates(rates: SmoothedRates) -> None:
    by_day = rates.combined("district", MONDAY + 159).mean(1)
    np.testing.assert_allclose(by_day, [2, 1, 0.5, 3], rtol=0.25)


def test_without_past_origins_the_components_count_alike(rates: SmoothedRates) -> None:
    origin = MONDAY + 100  # the first 28 days of an outcome begin after 84 days of history
    parts = rates.components("city", origin).rates()
    np.testing.assert_allclose(rates.combined("city", origin), parts.mean(0), rtol=1e-6)


def test_components_expect_the_sums_of_their_known_days(rates: SmoothedRates) -> None:
    parts = rates.components("district", MONDAY + 159)
    exposure = np.concatenate([np.ones(20), np.full(5, 0.5), np.zeros(3)])
    by_day = parts.rates() * exposure
    by_hand = [by_day[:, :, first:last].sum(2) for first, last in ((0, 2), (2, 7), (7, 14), (14, 28))]
    np.testing.assert_allclose(parts.expected(exposure), by_hand, rtol=1e-3)
