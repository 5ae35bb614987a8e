"""A forecast of two areas and three districts, written by hand: every place has a constant mean."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from crime.core.bundle_files import Versions, file_hashes, write_spec
from crime.core.days import day_number
from crime.forecaster.arrays import CUTS, PERIOD_DAYS, ForecastArrays, PlaceForecasts
from crime.forecaster.spec import ForecastData, ForecastSpec
from crime.forecaster.week import KINDS, WeekArrays
from crime.reports.categories import CATEGORIES
from crime.reports.places import PlaceKind

ORIGIN = day_number("2020-12-31")
GRID = np.array([0.0, 1000.0])
WIDTHS = {"all": 2.0, "shift": 3.0, "category": 4.0, "both": 5.0}  # of a day's intervals below, by cut


def places(ids: list[int], area: list[int], mean: list[float]) -> PlaceForecasts:
    """Places with a constant mean, whose reports are all thefts, a third in each shift."""
    count = len(ids)
    share = np.zeros((count, 7, 3, 7))
    share[..., list(CATEGORIES).index("theft_burglary")] = 1 / 3
    centre = np.tile([34.05, -118.25], (count, 1))
    centre[-1] = 0  # the last one has no coordinates
    return PlaceForecasts(
        ids=np.array(ids),
        area=np.array(area),
        mean=np.tile(np.array(mean)[:, None], (1, 28)),
        share=share,
        centre=centre,
        recent=np.tile(np.arange(91), (count, 1)),
        intervals={(cut, days): _table(days * WIDTHS[cut]) for cut in CUTS for days in PERIOD_DAYS.values()},
        located=np.full(count, 40),
        recent_split=np.ones((count, 91, 3, 7)),
    )


def _of_earlier_release(forecasts: PlaceForecasts) -> PlaceForecasts:
    intervals = {(cut, days): table for (cut, days), table in forecasts.intervals.items() if days == 1}
    return replace(forecasts, intervals=intervals, located=None, recent_split=None, past_share=None, outcome_split=None)


def _table(width: float) -> np.ndarray:
    """Intervals of 80 and 95 %: as wide around every expectation, and twice as wide."""
    return np.array([GRID - width, GRID + width, GRID - 2 * width, GRID + 2 * width])


def week_arrays() -> WeekArrays:
    """Of the city and areas 1 and 6: 70, 20 and 50 reports a week, half as many a year before, none before that year.

    Hollywood's thefts and district 101 are unusual, the latter by chance.
    """
    size = (3, len(KINDS))
    reports = np.zeros((*size, 3, 3), np.int32)
    reports[:, 0] = np.array([70, 20, 50])[:, None, None] * np.array([[1, 1, 0], [4, 4, 2], [52, 52, 26]])
    reports[:, 0, 0, 2] = [0, 0, 25]
    days = np.array([[7, 7, 7], [28, 28, 28], [366, 366, 0]], np.int32)
    ratio = np.full((4, *size, 3, 2), np.nan)
    ratio[:, :, :, :, 0] = np.array([1.0, 0.5, 1.5, 0.9])[:, None, None, None]
    ratio[:, 2, 0, 0, 1] = [2.0, 1.2, 3.5, 0.004]
    ratio[:, 0, 0, 0, 1] = [np.inf, 20.0, np.inf, 1e-9]
    marked = np.zeros((*size, 3, 2), bool)
    marked[0, 0, 0, 1] = True
    weeks = np.full((*size, 52), 7, np.int32)
    ranges = np.stack([np.full((*size, 52), value, np.float32) for value in (8.0, 5.0, 11.0)])
    ranges[..., 0] = np.nan
    return WeekArrays(
        ids=np.array([0, 1, 6], np.int32),
        days=days,
        reports=reports,
        corrected=np.stack([reports * 1.1, reports, reports * 1.25]),
        ratio=ratio,
        marked=marked,
        week_reports=weeks,
        week_range=ranges,
        unusual_place=np.array([[1, 6, 1 + list(CATEGORIES).index("theft_burglary"), 7], [2, 101, 0, 14]], np.int32),
        unusual_count=np.array([[60, 38.24, 26, 51, 0.00001], [3, 9, 4, 15, 0.04]]),
        unusual_alarm=np.array([True, False]),
        looked_at=np.array([24, 3], np.int32),
    )


def write_forecast(directory: Path, simulated: int = 1, share: float = 1.0, earlier_release: bool = False) -> Path:
    """Writes a forecast bundle and returns its directory. Expected reports a day: city 30, area 1 10, area 6 20.

    Bundles of an `earlier_release` have neither the latest weeks, nor ranges of sums, nor the past by shift and
    category.
    """
    directory.mkdir()
    city = places([0], [0], [30])
    split = np.ones((1, 28, 3, 7))
    city = replace(
        city, past=np.full((1, 28), 20.0), outcome=split.sum((2, 3)), past_share=city.share, outcome_split=split
    )
    written: dict[PlaceKind, PlaceForecasts] = {
        "city": city,
        "area": places([1, 6], [1, 6], [10, 20]),
        "district": places([101, 601, 602], [1, 6, 6], [10, 5, 15]),
    }
    if earlier_release:
        written = {kind: _of_earlier_release(forecasts) for kind, forecasts in written.items()}
    ForecastArrays(GRID, written).write(directory / "forecast.npz")
    (directory / "online.json").write_text(json.dumps({"area": {"6": {"reports_7d": 140}}}))
    files = ["forecast.npz", "online.json"]
    if not earlier_release:
        week_arrays().write(directory / "week.npz")
        files.append("week.npz")
    facts: dict[str, Any] = {"rows": 1, "simulated": simulated, "repaired": {}, "rejected": {}, "examples": {}}
    spec = ForecastSpec(
        model="crime-risk",
        version="unregistered",
        origin=ORIGIN,
        past_origin=ORIGIN - 28,
        backtest={},
        data=ForecastData(**facts, reports=1, share=share, first_day="2020-01-01", until="2020-12-31"),
        versions=Versions(python="3", lightgbm="4", numpy="2"),
        sha256=file_hashes(directory, files),
    )
    write_spec(directory, spec)
    return directory
