"""One definition of the features: a table and a payload give the model the same numbers."""

import httpx
import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.features.definitions import choose_features, describe_feature
from crime.features.detail_levels import detail_levels, mask_above
from crime.features.encoder import FeatureEncoder
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.table import Reports
from crime.serving.payloads.report import Report, model_input

LEAKS = ("Crm Cd", "Crm Cd Desc", "Part 1-2", "Status", "Status Desc", "Crm Cd 1", "Crm Cd 2", "Crm Cd 3", "Crm Cd 4")


def test_table_and_payload_give_the_same_vector_for_every_row(
    model: CategoryBundle, reports: Reports, rows: list[dict[str, str]]
) -> None:
    assert len(rows) == len(reports) == 7_888
    matrix = model.encoder.matrix(reports.fields, len(reports))
    for row, expected in zip(rows, matrix, strict=True):
        fields = model_input(Report.model_validate(row)).fields
        np.testing.assert_array_equal(model.encoder.vector(fields), expected, str(row))


def test_the_api_shows_the_vector_the_model_was_trained_on(
    api: httpx.Client, model: CategoryBundle, reports: Reports, rows: list[dict[str, str]]
) -> None:
    matrix = model.encoder.matrix(reports.fields, len(reports))
    matrix = np.hstack([matrix, model.naive_bayes.predict(matrix)])
    for at in range(0, 7_888, 977):
        answer = api.post("/features", json=rows[at]).json()
        vector = [float("nan") if v is None else v for v in answer["features"].values()]
        np.testing.assert_array_equal(np.array(vector, np.float32), matrix[at])
        assert list(answer["features"]) == model.names


def test_no_feature_reads_what_follows_from_the_answer(model: CategoryBundle) -> None:
    for name in model.spec.features:
        assert not set(describe_feature(name).source) & set(LEAKS), name
        assert not any(source.startswith("Vict") for source in describe_feature(name).source), name


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_masking_hides_all_above_a_level(level: str, model: CategoryBundle, reports: Reports) -> None:
    few = reports.take(np.arange(50))
    hidden = mask_above(few.fields, level)
    assert (detail_levels(hidden, 50) == list(DETAIL_LEVELS).index(level)).all()
    matrix = model.encoder.matrix(hidden, 50)
    for at, name in enumerate(model.spec.features):
        above = list(DETAIL_LEVELS).index(describe_feature(name).level) > list(DETAIL_LEVELS).index(level)
        if above:
            assert np.isnan(matrix[:, at]).all(), name


def test_features_mean_what_they_say() -> None:
    report = Report.model_validate(
        {"DATE OCC": "03/01/2024", "TIME OCC": "0030", "AREA": "7", "Date Rptd": "03/04/2024", "Mocodes": "0344 1300"}
    )
    names = choose_features([("0344",)] * 3)
    vector = dict(zip(names, FeatureEncoder(names).vector(model_input(report).fields).tolist(), strict=True))
    assert vector["area"] == 7
    assert vector["minute_of_day"] == 30
    assert vector["weekday"] == 4  # a Friday
    assert vector["day_of_month"] == 1
    assert vector["reporting_delay"] == 3
    assert vector["on_the_hour"] == 0
    assert (vector["mo_0344"], vector["mo_count"]) == (1, 2)
    assert np.isnan([vector["premise"], vector["weapon"], vector["latitude"]]).all()
