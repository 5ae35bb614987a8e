"""The bundles as MLflow pyfuncs: `mlflow models serve -m models:/crime-category@champion`.

Takes records with LAPD's column names. A column that is there but blank in a row says "none was recorded", one
that is not there says "not known". MLflow stores the bundle's files as they are: no pickle.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import score_columns
from crime.core.bundle_files import BundleSpec, read_spec
from crime.core.days import day_number
from crime.core.model_names import FORECAST_MODEL
from crime.forecaster.bundle import INTERVAL_BOUNDS, ForecastBundle


class _Model:
    def __init__(self, bundle: CategoryBundle):
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A row a record: label, label_name, probability, level, p_<category>..., and error where one can't be read."""
        columns = {str(name): model_input[name].tolist() for name in model_input}
        return pd.DataFrame(score_columns(self.bundle, columns, len(model_input)))


class _Forecast:
    def __init__(self, forecast: ForecastBundle):
        self.forecast = forecast

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A row a record of date, and area or district, category and shift if given: mean, low80 to high95, error."""
        return pd.DataFrame([self._one(row) for row in model_input.to_dict("records")])

    def _one(self, row: dict[Any, Any]) -> dict[str, Any]:
        try:
            given = {name: value for name, value in row.items() if value is not None and value == value}
            kind = next((kind for kind in ("district", "area") if kind in given), "city")
            day = day_number(str(given["date"])[:10]) - self.forecast.origin - 1
            if not 0 <= day < self.forecast.horizon:
                raise ValueError(f"date: expected one of the {self.forecast.horizon} days after the forecast was made")
            at = self.forecast.find(kind, int(given.get(kind, 0)))
            cut = int(given["shift"]) if "shift" in given else None, given.get("category")
            mean = self.forecast.expected(kind, np.array([day]), *cut)[at, 0]
            bounds = self.forecast.bounds(kind, mean, *cut).tolist()
            return {"mean": float(mean), **dict(zip(INTERVAL_BOUNDS, bounds, strict=True)), "error": None}
        except (KeyError, ValueError, IndexError) as error:
            return {"mean": np.nan, **dict.fromkeys(INTERVAL_BOUNDS, np.nan), "error": str(error)}


def _load_pyfunc(path: str) -> _Model | _Forecast:
    place = Path(path)
    if read_spec(place, BundleSpec).model == FORECAST_MODEL:
        return _Forecast(ForecastBundle(place))
    return _Model(CategoryBundle(place))
