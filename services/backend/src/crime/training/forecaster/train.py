"""Train `crime-risk` on a whole history and write its bundle: the forecast, its backtest, the latest features."""

import gc
import json
import platform
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from crime.core.bundle_files import SPEC_FORMAT, Versions, file_hashes, write_spec
from crime.core.days import day_text, weekday
from crime.core.errors import DataError
from crime.core.executors import Executor
from crime.core.memory import release_free_memory
from crime.core.model_names import FORECAST_MODEL
from crime.core.progress import Progress, no_progress
from crime.features.store import FeatureStore
from crime.features.windows import Entity
from crime.forecaster.arrays import CUTS, HORIZON_DAYS, PERIOD_DAYS, RECENT_DAYS, Cut, ForecastArrays, PlaceForecasts
from crime.forecaster.bundle import ForecastBundle
from crime.forecaster.spec import ARRAYS_FILE, FEATURES_FILE, WEEK_FILE, BacktestSummary, ForecastData, ForecastSpec
from crime.reports.history import EventHistory
from crime.reports.places import PLACE_KINDS, PlaceKind
from crime.reports.tally import Tally
from crime.training.forecaster.cross_validation import OriginTrial, backtest_needs, cross_validation
from crime.training.forecaster.forecaster import OUR_METHOD, Forecaster, OriginKinds
from crime.training.forecaster.intervals import MEAN_GRID, Cells, IntervalModel
from crime.training.forecaster.origin_view import located_reports
from crime.training.forecaster.scores import summarise
from crime.training.forecaster.shares import shift_category_counts, shift_category_shares, sum_cut
from crime.training.forecaster.this_week import week_arrays, week_needs
from crime.training.plain_lightgbm import lightgbm

# of sums over 7 and 28 days: errors of 22 % of what is expected, and counts a tenth more scattered than Poisson's;
# set by judgement, as docs/method.md says
SUM_PRIOR = IntervalModel(a=0.1, b=0.05)
INTERVAL_TRIALS = 6  # latest trials of the backtest that intervals are fitted to


def train_forecast(
    history: EventHistory,
    tally: Tally,
    directory: Path,
    progress: Progress = no_progress,
    share: float = 1.0,
    executor: Executor | None = None,
) -> ForecastBundle:
    """Backtest and make the forecast, and write its bundle to `directory`.

    If the history is a random draw of a `share` of all reports, the forecast is of all reports; the backtest is of the
    draw. `executor` makes the forecasts of all origins; threads of this process if not given. Raises `DataError` if
    there are too few reports, or they cover too short a time.
    """
    kinds = [kind for kind in PLACE_KINDS if kind != "district" or (history.district > 0).any()]
    needed = [*backtest_needs(history, kinds), *week_needs(history, kinds), OriginKinds(history.last, kinds)]
    directory.mkdir(parents=True, exist_ok=True)
    forecaster = Forecaster(history, kinds)
    forecaster.compute(needed, executor, progress)
    _release_memory()  # the origins took more than the forecasts that are kept
    _write_bundle(forecaster, kinds, tally, directory, share)
    del forecaster
    _release_memory()  # publishing needs memory, in this process or beside it
    return ForecastBundle(directory)


def _release_memory() -> None:
    gc.collect()
    release_free_memory()


def _write_bundle(
    forecaster: Forecaster, kinds: Sequence[PlaceKind], tally: Tally, directory: Path, share: float
) -> None:
    history = forecaster.known.history
    places: dict[PlaceKind, PlaceForecasts] = {}
    past_origins: list[int] = []
    summaries: dict[Entity, BacktestSummary] = {}
    with threadpool_limits(1, "blas"):  # as in a backtest
        for kind in kinds:
            trials = cross_validation(forecaster, kind, "day")
            if kind != "city":
                summaries[kind] = summarise(trials, kind, "day")
            places[kind] = _place_forecasts(forecaster, kind, trials, share)
            past_origins = [trial.origin for trial in trials]
        week = week_arrays(forecaster, past_origins)
    store = FeatureStore(history)
    entities = [kind for kind in kinds if kind != "city"]
    online = {entity: store.latest(entity, history.last) for entity in entities}
    ForecastArrays(MEAN_GRID.astype(np.float32), places).write(directory / ARRAYS_FILE)
    (directory / FEATURES_FILE).write_text(json.dumps(online) + "\n")
    week.write(directory / WEEK_FILE)
    spec = ForecastSpec(
        model=FORECAST_MODEL,
        version="unregistered",
        format=SPEC_FORMAT,
        origin=history.last,
        past_origin=past_origins[-1],
        backtest=summaries,
        data=ForecastData(
            reports=len(history),
            share=share,
            first_day=day_text(history.first),
            until=day_text(history.last),
            **tally.as_dict(),
        ),
        versions=Versions(python=platform.python_version(), lightgbm=lightgbm.__version__, numpy=np.__version__),
        sha256=file_hashes(directory, (ARRAYS_FILE, FEATURES_FILE, WEEK_FILE)),
    )
    write_spec(directory, spec)


def _place_forecasts(
    forecaster: Forecaster, kind: PlaceKind, trials: Sequence[OriginTrial], share: float
) -> PlaceForecasts:
    """The forecast of each place, scaled to all reports. Past counts of a draw are not: they are of the draw."""
    known, places = forecaster.known, forecaster.known.places[kind]
    origin = known.history.last
    view = known.view(origin)
    intervals = interval_models(forecaster, kind, trials, share)
    return PlaceForecasts(
        ids=places.ids.astype(np.int32),
        area=places.area.astype(np.int32),
        mean=(forecaster.forecast(kind, origin) / share).astype(np.float32),
        share=shift_category_shares(known.history, known.places, kind, origin).astype(np.float32),
        centre=view.centres(kind).astype(np.float32),
        located=located_reports(known.history, places, origin).astype(np.int32),
        recent=view.counts(kind)[:, -RECENT_DAYS:].astype(np.int32),
        intervals={key: model.of_whole(share).table().astype(np.float32) for key, model in intervals.items()},
        **_history(forecaster, kind, trials[-1]),
    )


def _history(forecaster: Forecaster, kind: PlaceKind, last: OriginTrial) -> dict[str, np.ndarray]:
    """Recent reports by shift and category, the latest past forecast and what came of it. Districts have none."""
    known, places = forecaster.known, forecaster.known.places[kind]
    if kind == "district":
        return {}
    origin = known.history.last
    recent = shift_category_counts(known.history, places, origin - RECENT_DAYS + 1, origin, known_by=origin)
    arrays = {"recent_split": recent.astype(np.int32)}
    if last.covers_horizon:
        past, outcome = np.zeros((len(places), HORIZON_DAYS)), np.zeros((len(places), HORIZON_DAYS))
        past[last.places], outcome[last.places] = last.means[OUR_METHOD], last.reports
        split = shift_category_counts(known.history, places, last.origin + 1, last.origin + HORIZON_DAYS)
        share = shift_category_shares(known.history, known.places, kind, last.origin)
        arrays |= {"past": past.astype(np.float32), "outcome": outcome.astype(np.int32)}
        arrays |= {"past_share": share.astype(np.float32), "outcome_split": split.astype(np.int32)}
    return arrays


def interval_models(
    forecaster: Forecaster, kind: PlaceKind, trials: Sequence[OriginTrial], share: float
) -> dict[tuple[Cut, int], IntervalModel]:
    """An interval model for each cut and for sums over 1, 7 and 28 days, fitted to past forecasts without a gap.

    `share`: of all reports that the history is a draw of. Those of a day are fitted to the latest trials, of sums to
    all: a trial has few sums. Raises `DataError` if there is none.
    """
    keys = [(cut, days) for cut in CUTS for days in PERIOD_DAYS.values()]
    cells: dict[tuple[Cut, int], list[Cells]] = {key: [] for key in keys}
    history, places = forecaster.known.history, forecaster.known.places
    for index, trial in enumerate(trials):
        if not trial.covers_horizon:
            continue
        first = trial.origin + 1
        split = shift_category_shares(history, places, kind, trial.origin)[trial.places]
        by_weekday = split[:, weekday(np.arange(first, first + HORIZON_DAYS))]
        expected = trial.means[OUR_METHOD][:, :, None, None] * by_weekday
        counts = shift_category_counts(history, places[kind], first, first + HORIZON_DAYS - 1)[trial.places]
        for cut, days in keys:
            if days == 1 and index < len(trials) - INTERVAL_TRIALS:
                continue
            cells[cut, days].append(Cells.of(*(_sums(sum_cut(values, cut), days) for values in (expected, counts))))
    if not cells["all", 1]:
        raise DataError("no backtest is possible: the table has gaps in all of its four-week periods")
    # all reports thinned to a share of them have that share of `a`
    of_sums = IntervalModel(SUM_PRIOR.a * share, SUM_PRIOR.b)
    return {
        (cut, days): IntervalModel.fit(Cells.merge(cells[cut, days]), None if days == 1 else of_sums)
        for cut, days in keys
    }


def _sums(values: np.ndarray, days: int) -> np.ndarray:
    """(P, 28 / days, ...) sums over consecutive days of (P, 28, ...)."""
    return np.asarray(values.reshape(len(values), HORIZON_DAYS // days, days, *values.shape[2:]).sum(2))
