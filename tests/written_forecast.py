"""A forecast of two areas and three districts, written by hand: every place has a constant mean."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from crime.core.bundle_files import Versions, file_hashes, write_spec
from crime.core.days import day_number
from crime.forecaster.arrays import CUTS, ForecastArrays, PlaceForecasts
from crime.forecaster.spec import ForecastData, ForecastSpec
from crime.reports.categories import CATEGORIES

ORIGIN = day_number("2020-12-31")
GRID = np.array([0.0, 100.0])
WIDTHS = {"all": 2.0, "shift": 3.0, "category": 4.0, "both": 5.0}  # of the intervals below, by cut


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
        intervals={
            cut: np.array([GRID - WIDTHS[cut], GRID + WIDTHS[cut], GRID - 2 * WIDTHS[cut], GRID + 2 * WIDTHS[cut]])
            for cut in CUTS
        },
    )


def write_forecast(directory: Path, simulated: int = 1, share: float = 1.0) -> Path:
    """Writes a forecast bundle and returns its directory. Expected reports a day: city 30, area 1 10, area 6 20."""
    directory.mkdir()
    city = replace(places([0], [0], [30]), past=np.full((1, 28), 20.0), outcome=np.full((1, 28), 21))
    arrays = ForecastArrays(
        GRID,
        {
            "city": city,
            "area": places([1, 6], [1, 6], [10, 20]),
            "district": places([101, 601, 602], [1, 6, 6], [10, 5, 15]),
        },
    )
    arrays.write(directory / "forecast.npz")
    (directory / "online.json").write_text(json.dumps({"area": {"6": {"reports_7d": 140}}}))
    facts: dict[str, Any] = {"rows": 1, "simulated": simulated, "repaired": {}, "rejected": {}, "examples": {}}
    spec = ForecastSpec(
        model="crime-risk",
        version="unregistered",
        origin=ORIGIN,
        past_origin=ORIGIN - 28,
        backtest={},
        data=ForecastData(**facts, reports=1, share=share, first_day="2020-01-01", until="2020-12-31"),
        versions=Versions(python="3", lightgbm="4", numpy="2"),
        sha256=file_hashes(directory, ("forecast.npz", "online.json")),
    )
    write_spec(directory, spec)
    return directory
