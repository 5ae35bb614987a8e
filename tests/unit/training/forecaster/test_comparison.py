"""Latest reports beside earlier ones, of a history with a known change."""

import numpy as np
import pytest
from crime.forecaster.week import KINDS, PERIODS
from crime.reports.history import EventHistory
from crime.training.forecaster.comparison import compare_periods
from crime.training.forecaster.known_counts import kind_counts, known_share
from crime.training.forecaster.origin_view import KnownHistory
from histories import MONDAY, make_history, poisson_history

WEEK = PERIODS.index("week")
RATES = {101: 6.0, 201: 9.0, 301: 4.0}


def known(history: EventHistory) -> KnownHistory:
    return KnownHistory(history, ["area"])


@pytest.fixture(scope="module")
def steady() -> EventHistory:
    return poisson_history(800, RATES, seed=5)


def test_counts_are_those_of_the_days_and_of_all_categories(steady: EventHistory) -> None:
    compared, last = compare_periods(known(steady)), steady.last
    weeks = [(last - 6, last), (last - 13, last - 7), (last - 370, last - 364)]
    for column, (first, end) in enumerate(weeks):
        inside = (steady.occurred >= first) & (steady.occurred <= end)
        assert compared.reports[0, 0, WEEK, column] == inside.sum()
        assert compared.reports[2, 0, WEEK, column] == (inside & (steady.area == 2)).sum()
        assert compared.reports[2, 4, WEEK, column] == (inside & (steady.area == 2) & (steady.category == 3)).sum()
    np.testing.assert_array_equal(compared.reports[:, 1:].sum(1), compared.reports[:, 0])
    assert compared.days[WEEK].tolist() == [7, 7, 7]
    assert compared.reports.shape == (4, len(KINDS), 3, 3)


def test_nothing_is_marked_in_a_steady_city(steady: EventHistory) -> None:
    assert not compare_periods(known(steady)).marked.any()


def test_a_category_that_trebled_in_one_area_is_marked_there_alone(steady: EventHistory) -> None:
    rng = np.random.default_rng(6)
    more = np.repeat(steady.last - np.arange(7), rng.poisson(7, 7))
    history = make_history(
        np.concatenate([steady.occurred, more]),
        np.zeros(len(steady) + len(more), int),
        np.concatenate([steady.district, np.full(len(more), 201)]),
        category=np.concatenate([steady.category, np.full(len(more), 3)]),
    )
    compared = compare_periods(known(history))
    marked: np.ndarray = np.logical_and(*np.moveaxis(compared.marked[:, :, WEEK], 2, 0))
    assert marked[2, 4]
    assert not marked[[1, 3]].any()
    assert compared.ratio[0, 2, 4, WEEK, 0] > 2
    assert compared.ratio[1, 2, 4, WEEK, 0] > 1  # the low end of the interval


def test_reports_still_to_come_are_no_fall() -> None:
    history = poisson_history(800, {101: 60.0, 201: 40.0}, late=0.5, seed=7)
    cut = history.known_by(MONDAY + 780)
    compared = compare_periods(known(cut))
    seen = compared.reports[0, 0, WEEK, 0]
    complete = int(((history.occurred > cut.last - 7) & (history.occurred <= cut.last)).sum())
    mean, low, high = compared.corrected[:, 0, 0, WEEK, 0]
    assert seen < 0.8 * complete
    assert low <= complete <= high
    assert mean == pytest.approx(complete, rel=0.15)
    assert not compared.marked.any()


def test_a_time_that_the_table_does_not_cover_is_not_compared() -> None:
    compared = compare_periods(known(poisson_history(60, RATES)))
    assert compared.days[WEEK].tolist() == [7, 7, 0]
    assert np.isnan(compared.ratio[:, :, :, WEEK, 1]).all()
    assert not np.isnan(compared.ratio[3, :, :, WEEK, 0]).any()


def test_only_what_was_known_by_a_day_is_counted() -> None:
    history = make_history([MONDAY, MONDAY, MONDAY + 1], [0, 5, 0], [101, 101, 0])
    places = known(history).places["area"]
    counts = kind_counts(history, places, (MONDAY, MONDAY + 1), MONDAY + 4)
    assert counts[:, :, 0].tolist() == [[1, 0]]


def test_a_category_that_is_reported_late_has_its_own_completeness() -> None:
    """Half of the second category is reported 20 days later, the rest at once."""
    history = poisson_history(400, {101: 40.0}, seed=8)
    late = (history.category == 1) & (np.arange(len(history)) % 2 == 0)
    history.known[late] += 20
    cut = history.known_by(MONDAY + 380)
    share = known_share(known(cut), (cut.last - 6, cut.last), cut.end)
    assert share[:, 2] == pytest.approx(0.5, abs=0.05)
    assert share[:, 1] == pytest.approx(1)
    compared = compare_periods(known(cut))
    mean, reports = compared.corrected[0, 0, :, WEEK, 0], compared.reports[0, :, WEEK, 0]
    assert mean[2] == pytest.approx(2 * reports[2], rel=0.1)
    assert mean[1] == reports[1]
    assert not compared.marked.any()
