"""Shares of shifts and categories."""

import numpy as np
import pytest
from crime.core.days import weekday
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind, Places, places_of
from crime.training.forecaster.shares import shift_category_counts, shift_category_shares, sum_cut
from histories import MONDAY, make_history, poisson_history

KINDS: tuple[PlaceKind, ...] = ("city", "area", "district")


def all_places(history: EventHistory) -> dict[PlaceKind, Places]:
    return {kind: places_of(history, kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_shares_add_up_to_one_each_weekday(kind: PlaceKind) -> None:
    history = poisson_history(60)
    places = all_places(history)
    shares = shift_category_shares(history, places, kind, history.last)
    assert shares.shape == (len(places[kind]), 7, 3, 7)
    assert (shares > 0).all()
    np.testing.assert_allclose(shares.sum((2, 3)), 1)


def test_a_district_with_few_reports_has_nearly_its_areas_shares() -> None:
    rng = np.random.default_rng(0)
    size = 4_000
    district = np.where(np.arange(size) < 2, 102, 101)
    shift = np.where(district == 102, 2, 0)
    history = make_history(MONDAY + rng.integers(0, 100, size), np.zeros(size), district, shift)
    places = all_places(history)
    area = shift_category_shares(history, places, "area", history.last).sum(3).mean(1)[0]
    large, small = shift_category_shares(history, places, "district", history.last).sum(3).mean(1)
    np.testing.assert_allclose(small, area, atol=0.06)
    np.testing.assert_allclose(large, area, atol=0.01)


def test_a_weekday_has_its_own_shares() -> None:
    day = MONDAY + np.arange(364)
    history = make_history(np.repeat(day, 5), np.zeros(1820), np.full(1820, 101), np.repeat((weekday(day) == 6) * 2, 5))
    shares = shift_category_shares(history, all_places(history), "area", history.last).sum(3)[0]
    assert shares.argmax(1).tolist() == [0, 0, 0, 0, 0, 0, 2]


def test_later_reports_do_not_count() -> None:
    history = poisson_history(100, late=0.5)
    origin = MONDAY + 60
    places = all_places(history)
    changed = history.take(np.arange(len(history)))
    changed.category[history.known > origin] = 6
    for kind in KINDS:
        before = shift_category_shares(history, places, kind, origin)
        np.testing.assert_array_equal(shift_category_shares(changed, places, kind, origin), before)


def test_counts_by_cell_and_their_cuts() -> None:
    history = make_history(
        [MONDAY, MONDAY, MONDAY + 1], [0] * 3, [101, 101, 201], np.array([0, 2, 1]), np.array([6, 6, 0])
    )
    counts = shift_category_counts(history, places_of(history, "area"), MONDAY, MONDAY + 1)
    assert counts.shape == (2, 2, 3, 7)
    assert counts[0, 0, [0, 2], 6].tolist() == [1, 1]
    assert sum_cut(counts, "all").tolist() == [[2, 0], [0, 1]]
    assert sum_cut(counts, "shift")[0, 0].tolist() == [1, 0, 1]
    assert sum_cut(counts, "category")[0, 0].tolist() == [0, 0, 0, 0, 0, 0, 2]
    assert sum_cut(counts, "both").shape == counts.shape
