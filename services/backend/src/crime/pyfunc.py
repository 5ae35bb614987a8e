"""The bundle as an MLflow pyfunc: `mlflow models serve -m models:/crime-category@champion`.

Takes records with LAPD's column names. A column that is there but blank in a row says "none was recorded", one
that is not there says "not known". MLflow stores the bundle's files as they are: no pickle.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crime.bundle import Bundle
from crime.data import Tally, encode, normalise
from crime.schema import CATEGORIES, CATEGORY_NAMES, COLUMNS, LEVELS, key


class _Model:
    def __init__(self, bundle: Bundle):
        self.bundle = bundle

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """A row a record: label, label_name, probability, level, p_<category>..., and error where one can't be read."""
        columns = {key(name): encode(model_input[name].tolist()) for name in model_input if key(name) in COLUMNS}
        reports = normalise(columns, len(model_input), Tally())
        good = np.flatnonzero(reports.errors == None)  # noqa: E711 (elementwise)
        probabilities, level = self.bundle.predict(reports.take(good).fields, len(good))
        label = probabilities.argmax(1)
        names = list(LEVELS)
        answer = pd.DataFrame({"label": label, "label_name": [CATEGORY_NAMES[at] for at in label]}, index=good)
        answer["probability"] = probabilities.max(1) if len(good) else np.zeros(0)
        answer["level"] = [names[at] for at in level]
        for at, category in enumerate(CATEGORIES):
            answer[f"p_{category}"] = probabilities[:, at]
        answer = answer.reindex(range(len(model_input)))
        answer["error"] = reports.errors
        return answer


def _load_pyfunc(path: str) -> _Model:
    return _Model(Bundle(Path(path)))
