"""What a forecast's bundle says of the latest weeks: see `crime.forecaster.week`."""

from collections.abc import Sequence

import numpy as np

from crime.forecaster.arrays import HORIZON_DAYS
from crime.forecaster.week import KINDS, YEAR_WEEKS, WeekArrays
from crime.reports.history import EventHistory
from crime.reports.places import PlaceKind
from crime.training.forecaster.comparison import compare_periods
from crime.training.forecaster.forecaster import Forecaster, OriginKinds
from crime.training.forecaster.known_counts import CITY_AND_AREAS, city_and_area_counts, known_share
from crime.training.forecaster.unusual import (
    AHEAD_DAYS,
    Models,
    expected_by_kind,
    find_unusual,
    fit_models,
    range95,
    replay,
)


def week_needs(history: EventHistory, kinds: Sequence[PlaceKind]) -> list[OriginKinds]:
    """What `week_arrays` asks of a forecaster of these kinds of places, in addition to a backtest."""
    return [OriginKinds(history.last - HORIZON_DAYS, CITY_AND_AREAS), OriginKinds(history.last - AHEAD_DAYS, kinds)]


def week_arrays(forecaster: Forecaster, origins: Sequence[int]) -> WeekArrays:
    """Compare the latest weeks with earlier ones and with what was expected of them.

    `origins`: days of past forecasts, as of a backtest. They tell how far forecasts are usually off.
    """
    known, last = forecaster.known, forecaster.known.history.last
    lag = known.history.end - last  # a replay knows as little of its last days as is known now
    earlier = [origin for origin in origins if origin + AHEAD_DAYS <= last - AHEAD_DAYS]
    models = fit_models([replay(forecaster, origin, origin + AHEAD_DAYS + lag) for origin in earlier])
    now = replay(forecaster, last - AHEAD_DAYS, known.history.end)
    week_reports, week_range = _year_of_weeks(forecaster, origins, models)
    return WeekArrays(
        np.concatenate([known.places[kind].ids for kind in CITY_AND_AREAS]).astype(np.int32),
        *compare_periods(known),
        week_reports,
        week_range,
        *find_unusual(forecaster, now, models),
    )


def _year_of_weeks(forecaster: Forecaster, origins: Sequence[int], models: Models) -> tuple[np.ndarray, np.ndarray]:
    """(P, 8, 52) reports known, and (3, P, 8, 52) expected to be known with the bounds of the 95 % range.

    Each day is expected as the latest of these past forecasts did, at most 28 days earlier; the last four weeks as the
    forecast did that was made before them.
    """
    known, last = forecaster.known, forecaster.known.history.last
    first = last - 7 * YEAR_WEEKS + 1
    share = known_share(known, (first, last), known.history.end)
    counts = city_and_area_counts(known, (first, last), known.history.end)
    mean = np.full(counts.shape, np.nan)
    for origin in [*origins, last - HORIZON_DAYS]:
        days = np.arange(origin + 1, origin + HORIZON_DAYS + 1)
        used = (days >= first) & (days <= last)
        mean[:, days[used] - first] = expected_by_kind(forecaster, origin)[:, used]

    def weeks(values: np.ndarray) -> np.ndarray:
        return np.asarray(values.reshape(len(values), YEAR_WEEKS, 7, len(KINDS)).sum(2).transpose(0, 2, 1))

    expected = weeks(mean * share)
    ranges = np.full((3, *expected.shape), np.nan, np.float32)
    ranges[0] = expected
    for kind in range(len(KINDS)):
        if model := models.get(("all" if kind == 0 else "category", 0)):
            ranges[1:, :, kind] = range95(model, expected[:, kind])
    return weeks(counts).astype(np.int32), ranges
