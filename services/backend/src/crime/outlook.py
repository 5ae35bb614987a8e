"""Fit `crime-risk` on all that is known and write its bundle: the forecast itself, how it was tried, the features."""

import json
import platform
from hashlib import sha256
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from crime import backtest
from crime.backtest import GRID, Progress, Spread, Trial
from crime.bundle import SPEC
from crime.data import DataError, Tally
from crime.forecast import ARRAYS, CUTS, KINDS, ONLINE, RISK, Forecast
from crime.history import History
from crime.risk import HORIZON, OURS, Forecaster
from crime.schema import CATEGORIES, day_text

SHARE_DAYS = 364  # of history from which shifts' and categories' shares are taken
AREA_STRENGTH, PLACE_STRENGTH = 100.0, 50.0  # reports' worth of trust in the city's, and in the area's, shares
RECENT_DAYS = 91  # shown before the forecast


def _cells(history: History, index: np.ndarray, places: int, first: int, last: int) -> np.ndarray:
    """(places, days, 3, 7) reports by shift and category."""
    rows = slice(*np.searchsorted(history.occurred, [first, last + 1]))
    keep = index[rows] >= 0
    shape = (places, last - first + 1, 3, len(CATEGORIES))
    at = np.ravel_multi_index(
        (
            index[rows][keep],
            history.occurred[rows][keep] - first,
            history.shift[rows][keep],
            history.category[rows][keep],
        ),
        shape,
    )
    return np.bincount(at, minlength=int(np.prod(shape))).reshape(shape)


def shares(forecaster: Forecaster, kind: str, origin: int) -> np.ndarray:
    """(P, 7, 3, 7) share of each shift and category in a place's reports, by weekday, of what was known at `origin`.

    Districts are shrunk to their area, areas to the city; the weekday's effect is the city's.
    """
    history = forecaster.history.known_by(origin)
    first = max(history.first, origin - SHARE_DAYS + 1)
    rows = slice(*np.searchsorted(history.occurred, [first, origin + 1]))
    weekday = np.zeros((7, 3, len(CATEGORIES)))
    np.add.at(weekday, ((history.occurred[rows] + 3) % 7, history.shift[rows], history.category[rows]), 1)
    city = (weekday.sum(0) + 0.1) / (weekday.sum() + 2.1)
    weekday = (weekday + 50 * city) / (weekday.sum((1, 2), keepdims=True) + 50)

    def smoothed(which: str, towards: np.ndarray, strength: float) -> np.ndarray:
        where = forecaster.places[which]
        ids = history.area if which == "area" else history.district
        known = np.isin(ids[rows], where.ids)
        counts = np.zeros((len(where), 3, len(CATEGORIES)))
        at = np.searchsorted(where.ids, ids[rows][known])
        np.add.at(counts, (at, history.shift[rows][known], history.category[rows][known]), 1)
        return (counts + strength * towards) / (counts.sum((1, 2), keepdims=True) + strength)

    base = city[None]
    if kind != "city":
        base = smoothed("area", city, AREA_STRENGTH)
    if kind == "district":
        area = np.searchsorted(forecaster.places["area"].ids, forecaster.places["district"].area)
        base = smoothed("district", base[area], PLACE_STRENGTH)
    found = base[:, None] * (weekday / city)[None]
    return found / found.sum((2, 3), keepdims=True)


def _cut(values: np.ndarray, cut: str) -> np.ndarray:
    """(P, days, 3, 7) summed to what an interval is for."""
    axes = {"all": (2, 3), "shift": (3,), "category": (2,), "both": ()}[cut]
    return values.sum(axes) if axes else values


def _spreads(forecaster: Forecaster, kind: str, tried: list[Trial]) -> dict[str, Spread]:
    """How far outcomes lay around forecasts, for each cut, over the latest trials."""
    means: dict[str, list[np.ndarray]] = {cut: [] for cut in CUTS}
    reports: dict[str, list[np.ndarray]] = {cut: [] for cut in CUTS}
    rng = np.random.default_rng(0)
    where = forecaster.places[kind]
    for trial in tried[-6:]:
        seen = np.flatnonzero(forecaster.view(trial.origin).counts[kind].any(1))
        if trial.reports.shape[1] != HORIZON:
            continue  # a gap in the table
        share = shares(forecaster, kind, trial.origin)[seen]
        days = np.arange(trial.origin + 1, trial.origin + HORIZON + 1)
        expected = trial.means[OURS][:, :, None, None] * share[:, (days + 3) % 7]
        outcome = _cells(forecaster.history, where.index, len(where), int(days[0]), int(days[-1]))[seen]
        for cut in CUTS:
            m, y = _cut(expected, cut).ravel(), _cut(outcome, cut).ravel()
            some = rng.choice(len(m), min(len(m), 20_000), replace=False)
            means[cut].append(m[some])
            reports[cut].append(y[some])
    if not means["all"]:
        raise DataError("the table has gaps in every four weeks a forecast could be tried on")
    return {cut: Spread.fit(np.concatenate(means[cut]), np.concatenate(reports[cut])) for cut in CUTS}


def fit(history: History, tally: Tally, directory: Path, progress: Progress = lambda what, share: None) -> Forecast:
    """Try and make the forecast, and write its bundle to `directory`.

    Raises `DataError` where the reports can't carry one.
    """
    backtest.origins(history)
    kinds = [kind for kind in KINDS if kind != "district" or (history.district > 0).any()]
    forecaster = Forecaster(history, kinds)
    origin = history.last
    arrays: dict[str, np.ndarray] = {"grid": GRID.astype(np.float32)}
    trial_of: dict[str, Any] = {}
    for at, kind in enumerate(kinds):

        def show(what: str, share: float, at: int = at, kind: str = kind) -> None:
            progress(f"{kind}: {what}", (at + share) / len(kinds))

        where = forecaster.places[kind]
        tried = backtest.trials(forecaster, kind, "day", None, show)
        if kind != "city":
            trial_of[kind] = backtest.summary(tried, kind, "day")
        arrays[f"{kind}_ids"] = where.ids.astype(np.int32)
        arrays[f"{kind}_area"] = where.area.astype(np.int32)
        arrays[f"{kind}_mean"] = forecaster.forecast(kind, origin).astype(np.float32)
        arrays[f"{kind}_share"] = shares(forecaster, kind, origin).astype(np.float32)
        arrays[f"{kind}_centre"] = forecaster.view(origin).centres[kind].astype(np.float32)
        for cut, spread in _spreads(forecaster, kind, tried).items():
            arrays[f"{kind}_{cut}"] = spread.table().astype(np.float32)
        last = tried[-1]
        seen = forecaster.view(last.origin).counts[kind].any(1)
        if kind != "district" and last.reports.shape[1] == HORIZON:
            arrays[f"{kind}_past"] = np.zeros((len(where), HORIZON), np.float32)
            arrays[f"{kind}_past"][seen] = last.means[OURS]
            arrays[f"{kind}_outcome"] = np.zeros((len(where), HORIZON), np.int32)
            arrays[f"{kind}_outcome"][seen] = last.reports
        arrays[f"{kind}_recent"] = forecaster.view(origin).counts[kind][:, -RECENT_DAYS:].astype(np.int32)
    online = {entity: forecaster.store.latest(entity, origin) for entity in ("area", "district") if entity in kinds}
    directory.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(directory / ARRAYS, **arrays)  # type: ignore[arg-type]
    (directory / ONLINE).write_text(json.dumps(online) + "\n")
    spec = {
        "model": RISK,
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
        "sha256": {name: sha256((directory / name).read_bytes()).hexdigest() for name in (ARRAYS, ONLINE)},
    }
    (directory / SPEC).write_text(json.dumps(spec, indent=1) + "\n")
    return Forecast(directory)


if __name__ == "__main__":  # an image's build: a forecast from the embedded sample, without MLflow
    import sys

    from crime.data import sample
    from crime.history import read

    counted = Tally()
    with sample() as path:
        fit(read(path, counted), counted, Path(sys.argv[1]))
