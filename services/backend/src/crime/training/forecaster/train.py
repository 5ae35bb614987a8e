"""Fit `crime-risk` on all that is known and write its bundle: the forecast itself, how it was tried, the features."""

import json
import platform
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from crime.core.bundle_files import SPEC_FILE
from crime.core.days import day_text
from crime.core.errors import DataError
from crime.core.model_names import FORECAST_MODEL
from crime.core.progress import Progress
from crime.forecaster.bundle import ARRAYS_FILE, CUTS, FEATURES_FILE, HORIZON_DAYS, PLACE_KINDS, ForecastBundle
from crime.reports.history import EventHistory
from crime.reports.tally import Tally
from crime.training.forecaster.backtest import OriginTrial, backtest_origins, run_trials, summarise
from crime.training.forecaster.forecaster import OUR_METHOD, Forecaster
from crime.training.forecaster.intervals import MEAN_GRID, IntervalModel
from crime.training.forecaster.shares import count_cells, shift_category_shares, sum_cut

RECENT_DAYS = 91  # shown before the forecast


def _interval_models(forecaster: Forecaster, kind: str, tried: list[OriginTrial]) -> dict[str, IntervalModel]:
    """How far outcomes lay around forecasts, for each cut, over the latest trials."""
    means: dict[str, list[np.ndarray]] = {cut: [] for cut in CUTS}
    reports: dict[str, list[np.ndarray]] = {cut: [] for cut in CUTS}
    rng = np.random.default_rng(0)
    where = forecaster.places[kind]
    for trial in tried[-6:]:
        seen = np.flatnonzero(forecaster.view(trial.origin).counts[kind].any(1))
        if trial.reports.shape[1] != HORIZON_DAYS:
            continue  # a gap in the table
        share = shift_category_shares(forecaster, kind, trial.origin)[seen]
        days = np.arange(trial.origin + 1, trial.origin + HORIZON_DAYS + 1)
        expected = trial.means[OUR_METHOD][:, :, None, None] * share[:, (days + 3) % 7]
        outcome = count_cells(forecaster.history, where.index, len(where), int(days[0]), int(days[-1]))[seen]
        for cut in CUTS:
            m, y = sum_cut(expected, cut).ravel(), sum_cut(outcome, cut).ravel()
            some = rng.choice(len(m), min(len(m), 20_000), replace=False)
            means[cut].append(m[some])
            reports[cut].append(y[some])
    if not means["all"]:
        raise DataError("the table has gaps in every four weeks a forecast could be tried on")
    return {cut: IntervalModel.fit(np.concatenate(means[cut]), np.concatenate(reports[cut])) for cut in CUTS}


def train_forecast(
    history: EventHistory, tally: Tally, directory: Path, progress: Progress = lambda what, share: None
) -> ForecastBundle:
    """Try and make the forecast, and write its bundle to `directory`.

    Raises `DataError` where the reports can't carry one.
    """
    backtest_origins(history)
    kinds = [kind for kind in PLACE_KINDS if kind != "district" or (history.district > 0).any()]
    forecaster = Forecaster(history, kinds)
    origin = history.last
    arrays: dict[str, np.ndarray] = {"grid": MEAN_GRID.astype(np.float32)}
    trial_of: dict[str, Any] = {}
    for at, kind in enumerate(kinds):

        def show(what: str, share: float, at: int = at, kind: str = kind) -> None:
            progress(f"{kind}: {what}", (at + share) / len(kinds))

        where = forecaster.places[kind]
        tried = run_trials(forecaster, kind, "day", None, show)
        if kind != "city":
            trial_of[kind] = summarise(tried, kind, "day")
        arrays[f"{kind}_ids"] = where.ids.astype(np.int32)
        arrays[f"{kind}_area"] = where.area.astype(np.int32)
        arrays[f"{kind}_mean"] = forecaster.forecast(kind, origin).astype(np.float32)
        arrays[f"{kind}_share"] = shift_category_shares(forecaster, kind, origin).astype(np.float32)
        arrays[f"{kind}_centre"] = forecaster.view(origin).centres[kind].astype(np.float32)
        for cut, spread in _interval_models(forecaster, kind, tried).items():
            arrays[f"{kind}_{cut}"] = spread.table().astype(np.float32)
        last = tried[-1]
        seen = forecaster.view(last.origin).counts[kind].any(1)
        if kind != "district" and last.reports.shape[1] == HORIZON_DAYS:
            arrays[f"{kind}_past"] = np.zeros((len(where), HORIZON_DAYS), np.float32)
            arrays[f"{kind}_past"][seen] = last.means[OUR_METHOD]
            arrays[f"{kind}_outcome"] = np.zeros((len(where), HORIZON_DAYS), np.int32)
            arrays[f"{kind}_outcome"][seen] = last.reports
        arrays[f"{kind}_recent"] = forecaster.view(origin).counts[kind][:, -RECENT_DAYS:].astype(np.int32)
    online = {entity: forecaster.store.latest(entity, origin) for entity in ("area", "district") if entity in kinds}
    directory.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(directory / ARRAYS_FILE, **arrays)  # type: ignore[arg-type]
    (directory / FEATURES_FILE).write_text(json.dumps(online) + "\n")
    spec = {
        "model": FORECAST_MODEL,
        "version": "unregistered",
        "origin": origin,
        "past_origin": tried[-1].origin,
        "backtest": trial_of,
        "data": {
            "reports": len(history),
            "from": day_text(history.first),
            "until": day_text(origin),
            **tally.as_dict(),
        },
        "versions": {"python": platform.python_version(), "lightgbm": lightgbm.__version__, "numpy": np.__version__},
        "sha256": {name: sha256((directory / name).read_bytes()).hexdigest() for name in (ARRAYS_FILE, FEATURES_FILE)},
    }
    (directory / SPEC_FILE).write_text(json.dumps(spec, indent=1) + "\n")
    return ForecastBundle(directory)
