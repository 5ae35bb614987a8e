"""One definition of the features: a table and a payload give the model the same numbers."""

import httpx
import numpy as np
import pytest
from crime.bundle import Bundle
from crime.data import Reports
from crime.features import Encoder, choose, describe, levels, mask
from crime.schema import LEVELS
from crime.serving.report import Report, fields_of

LEAKS = ("Crm Cd", "Crm Cd Desc", "Part 1-2", "Status", "Status Desc", "Crm Cd 1", "Crm Cd 2", "Crm Cd 3", "Crm Cd 4")


def test_table_and_payload_give_the_same_vector_for_every_row(
    model: Bundle, reports: Reports, rows: list[dict[str, str]]
) -> None:
    assert len(rows) == len(reports) == 7_888
    matrix = model.encoder.matrix(reports.fields, len(reports))
    for row, expected in zip(rows, matrix, strict=True):
        fields, _, _ = fields_of(Report.model_validate(row))
        np.testing.assert_array_equal(model.encoder.vector(fields), expected, str(row))


def test_the_api_shows_the_vector_the_model_was_trained_on(
    api: httpx.Client, model: Bundle, reports: Reports, rows: list[dict[str, str]]
) -> None:
    matrix = model.encoder.matrix(reports.fields, len(reports))
    matrix = np.hstack([matrix, model.evidence.of(matrix)])
    for at in range(0, 7_888, 977):
        answer = api.post("/features", json=rows[at]).json()
        vector = [float("nan") if v is None else v for v in answer["features"].values()]
        np.testing.assert_array_equal(np.array(vector, np.float32), matrix[at])
        assert list(answer["features"]) == model.names


def test_no_feature_reads_what_follows_from_the_answer(model: Bundle) -> None:
    for name in model.spec["features"]:
        assert not set(describe(name).source) & set(LEAKS), name
        assert not any(source.startswith("Vict") for source in describe(name).source), name


@pytest.mark.parametrize("level", LEVELS)
def test_masking_hides_all_above_a_level(level: str, model: Bundle, reports: Reports) -> None:
    few = reports.take(np.arange(50))
    hidden = mask(few.fields, level)
    assert (levels(hidden, 50) == list(LEVELS).index(level)).all()
    matrix = model.encoder.matrix(hidden, 50)
    for at, name in enumerate(model.spec["features"]):
        above = list(LEVELS).index(describe(name).level) > list(LEVELS).index(level)
        if above:
            assert np.isnan(matrix[:, at]).all(), name


def test_features_mean_what_they_say() -> None:
    report = Report.model_validate(
        {"DATE OCC": "03/01/2024", "TIME OCC": "0030", "AREA": "7", "Date Rptd": "03/04/2024", "Mocodes": "0344 1300"}
    )
    names = choose([("0344",)] * 3)
    vector = dict(zip(names, Encoder(names).vector(fields_of(report)[0]).tolist(), strict=True))
    assert vector["area"] == 7
    assert vector["minute_of_day"] == 30
    assert vector["weekday"] == 4  # a Friday
    assert vector["day_of_month"] == 1
    assert vector["reporting_delay"] == 3
    assert vector["on_the_hour"] == 0
    assert (vector["mo_0344"], vector["mo_count"]) == (1, 2)
    assert np.isnan([vector["premise"], vector["weapon"], vector["latitude"]]).all()
