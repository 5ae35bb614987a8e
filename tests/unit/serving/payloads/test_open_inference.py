"""Tensors become a table of reports, and answers become tensors."""

from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import score_reports
from crime.serving.column_table import ColumnTable
from crime.serving.payloads.open_inference import (
    Inference,
    Tensor,
    check_reports,
    output_names,
    output_tensors,
    tensor_table,
)
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

COLUMNS = {"DATE OCC": ["01/02/2020", "01/03/2020"], "TIME OCC": ["1200", "30"], "AREA": ["3", "4"]}


def inference(change: dict[str, Any] | None = None, **options: Any) -> Inference:
    """A request for `COLUMNS`, with a change to the tensor of AREA."""
    tensors = [{"name": name, "shape": [2], "datatype": "BYTES", "data": cells} for name, cells in COLUMNS.items()]
    tensors[-1] |= change or {}
    return Inference.model_validate({"inputs": tensors, **options})


def table(change: dict[str, Any] | None = None) -> ColumnTable:
    return tensor_table(inference(change).inputs)


def test_a_tensor_is_a_column() -> None:
    assert table() == ColumnTable(COLUMNS, 2)
    as_matrix = table({"datatype": "INT64", "shape": [2, 1], "data": [[3], [4]]})
    assert as_matrix.reports(2).fields["area"].tolist() == table().reports(2).fields["area"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"shape": [3]}, "shape [3] and 2 values"),
        ({"shape": [1, 2]}, "shape [1, 2] and 2 values"),
        ({"data": ["3"]}, "shape [2] and 1 values"),
        ({"data": [["3", "4"], "5"]}, "shape [2] and 3 values"),
    ],
)
def test_all_tensors_have_as_many_rows(change: dict[str, Any], found: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        table(change)
    (error,) = caught.value.errors()
    assert error["loc"] == ("body", "AREA")
    assert error["msg"] == f"expected shape [2] or [2, 1] and as many values, found {found}"


@pytest.mark.parametrize("change", [{"datatype": "TEXT"}, {"shape": []}, {"shape": [-1]}, {"shape": [1, 1, 1]}])
def test_datatypes_and_shapes_are_the_protocols(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        inference(change)


def test_a_report_that_can_not_be_read_is_named() -> None:
    check_reports(table().reports(2))
    for cell, message in (("99", "row 1: AREA: expected an area number from 1 to 21"), ("", "row 1: AREA is blank")):
        with pytest.raises(RequestValidationError) as caught:
            check_reports(table({"data": ["3", cell]}).reports(2))
        (error,) = caught.value.errors()
        assert (error["loc"], error["msg"]) == (("body", "AREA"), message)


def test_outputs_are_all_or_those_asked_for() -> None:
    assert output_names(inference()) == ["label", "label_name", "level", "probabilities"]
    assert output_names(inference(outputs=[{"name": "level"}])) == ["level"]
    with pytest.raises(RequestValidationError) as caught:
        output_names(inference(outputs=[{"name": "label"}, {"name": "odds"}]))
    (error,) = caught.value.errors()
    assert (error["loc"], error["input"]) == (("body", "outputs"), "odds")


def test_answers_are_tensors(small_bundle: CategoryBundle) -> None:
    scored = score_reports(small_bundle, table().reports(2))
    tensors = [Tensor.model_validate(tensor) for tensor in output_tensors(scored, output_names(inference()))]
    assert [tensor.shape for tensor in tensors] == [[2], [2], [2], [2, 7]]
    label, _, level, probabilities = (tensor.data for tensor in tensors)
    assert level == ["place_time", "place_time"]
    assert np.array(probabilities).reshape(2, 7).argmax(1).tolist() == label
    assert np.array(probabilities).reshape(2, 7) == pytest.approx(scored.probabilities, abs=1e-6)
