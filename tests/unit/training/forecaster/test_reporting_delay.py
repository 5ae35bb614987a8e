"""Completeness of recent days, and gaps of a table."""

import numpy as np
import pytest
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness, observed_days
from histories import MONDAY, make_history


def test_completeness_is_estimated_from_truncated_delays() -> None:
    rng = np.random.default_rng(1)
    occurred = MONDAY + rng.integers(0, 400, 40_000)
    delay = rng.geometric(0.1, 40_000) - 1
    known = make_history(occurred, delay, np.full(40_000, 101)).known_by(MONDAY + 399)
    share = completeness(known, MONDAY + 399)
    for days in (0, 5, 20):
        assert share[days] == pytest.approx(1 - 0.9 ** (days + 1), abs=0.02)


def test_completeness_rises_to_one() -> None:
    history = make_history(np.repeat(MONDAY + np.arange(50), 4), np.tile([0, 0, 2, 9], 50), np.full(200, 101))
    share = completeness(history, MONDAY + 60)
    assert len(share) == MAX_DELAY_DAYS + 1
    assert (np.diff(share) >= 0).all()
    assert share[[0, 1, 2, 8, 9, 400]] == pytest.approx([0.5, 0.5, 0.75, 0.75, 1, 1])


def test_completeness_of_reports_without_delay_is_one() -> None:
    history = make_history(MONDAY + np.arange(50), np.zeros(50), np.full(50, 101))
    assert (completeness(history, MONDAY + 49) == 1).all()


def test_a_gap_in_the_table_is_no_quiet_time() -> None:
    counts = np.full(200, 12)
    counts[50:110] = 0
    observed = observed_days(counts)
    assert not observed[50:110].any()
    assert observed.sum() == 140


@pytest.mark.parametrize("length", [1, 2])
def test_a_day_or_two_without_reports_are_no_gap(length: int) -> None:
    counts = np.full(100, 50)
    counts[40 : 40 + length] = 0
    assert observed_days(counts).all()


def test_few_reports_make_no_gaps() -> None:
    quiet = np.zeros(200, int)
    quiet[::9] = 1
    assert observed_days(quiet).all()
    assert observed_days(np.zeros(30, int)).all()
