"""What is known at an origin: counts, exposure, weights by age, training origins."""

import numpy as np
import pytest
from crime.features.store import FeatureStore
from crime.forecaster.arrays import HORIZON_DAYS
from crime.training.forecaster.origin_view import (
    MAX_TRAINING_ORIGINS,
    MIN_HISTORY_DAYS,
    KnownHistory,
)
from histories import MONDAY, make_history, poisson_history


def test_a_view_counts_what_was_known() -> None:
    occurred = MONDAY + np.array([0, 40, 40, 41, 42])
    history = make_history(occurred, [0, 0, 5, 0, 0], [301, 101, 101, 101, 201])
    view = KnownHistory(history, ["district"]).view(MONDAY + 41)
    assert view.counts("area")[:, -2:].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert view.counts("area")[2].nonzero()[0].tolist() == [0]
    assert view.has_reports("district").tolist() == [True, False, True]
    assert view.centres("district")[:2, 0] == pytest.approx([34 + 101 / 111, 0])


def test_window_counts_are_those_of_the_feature_store() -> None:
    history = poisson_history(500, late=0.4)
    known = KnownHistory(history, ["district"])
    for kind in ("area", "district"):
        ids = known.places[kind].ids
        for origin in (MONDAY + 40, MONDAY + 250, MONDAY + 450):
            stored = FeatureStore(history).as_of(kind, ids, np.full(len(ids), origin))
            np.testing.assert_array_equal(known.view(origin).window_counts(kind), stored)


def test_a_half_life_halves_the_weight() -> None:
    history = make_history([MONDAY, MONDAY + 56], [0, 0], [101, 201])
    view = KnownHistory(history, []).view(MONDAY + 56)
    assert view.weighted_reports("area", 28.0).tolist() == [0.25, 1]
    assert view.weighted_reports("area", np.inf).tolist() == [1, 1]


def test_a_rate_is_reports_over_exposure() -> None:
    view = KnownHistory(poisson_history(365, {101: 4.0}, seed=1), []).view(MONDAY + 364)
    flat = np.ones(view.days + HORIZON_DAYS)
    for half_life in (28.0, 91.0, np.inf):
        rate = view.weighted_reports("area", half_life)[0] / view.weighted_exposure(half_life, flat)
        assert rate == pytest.approx(4, rel=0.15)


def test_reports_still_to_come_do_not_lower_a_rate() -> None:
    late = poisson_history(300, {101: 20.0}, late=0.8, seed=2)
    view = KnownHistory(late.known_by(MONDAY + 299), []).view(MONDAY + 299)
    flat = np.ones(view.days + HORIZON_DAYS)
    week = view.counts("area")[0, -7:].mean()
    rate = view.weighted_reports("area", 5.0)[0] / view.weighted_exposure(5.0, flat)
    assert week < 12
    assert rate == pytest.approx(20, rel=0.15)


def test_days_in_a_gap_have_no_exposure() -> None:
    whole = poisson_history(200, {101: 10.0})
    gap = (whole.occurred >= MONDAY + 100) & (whole.occurred < MONDAY + 120)
    known = KnownHistory(whole.take(np.flatnonzero(~gap)), [])
    assert known.view(MONDAY + 199).exposure[100:120].tolist() == [0] * 20
    exposure = known.outcome_exposure(MONDAY + 109, MONDAY + 199)
    assert exposure.tolist() == [0] * 10 + [1] * 18


def test_season_needs_two_years() -> None:
    long = KnownHistory(poisson_history(760, {101: 5.0}), [])
    assert (long.view(MONDAY + 700).season == 1).all()
    assert (long.view(MONDAY + 759).season != 1).any()


def test_training_origins_have_their_outcomes_and_enough_history() -> None:
    known = KnownHistory(poisson_history(400), [])
    origins = known.training_origins(MONDAY + 399)
    assert len(origins) == MAX_TRAINING_ORIGINS
    assert origins[0] == MONDAY + 399 - HORIZON_DAYS
    assert set(np.diff(origins)) == {-7}
    short = known.training_origins(MONDAY + 150)
    assert min(short) >= MONDAY + MIN_HISTORY_DAYS - 1
    assert known.training_origins(MONDAY + 60) == []


def test_outcomes_are_the_reports_of_the_28_days_after() -> None:
    history = make_history([MONDAY, MONDAY + 1, MONDAY + 28, MONDAY + 29], [0, 0, 40, 0], [101] * 4)
    known = KnownHistory(history, [])
    outcome = known.outcome("city", MONDAY, MONDAY + 100)
    assert (outcome.shape, outcome[0, 0], outcome[0, 27], outcome.sum()) == ((1, 28), 1, 1, 2)
    assert known.outcome("city", MONDAY, MONDAY + 50).sum() == 1
