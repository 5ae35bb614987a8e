"""A bundle answers as an MLflow pyfunc what it answers in service."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS
from crime.pyfunc import CategoryPyfunc, ForecastPyfunc, _load_pyfunc
from written_forecast import WIDTHS, write_forecast


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


LEAST = {"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1}


def test_a_missing_column_is_unknown_and_blank_text_is_none_recorded(model: CategoryPyfunc) -> None:
    records: list[dict[str, Any]] = [LEAST, LEAST | {"Weapon Used Cd": None}, LEAST | {"Weapon Used Cd": ""}]
    levels = [model.predict(pd.DataFrame([record]))["level"][0] for record in records]
    assert levels == ["place_time", "place_time", "weapon"]


@pytest.mark.parametrize(
    "convert",
    [
        lambda frame: frame,
        lambda frame: frame.convert_dtypes(),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        lambda frame: frame.astype({"Premis Cd": "Int64", "LAT": "Float64", "Mocodes": "string"}),
        lambda frame: frame.astype({"Premis Cd": "category"}),
    ],
)
def test_every_null_of_pandas_is_not_known(convert: Any, model: CategoryPyfunc) -> None:
    full = LEAST | {"Premis Cd": 101, "LAT": 34.05, "Mocodes": "0344 1822"}
    answer = model.predict(convert(pd.DataFrame([full, LEAST])))
    for row, record in enumerate((full, LEAST)):
        alone = model.predict(pd.DataFrame([record]))
        pd.testing.assert_series_equal(answer.loc[row], alone.loc[0], check_names=False)


def test_mo_codes_may_be_a_list_of_arrow(model: CategoryPyfunc) -> None:
    frame = pd.DataFrame([LEAST, LEAST])
    codes = pd.Series([["0344", "1822"], None], dtype=pd.ArrowDtype(pa.list_(pa.string())))
    as_text = model.predict(frame.assign(Mocodes=["0344 1822", None]))
    pd.testing.assert_frame_equal(model.predict(frame.assign(Mocodes=codes)), as_text)


def test_a_forecast_is_of_the_city_or_a_place_and_part_of_its_reports(tmp_path: Path) -> None:
    model = _load_pyfunc(str(write_forecast(tmp_path / "bundle")))
    assert isinstance(model, ForecastPyfunc)
    records = [
        {"date": "2021-01-01"},
        {"date": "2021-01-28", "area": 6},
        {"date": "2021-01-01", "district": 602, "category": "theft_burglary", "shift": 1},
    ]
    answer = model.predict(pd.DataFrame(records))
    assert answer["mean"].tolist() == pytest.approx([30, 20, 5])
    assert (answer["high80"] - answer["mean"]).tolist() == pytest.approx([WIDTHS["all"], WIDTHS["all"], WIDTHS["both"]])
    assert answer["error"].isna().all()


def test_a_record_without_a_forecast_gets_an_error(tmp_path: Path) -> None:
    model = _load_pyfunc(str(write_forecast(tmp_path / "bundle")))
    records = [{"date": "2021-01-29"}, {"date": "2021-01-01", "area": 99}, {"date": "soon"}, {"area": 1}]
    answer = model.predict(pd.DataFrame(records))
    assert answer["mean"].isna().all()
    assert answer["error"].notna().all()
    assert "one of the 28 days" in answer["error"][0]
