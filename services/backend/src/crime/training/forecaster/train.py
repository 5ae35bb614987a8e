"""Train `crime-risk` on a whole history and write its bundle: the forecast, its backtest, the latest features."""

import json
import platform
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np

from crime.core.bundle_files import Versions, file_hashes, write_spec
from crime.core.days import day_text, weekday
from crime.core.errors import DataError
from crime.core.model_names import FORECAST_MODEL
from crime.core.progress import Progress, no_progress
from crime.forecaster.arrays import CUTS, HORIZON_DAYS, Cut, ForecastArrays, PlaceForecasts
from crime.forecaster.bundle import ARRAYS_FILE, FEATURES_FILE, WEEK_FILE, ForecastBundle
from crime.forecaster.spec import BacktestSummary, ForecastData, ForecastSpec
from crime.reports.history import EventHistory
from crime.reports.places import PLACE_KINDS, PlaceKind
from crime.reports.tally import Tally
from crime.training.forecaster.cross_validation import OriginTrial, backtest_origins, cross_validation
from crime.training.forecaster.forecaster import OUR_METHOD, Forecaster
from crime.training.forecaster.intervals import MAX_CELLS, MEAN_GRID, IntervalModel
from crime.training.forecaster.scores import summarise
from crime.training.forecaster.shares import shift_category_counts, shift_category_shares, sum_cut
from crime.training.forecaster.this_week import week_arrays

RECENT_DAYS = 91  # days of reports shown before the forecast
INTERVAL_TRIALS = 6  # latest trials of the backtest that intervals are fitted to


def train_forecast(
    history: EventHistory, tally: Tally, directory: Path, progress: Progress = no_progress, share: float = 1.0
) -> ForecastBundle:
    """Backtest and make the forecast, and write its bundle to `directory`.

    If the history is a random draw of a `share` of all reports, the forecast is of all reports; the backtest is of the
    draw. Raises `DataError` if there are too few reports, or they cover too short a time.
    """
    backtest_origins(history)  # fails at once rather than after minutes
    kinds = [kind for kind in PLACE_KINDS if kind != "district" or (history.district > 0).any()]
    forecaster = Forecaster(history, kinds)
    places: dict[PlaceKind, PlaceForecasts] = {}
    past_origins: list[int] = []
    summaries: dict[PlaceKind, BacktestSummary] = {}
    for index, kind in enumerate(kinds):

        def kind_progress(step: str, share: float, index: int = index, kind: PlaceKind = kind) -> None:
            progress(f"{kind}: {step}", (index + share) / len(kinds))

        trials = cross_validation(forecaster, kind, "day", progress=kind_progress)
        if kind != "city":
            summaries[kind] = summarise(trials, kind, "day")
        places[kind] = _place_forecasts(forecaster, kind, trials, share)
        past_origins = [trial.origin for trial in trials]
    entities = [kind for kind in kinds if kind != "city"]
    online = {entity: forecaster.boosted.store.latest(entity, history.last) for entity in entities}
    directory.mkdir(parents=True, exist_ok=True)
    ForecastArrays(MEAN_GRID.astype(np.float32), places).write(directory / ARRAYS_FILE)
    (directory / FEATURES_FILE).write_text(json.dumps(online) + "\n")
    week_arrays(forecaster, past_origins).write(directory / WEEK_FILE)
    spec = ForecastSpec(
        model=FORECAST_MODEL,
        version="unregistered",
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
    return ForecastBundle(directory)


def _place_forecasts(
    forecaster: Forecaster, kind: PlaceKind, trials: Sequence[OriginTrial], share: float
) -> PlaceForecasts:
    """The forecast of each place, scaled to all reports. Past counts of a draw are not: they are of the draw."""
    known, places = forecaster.known, forecaster.known.places[kind]
    origin = known.history.last
    last = trials[-1]
    past = outcome = None
    if kind != "district" and last.covers_horizon:
        past = np.zeros((len(places), HORIZON_DAYS), np.float32)
        past[last.places] = last.means[OUR_METHOD]
        outcome = np.zeros((len(places), HORIZON_DAYS), np.int32)
        outcome[last.places] = last.reports
    view = known.view(origin)
    intervals = interval_models(forecaster, kind, trials)
    return PlaceForecasts(
        ids=places.ids.astype(np.int32),
        area=places.area.astype(np.int32),
        mean=(forecaster.forecast(kind, origin) / share).astype(np.float32),
        share=shift_category_shares(known.history, known.places, kind, origin).astype(np.float32),
        centre=view.centres[kind].astype(np.float32),
        recent=view.counts[kind][:, -RECENT_DAYS:].astype(np.int32),
        intervals={cut: model.of_whole(share).table().astype(np.float32) for cut, model in intervals.items()},
        past=past,
        outcome=outcome,
    )


def interval_models(forecaster: Forecaster, kind: PlaceKind, trials: Sequence[OriginTrial]) -> dict[Cut, IntervalModel]:
    """An interval model for each cut, fitted to the latest trials whose horizon has no gap.

    Raises `DataError` if there is none.
    """
    means: dict[Cut, list[np.ndarray]] = {cut: [] for cut in CUTS}
    reports: dict[Cut, list[np.ndarray]] = {cut: [] for cut in CUTS}
    rng = np.random.default_rng(0)
    history, places = forecaster.known.history, forecaster.known.places
    for trial in trials[-INTERVAL_TRIALS:]:
        if not trial.covers_horizon:
            continue
        days = np.arange(trial.origin + 1, trial.origin + HORIZON_DAYS + 1)
        share = shift_category_shares(history, places, kind, trial.origin)[trial.places]
        expected = trial.means[OUR_METHOD][:, :, None, None] * share[:, weekday(days)]
        counts = shift_category_counts(history, places[kind], int(days[0]), int(days[-1]))[trial.places]
        for cut in CUTS:
            cut_mean, cut_reports = sum_cut(expected, cut).ravel(), sum_cut(counts, cut).ravel()
            sample = rng.choice(len(cut_mean), min(len(cut_mean), MAX_CELLS), replace=False)
            means[cut].append(cut_mean[sample])
            reports[cut].append(cut_reports[sample])
    if not means["all"]:
        raise DataError("no backtest is possible: the table has gaps in all of its four-week periods")
    return {cut: IntervalModel.fit(np.concatenate(means[cut]), np.concatenate(reports[cut])) for cut in CUTS}
