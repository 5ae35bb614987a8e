"""A bundle answers as an MLflow pyfunc what it answers in service."""

import pandas as pd
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS
from crime.pyfunc import CategoryPyfunc, _load_pyfunc


@pytest.fixture(scope="module")
def model(small_bundle: CategoryBundle) -> CategoryPyfunc:
    loaded = _load_pyfunc(str(small_bundle.directory))
    assert isinstance(loaded, CategoryPyfunc)
    return loaded


def test_each_record_gets_a_row(model: CategoryPyfunc) -> None:
    records = [
        {"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1, "Premis Cd": 101},
        {"DATE OCC": "never", "TIME OCC": 1430, "AREA": 1, "Premis Cd": 101},
    ]
    answer = model.predict(pd.DataFrame(records))
    assert tuple(answer) == ANSWER_COLUMNS
    assert answer["level"][0] == "premise"
    assert pd.isna(answer["error"][0])
    assert "DATE OCC" in answer["error"][1]


def test_a_missing_column_is_unknown_and_a_blank_cell_is_none_recorded(model: CategoryPyfunc) -> None:
    least = {"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1}
    levels = [model.predict(pd.DataFrame([record]))["level"][0] for record in (least, least | {"Weapon Used Cd": None})]
    assert levels == ["place_time", "weapon"]
