"""One definition of the features: a table and a payload give the model the same numbers."""

import httpx
import numpy as np
from crime.classifier.bundle import CategoryBundle
from crime.reports.table import Reports
from crime.serving.payloads.report import Report, model_input


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
    for row in range(0, 7_888, 977):
        answer = api.post("/features", json=rows[row]).json()
        vector = [float("nan") if value is None else value for value in answer["features"].values()]
        np.testing.assert_array_equal(np.array(vector, np.float32), matrix[row])
        assert list(answer["features"]) == model.names
