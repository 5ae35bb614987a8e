"""The bundles as MLflow pyfuncs: `mlflow models serve -m models:/crime-category@champion`.

MLflow stores a bundle's files as they are and imports this module to load them: no pickle.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import score_columns
from crime.core.bundle_files import BundleSpec, read_spec
from crime.core.days import day_number
from crime.core.model_names import CATEGORY_MODEL, FORECAST_MODEL
from crime.forecaster.bundle import INTERVAL_BOUNDS, ForecastBundle
from crime.reports.categories import AREA_ONLY_CATEGORIES
from crime.reports.places import PlaceKind


class CategoryPyfunc:
    """The category model."""

    def __init__(self, bundle: CategoryBundle):
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row per record: label, label_name, probability, level, p_<category>..., or error if it can't be read.

        Columns have LAPD's names. Blank text means that none was recorded; a missing column, None, NaN and NA that it
        is not known.
        """
        columns = {
            str(name): cells.astype(object).where(cells.notna(), None).tolist() for name, cells in model_input.items()
        }
        return pd.DataFrame(score_columns(self.bundle, columns, len(model_input)))


class ForecastPyfunc:
    """The forecast."""

    def __init__(self, bundle: ForecastBundle):
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """One row per record: mean, low80 to high95, or error if there is no forecast for it.

        A record has a date and optionally an area or a district, a category and a shift.
        """
        return pd.DataFrame([self._forecast(row) for row in model_input.to_dict("records")])

    def _forecast(self, row: dict[Any, Any]) -> dict[str, Any]:
        try:
            cells = {name: value for name, value in row.items() if not pd.isna(value)}
            kind: PlaceKind = "district" if "district" in cells else "area" if "area" in cells else "city"
            day = day_number(str(cells["date"])[:10]) - self.bundle.origin - 1
            if not 0 <= day < self.bundle.horizon:
                raise ValueError(f"date: expected one of the {self.bundle.horizon} days after the forecast was made")
            if kind == "district" and cells.get("category") in AREA_ONLY_CATEGORIES:
                raise ValueError("category: places of sexual crimes are told no finer than their area")
            place = self.bundle.index_of(kind, int(cells.get(kind, 0)))
            shift, category = int(cells["shift"]) if "shift" in cells else None, cells.get("category")
            mean = self.bundle.expected(kind, np.array([day]), shift, category)[place, 0]
            bounds = self.bundle.bounds(kind, mean, shift, category).tolist()
            return {"mean": float(mean), **dict(zip(INTERVAL_BOUNDS, bounds, strict=True)), "error": None}
        except (KeyError, ValueError, IndexError) as error:
            return {"mean": np.nan, **dict.fromkeys(INTERVAL_BOUNDS, np.nan), "error": str(error)}


_LOADERS: dict[str, Callable[[Path], CategoryPyfunc | ForecastPyfunc]] = {
    CATEGORY_MODEL: lambda directory: CategoryPyfunc(CategoryBundle(directory)),
    FORECAST_MODEL: lambda directory: ForecastPyfunc(ForecastBundle(directory)),
}


def _load_pyfunc(path: str) -> CategoryPyfunc | ForecastPyfunc:
    """MLflow calls this with the directory of the logged bundle."""
    directory = Path(path)
    return _LOADERS[read_spec(directory, BundleSpec).model](directory)
