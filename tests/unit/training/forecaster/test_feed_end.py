"""A feed that stopped is told from a quiet time, to the day; what thins out over months is cut where it began to."""

import numpy as np
import pytest
from crime.core.days import day_number, day_text
from crime.core.errors import DataError
from crime.reports.history import EventHistory
from crime.reports.tally import Tally
from crime.training.forecaster.feed_end import complete_history, feed_end, feed_start
from histories import MONDAY, make_history


def history_of(rates: np.ndarray, seed: int = 0) -> EventHistory:
    """Poisson reports of a day's rate (days,), some of them late, as known on the last day."""
    rng = np.random.default_rng(seed)
    occurred = np.repeat(MONDAY + np.arange(len(rates)), rng.poisson(rates))
    delay = (
        rng.geometric(0.5, len(occurred)) - 1 + (rng.random(len(occurred)) < 0.1) * rng.integers(0, 60, len(occurred))
    )
    known = occurred + delay < MONDAY + len(rates)
    return make_history(occurred[known], delay[known], np.full(known.sum(), 101))


@pytest.mark.parametrize("rate", [5, 60])
def test_a_feed_that_goes_on_has_no_end(rate: int) -> None:
    assert [feed_end(history_of(np.full(900, rate), seed)) for seed in range(10)] == [None] * 10


def test_a_fall_of_crime_is_no_end() -> None:
    rates = np.full(900, 30.0)
    rates[-100:] *= 0.6
    assert feed_end(history_of(rates)) is None


@pytest.mark.parametrize(("days", "left"), [(60, 0.03), (12, 0.05), (200, 0.2)])
def test_the_day_on_which_a_feed_stopped_is_found(days: int, left: float) -> None:
    rates = np.full(900, 40.0)
    rates[-days:] *= left
    end = feed_end(history_of(rates))
    assert end is not None
    assert end.day == pytest.approx(MONDAY + 900 - days - 1, abs=1)
    assert end.share == pytest.approx(left, abs=0.05)


def test_a_table_that_thins_out_over_months_is_cut_where_it_began_to() -> None:
    rates = np.full(1_200, 60.0)
    rates[-270:] *= np.linspace(1, 0.2, 270)
    end = feed_end(history_of(rates))
    assert end is not None
    assert MONDAY + 930 - 7 <= end.day <= MONDAY + 930 + 45


def test_what_comes_after_the_end_is_counted_and_left_out() -> None:
    rates = np.full(900, 40.0)
    rates[-60:] *= 0.03
    history, tally = history_of(rates), Tally(simulated=1)
    whole = complete_history(history, tally)
    assert len(whole) + tally.rejected_rows == len(history)
    (reason,) = tally.rejected
    assert reason.startswith("reports fell to ")
    assert reason.endswith(f"after {day_text(whole.last)}: the table ends there")


def test_too_short_a_rest_is_refused_with_the_reason() -> None:
    rates = np.full(260, 40.0)
    rates[-100:] *= 0.01
    with pytest.raises(DataError, match=r"too short a time for a backtest.*the table ends there"):
        complete_history(history_of(rates), Tally())


@pytest.mark.parametrize("rate", [5, 60])
def test_a_table_that_is_whole_from_its_first_day_on_has_no_other_start(rate: int) -> None:
    assert [feed_start(history_of(np.full(400, rate), seed)) for seed in range(10)] == [None] * 10


def test_mistyped_dates_before_a_table_are_left_out() -> None:
    rates = np.full(6_000, 0.01)
    rates[-900:] = 30
    start = feed_start(history_of(rates))
    assert start == pytest.approx(MONDAY + 5_100, abs=28)


def test_a_table_that_grew_over_months_begins_where_it_is_whole() -> None:
    rates = np.full(900, 60.0)
    rates[:300] *= np.linspace(0, 1, 300)
    start = feed_start(history_of(rates))
    assert start is not None
    assert MONDAY + 240 <= start <= MONDAY + 320


def legacy_tally(history: EventHistory) -> Tally:
    tally = Tally(rows=len(history))
    tally.systems["legacy"] = len(history)
    return tally


@pytest.mark.parametrize("left", [0.03, 0.5])
def test_lapds_own_table_ends_where_the_areas_began_to_move(left: float) -> None:
    days = day_number("2024-12-31") - MONDAY + 1
    rates = np.full(days, 30.0)
    rates[day_number("2024-03-07") - MONDAY :] *= left
    history = history_of(rates)
    tally = legacy_tally(history)
    assert day_text(complete_history(history, tally).last) == "2024-03-06"
    (reason,) = tally.rejected
    assert reason.startswith("LAPD's areas moved to NIBRS after 2024-03-06")


def test_lapds_own_table_that_stopped_earlier_ends_there() -> None:
    rates = np.full(day_number("2023-09-30") - MONDAY + 1, 30.0)
    rates[-90:] *= 0.03
    history = history_of(rates)
    whole = complete_history(history, legacy_tally(history))
    assert whole.last == pytest.approx(day_number("2023-09-30") - 90, abs=1)


def test_a_city_that_grows_is_not_cut() -> None:
    assert feed_start(history_of(np.linspace(10, 40, 730))) is None
