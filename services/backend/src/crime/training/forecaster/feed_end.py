"""Where a table begins and ends in truth: outside, reports are a trickle because its feed had not begun, or stopped.

A forecast would take a trickle for a rise or a fall of crime. The end is found by a likelihood ratio: two rates, one
for the year before and one for what follows, against one rate for both (Hinkley, Inference about the change-point in a
sequence of random variables, Biometrika 1970). A table that grows or thins out over months is cut to where it is whole.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crime.core.days import day_number, day_text
from crime.core.errors import DataError
from crime.reports.history import WINDOW_DAYS, EventHistory, first_dense_day
from crime.reports.sources import SOURCES
from crime.reports.tally import Tally
from crime.training.forecaster.cross_validation import backtest_origins
from crime.training.forecaster.reporting_delay import MAX_DELAY_DAYS, completeness, observed_days

# set by judgement, as docs/method.md says
YEAR_DAYS = 364  # days before a stop that give the usual rate: every weekday and season once
MIN_DAYS_BEFORE = 84  # of a history, for a usual rate
TRICKLE_SHARE = 0.35  # of the usual rate: what is left after a stop is less; a real fall of crime leaves more
MIN_LOG_RATIO = 12.0  # of the likelihoods: chance gives this less than once in a million tables
REMAINDER_SHARE = 0.75  # of the usual rate: LAPD's own table has clearly less once areas have moved
MAX_STRAY_ROWS = 0.01  # share of NIBRS rows in a table of LAPD's own codes
THINNED_SHARE, THINNED_LOG_RATIO = 0.95, 2.0  # of such a window's rate, and how clearly it is less


@dataclass(frozen=True)
class FeedEnd:
    """The last day on which a table is complete, and the rate of reports after it as a share of the usual one."""

    day: int
    share: float


class FeedBounds(NamedTuple):
    """First and last day on which a table is complete. `notes`: why reports outside are left out, for each side."""

    first: int
    last: int
    notes: tuple[str, ...]


def complete_history(history: EventHistory, tally: Tally) -> EventHistory:
    """The reports between where the table's feed began and where it stopped.

    `tally` counted the table's rows; the others are counted in it as rejected. Raises `DataError` if the rest is too
    short for a backtest.
    """
    first, last, notes = feed_bounds(history, tally)
    too_early, too_late = history.occurred < first, history.occurred > last
    for day in history.occurred[too_early]:
        tally.reject(notes[0], 0, day_text(int(day)))
    for day in history.occurred[too_late]:
        tally.reject(notes[-1], 0, day_text(int(day)))
    history = history.take(np.flatnonzero(~too_early & ~too_late))
    try:
        backtest_origins(history)
    except DataError as error:
        raise DataError(f"{error} ({'; '.join(notes)})" if notes else str(error)) from None
    return history


def feed_bounds(history: EventHistory, tally: Tally) -> FeedBounds:
    """The days between which a table is complete; `tally` counted its rows."""
    notes = []
    start = feed_start(history)
    if start is not None:
        notes.append(f"until {day_text(start)} reports came only by a few: the table begins there")
        history = history.take(np.flatnonzero(history.occurred >= start))
    end, reason = _end_and_reason(history, tally)
    if end is not None:
        notes.append(reason)
    return FeedBounds(history.first if start is None else start, history.last if end is None else end, tuple(notes))


def _end_and_reason(history: EventHistory, tally: Tally) -> tuple[int | None, str]:
    """The last complete day, and why later reports are left out; None if the table is complete to its last day.

    LAPD's own table, where it is alone, is known to be a remainder from the day on which the areas began to move.
    """
    end = feed_end(history)
    moved = _moved_after(history, tally)
    if moved is not None and (end is None or end.day >= moved - WINDOW_DAYS):
        day = day_text(moved)
        return moved, f"LAPD's areas moved to NIBRS after {day}: without that table, reports end there"
    if end is None:
        return None, ""
    text = f"reports fell to {end.share:.0%} of a year's rate after {day_text(end.day)}: the table ends there"
    return end.day, text


def _moved_after(history: EventHistory, tally: Tally) -> int | None:
    """The last complete day of LAPD's own table, if this is one and has clearly fewer reports after it."""
    complete_until = SOURCES["legacy"].complete_until
    if not complete_until or tally.simulated or tally.systems["nibrs"] > MAX_STRAY_ROWS * tally.rows:
        return None
    moved = day_number(complete_until)
    if not history.first + MIN_DAYS_BEFORE < moved < history.last:
        return None
    year = (history.occurred <= moved) & (history.occurred > moved - YEAR_DAYS)
    rate = year.sum() / min(YEAR_DAYS, moved - history.first + 1)
    after, expected = (history.occurred > moved).sum(), rate * (history.last - moved)
    return moved if after < REMAINDER_SHARE * expected and _is_thinned(float(after), float(expected)) else None


def feed_start(history: EventHistory) -> int | None:
    """The first day on which the table is complete; None if that is its first day.

    Before it are mistyped dates, and the months in which its feed was still growing.
    """
    counts = np.bincount(history.occurred - history.first).astype(float)
    if len(counts) < WINDOW_DAYS:
        return None
    reports = np.concatenate([[0], np.cumsum(counts)])  # up to the day before each
    middle = int(np.searchsorted(reports, reports[-1] / 2))
    start = first_dense_day(counts, (reports[-1] - reports[middle - 1]) / (len(counts) - middle + 1))
    windows = reports[WINDOW_DAYS:] - reports[:-WINDOW_DAYS]
    if start < len(windows) and windows[start] < TRICKLE_SHARE * _mean_window_of_next_year(reports, start):
        while start + WINDOW_DAYS < middle and _is_thinned(windows[start], _mean_window_of_next_year(reports, start)):
            start += 7
    return history.first + start if start else None


def _mean_window_of_next_year(reports: np.ndarray, start: int) -> float:
    """Mean reports in four weeks, over the year that follows the first four weeks from `start`."""
    first, last = start + WINDOW_DAYS, min(start + WINDOW_DAYS + YEAR_DAYS, len(reports) - 1)
    return float(WINDOW_DAYS * (reports[last] - reports[first]) / max(last - first, 1))


def _is_thinned(seen: float, expected: float) -> bool:
    """Whether a window of days has clearly fewer reports than expected."""
    ratio = float(_log_ratio(np.array([seen]), np.array([expected]))[0])
    return seen < THINNED_SHARE * expected and ratio > THINNED_LOG_RATIO


def feed_end(history: EventHistory) -> FeedEnd | None:
    """Find where the table's feed stopped; None if it is complete to its last day."""
    days = np.arange(history.first, history.last + 1)
    # days before which the feed may have stopped: what came before is longer than the rest, so that it is the usual
    candidates = np.arange(max(MIN_DAYS_BEFORE, len(days) // 2), len(days))
    if not len(candidates):
        return None
    counts = np.bincount(history.occurred - history.first, minlength=len(days)).astype(float)
    known = completeness(history, history.end)[np.minimum(history.end - days, MAX_DELAY_DAYS)]
    reports = np.concatenate([[0], np.cumsum(counts)])  # up to the day before each
    exposure = np.concatenate([[0], np.cumsum(known * observed_days(counts))])
    before = np.maximum(candidates - YEAR_DAYS, 0)
    rate = (reports[candidates] - reports[before]) / np.maximum(exposure[candidates] - exposure[before], 1e-9)
    after, expected = reports[-1] - reports[candidates], rate * (exposure[-1] - exposure[candidates])
    ratio = _log_ratio(after, expected)
    ratio[after >= TRICKLE_SHARE * expected] = 0
    best = int(ratio.argmax())
    if ratio[best] < MIN_LOG_RATIO:
        return None
    stop = _first_thinned(int(candidates[best]), reports, exposure)
    return FeedEnd(int(days[stop - 1]), float(after[best] / expected[best]))


def _first_thinned(stop: int, reports: np.ndarray, exposure: np.ndarray) -> int:
    """Go back from `stop`, a week at a time, while the four weeks before it have clearly fewer reports than usual."""
    while stop - WINDOW_DAYS > MIN_DAYS_BEFORE:
        window, year = stop - WINDOW_DAYS, max(stop - WINDOW_DAYS - YEAR_DAYS, 0)
        rate = (reports[window] - reports[year]) / max(exposure[window] - exposure[year], 1e-9)
        seen, expected = reports[stop] - reports[window], rate * (exposure[stop] - exposure[window])
        if not _is_thinned(seen, expected):
            break
        stop -= 7
    return stop


def _log_ratio(seen: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(n,) log likelihood of Poisson counts under their own rates, less that under the expected ones."""
    expected = np.maximum(expected, 1e-9)
    return np.asarray(seen * np.log(np.maximum(seen, 1e-9) / expected) - seen + expected)
