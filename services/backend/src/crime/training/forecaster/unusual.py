"""What is unusual now: areas, districts and categories whose latest reports are outside their forecast's range.

The forecast of 14 days ago is compared with what came, over the latest 7 and the latest 14 days. The same comparison at
earlier days, with what was known on each of them, tells how far a forecast is usually off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from crime.core.days import weekday
from crime.forecaster.week import KINDS
from crime.reports.places import PLACE_KINDS, PlaceKind, Places
from crime.training.forecaster.false_discovery import discoveries
from crime.training.forecaster.forecaster import Forecaster
from crime.training.forecaster.intervals import MEAN_GRID, Cells, IntervalModel
from crime.training.forecaster.known_counts import CITY_AND_AREAS, city_and_area_counts, kind_counts, known_share
from crime.training.forecaster.shares import shift_category_shares

# set by judgement, as docs/method.md says
AHEAD_DAYS = 14  # a rise that began within them has not moved the forecast yet
WINDOWS = (7, 14)  # latest days that are compared
MIN_EXPECTED = 1.0  # reports of a window; of places with fewer nothing is said
OUTSIDE = 0.05  # p of what is outside its 95 % range, over both windows
FALSE_DISCOVERY_RATE = 0.025  # among city and areas, and again among districts: together 0.05
MOST_TOLD = 60  # places outside their range that are kept, of city and areas and of districts
Family = Literal["all", "category", "district"]
FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True)
class Replay:
    """The forecast of a day and the 14 days that followed it, by family: (2, n) reports of the two windows."""

    expected: dict[Family, np.ndarray]  # to be known at the end
    reports: dict[Family, np.ndarray]


class Unusual(NamedTuple):
    """The fields of `WeekArrays` that are about what is unusual, in their order."""

    places: np.ndarray
    counts: np.ndarray
    alarms: np.ndarray
    looked_at: np.ndarray


def expected_by_kind(forecaster: Forecaster, origin: int) -> np.ndarray:
    """(1 + areas, 28, 8) expected reports of the city and its areas on the days after `origin`, by kind of report."""
    parts = []
    for kind in CITY_AND_AREAS:
        mean = forecaster.forecast(kind, origin)
        share = shift_category_shares(forecaster.known.history, forecaster.known.places, kind, origin).sum(2)
        by_category = mean[:, :, None] * share[:, weekday(origin + 1 + np.arange(mean.shape[1]))]
        parts.append(np.concatenate([mean[:, :, None], by_category], 2))
    return np.concatenate(parts)


def replay(forecaster: Forecaster, origin: int, known_by: int) -> Replay:
    """What the forecast of `origin` expected of the next 14 days, and what was known of them on the day `known_by`."""
    known, span = forecaster.known, (origin + 1, origin + AHEAD_DAYS)
    share = known_share(known, span, known_by)
    covered = share[:, :1] > 0
    expected = expected_by_kind(forecaster, origin)[:, :AHEAD_DAYS] * share
    counts = city_and_area_counts(known, span, known_by) * covered
    parts = {"all": (expected[:, :, :1], counts[:, :, :1]), "category": (expected[:, :, 1:], counts[:, :, 1:])}
    if "district" in known.places:
        mean = forecaster.forecast("district", origin)[:, :AHEAD_DAYS, None] * share[:, :1]
        parts["district"] = (
            mean,
            kind_counts(known.history, known.places["district"], span, known_by)[:, :, :1] * covered,
        )

    def windows(values: np.ndarray) -> np.ndarray:
        return np.stack([values[:, -days:].sum(1).ravel() for days in WINDOWS])

    return Replay(
        {family: windows(parts[family][0]) for family in FAMILIES if family in parts},
        {family: windows(parts[family][1]) for family in FAMILIES if family in parts},
    )


Models = dict[tuple[Family, int], IntervalModel]  # by family, and index into `WINDOWS`


def fit_models(replays: Sequence[Replay]) -> Models:
    """How far reports of each family and window are from what was expected, in earlier replays."""
    models: Models = {}
    for family in replays[0].expected:
        for window in range(len(WINDOWS)):
            mean = np.concatenate([replay.expected[family][window] for replay in replays])
            reports = np.concatenate([replay.reports[family][window] for replay in replays])
            enough = mean >= MIN_EXPECTED
            if enough.any():
                models[family, window] = IntervalModel.fit(Cells.of(mean[enough], reports[enough]))
    return models


class Judged(NamedTuple):
    """n comparisons, each over the window in which it is more unusual.

    `window`: index into `WINDOWS`. `low`, `high`: the 95 % range of what was expected. `p` counts the windows as two
    trials; it is NaN where too few reports are expected.
    """

    window: np.ndarray
    reports: np.ndarray
    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def chance(now: Replay, models: Models, family: Family) -> np.ndarray:
    """(2, n) two-sided p of a family's latest reports in each window; NaN where too few are expected."""
    expected, reports = now.expected[family], now.reports[family]
    p = np.full(expected.shape, np.nan)
    for window in range(len(WINDOWS)):
        if model := models.get((family, window)):
            enough = expected[window] >= MIN_EXPECTED
            p[window, enough] = model.two_sided(expected[window, enough], reports[window, enough])
    return p


def over_windows(p: np.ndarray) -> np.ndarray:
    """(n,) p of either window (2, n), the two counted as two trials (Bonferroni); NaN where neither is known."""
    least = np.nan_to_num(p, nan=2.0).min(0)
    return np.asarray(np.where(least > 1, np.nan, np.minimum(len(WINDOWS) * least, 1)))


def judge(now: Replay, models: Models, family: Family) -> Judged:
    """Compare the latest reports of a family with what was expected of them."""
    p = chance(now, models, family)
    window = np.nan_to_num(p, nan=2.0).argmin(0)
    best = window, np.arange(len(window))
    expected, reports = now.expected[family][best], now.reports[family][best]
    low, high = np.full(len(window), np.nan), np.full(len(window), np.nan)
    for index in range(len(WINDOWS)):
        if model := models.get((family, index)):
            rows = window == index
            low[rows], high[rows] = range95(model, expected[rows])
    return Judged(window, reports, expected, low, high, over_windows(p))


def range95(model: IntervalModel, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of the 95 % range around expected reports, whole numbers; NaN where nothing is expected."""
    low, high = (np.interp(mean, MEAN_GRID, bound).round() for bound in model.table()[2:])
    return low, high


def find_unusual(forecaster: Forecaster, now: Replay, models: Models) -> Unusual:
    """Those outside their 95 % range, the most unusual first; the alarms are those that chance does not explain."""
    places = forecaster.known.places
    labels: dict[Family, np.ndarray] = {"all": _labels(places, CITY_AND_AREAS, [0])}
    labels["category"] = _labels(places, CITY_AND_AREAS, range(1, len(KINDS)))
    if "district" in places:
        labels["district"] = _labels(places, ["district"], [0])
    groups: list[list[Family]] = [["all", "category"], ["district"]]
    rows, alarms, looked_at = [], [], []
    for group in groups:
        families = [family for family in group if family in labels]
        if not families:
            looked_at.append(0)
            continue
        judged = [judge(now, models, family) for family in families]
        window, reports, expected, low, high, p = (np.concatenate(part) for part in zip(*judged, strict=True))
        alarm = discoveries(p, FALSE_DISCOVERY_RATE)
        outside = np.flatnonzero((p <= OUTSIDE) | alarm)
        told = outside[np.argsort(p[outside], kind="stable")][: max(MOST_TOLD, int(alarm.sum()))]
        label = np.concatenate([labels[family] for family in families])
        rows.append(np.column_stack([label, np.array(WINDOWS)[window], reports, expected, low, high, p])[told])
        alarms.append(alarm[told])
        looked_at.append(int((~np.isnan(p)).sum()))
    table, alarm = np.concatenate(rows), np.concatenate(alarms)
    order = np.lexsort((table[:, -1], ~alarm))
    return Unusual(table[order, :4].astype(np.int32), table[order, 4:], alarm[order], np.array(looked_at, np.int32))


def _labels(places: Mapping[PlaceKind, Places], kinds: Sequence[PlaceKind], reports: Sequence[int]) -> np.ndarray:
    """(places x reports, 3) index into `PLACE_KINDS`, id, and index into `KINDS`; the last changes fastest."""
    return np.array(
        [
            (PLACE_KINDS.index(kind), id_, report)
            for kind in kinds
            for id_ in places[kind].ids.tolist()
            for report in reports
        ]
    )
