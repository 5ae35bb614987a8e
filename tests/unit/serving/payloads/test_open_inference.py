"""Tensors become a table of reports, and answers become tensors."""

import struct
from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import score_reports
from crime.reports.schema import column_key
from crime.reports.systems import NONE_RECORDED
from crime.serving.column_table import ColumnTable
from crime.serving.payloads.open_inference import (
    Answered,
    Inference,
    Tensor,
    check_reports,
    output_tensors,
    tensor_table,
    wanted_outputs,
)
from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

COLUMNS = {"DATE OCC": ["01/02/2020", "01/03/2020"], "TIME OCC": ["1200", "30"], "AREA": ["3", "4"]}


SHAPE = "expected shape [2] or [2, 1] and as many values"


def inference(change: dict[str, Any] | None = None, **options: Any) -> Inference:
    """A request for `COLUMNS`, with a change to the tensor of AREA."""
    tensors = [{"name": name, "shape": [2], "datatype": "BYTES", "data": cells} for name, cells in COLUMNS.items()]
    tensors[-1] |= change or {}
    return Inference.model_validate({"inputs": tensors, **options})


def table(change: dict[str, Any] | None = None) -> ColumnTable:
    return tensor_table(inference(change).inputs, b"", max_rows=100)


def test_a_tensor_is_a_column() -> None:
    assert table() == ColumnTable({column_key(name): cells for name, cells in COLUMNS.items()}, 2)
    as_matrix = table({"datatype": "INT64", "shape": [2, 1], "data": [[3], [4]]})
    assert as_matrix.reports(2).fields["area"].tolist() == table().reports(2).fields["area"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"shape": [3]}, "shape [3]"),
        ({"shape": [1, 2]}, "shape [1, 2]"),
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
    assert list(wanted_outputs(inference())) == ["label", "label_name", "level", "probabilities"]
    assert wanted_outputs(inference(outputs=[{"name": "level"}])) == {"level": False}
    assert "probabilities" not in wanted_outputs(inference(parameters={"content_type": "pd"}))
    binary = wanted_outputs(inference(parameters={"binary_data_output": True}))
    assert set(binary.values()) == {True}
    outputs = [{"name": "level", "parameters": {"binary_data": False}}, {"name": "label"}]
    chosen = wanted_outputs(inference(outputs=outputs, parameters={"binary_data_output": True}))
    assert chosen == {"level": False, "label": True}
    with pytest.raises(RequestValidationError) as caught:
        wanted_outputs(inference(outputs=[{"name": "label"}, {"name": "odds"}]))
    (error,) = caught.value.errors()
    assert (error["loc"], error["input"]) == (("body", "outputs"), "odds")


def test_answers_are_tensors(small_bundle: CategoryBundle) -> None:
    scored = score_reports(small_bundle, table().reports(2))
    outputs, binary = output_tensors(scored, wanted_outputs(inference()))
    assert binary == b""
    tensors = [Answered.model_validate(tensor) for tensor in outputs]
    assert [tensor.shape for tensor in tensors] == [[2], [2], [2], [2, 7]]
    label, _, level, probabilities = (tensor.data for tensor in tensors)
    assert level == ["place_time", "place_time"]
    assert np.array(probabilities).reshape(2, 7).argmax(1).tolist() == label
    assert np.array(probabilities).reshape(2, 7) == pytest.approx(scored.probabilities, abs=1e-6)


def test_answers_as_bytes_are_the_same(small_bundle: CategoryBundle) -> None:
    scored = score_reports(small_bundle, table().reports(2))
    plain, _ = output_tensors(scored, {"label": False, "label_name": False})
    tensors, binary = output_tensors(scored, {"label": True, "label_name": True})
    sizes = [tensor["parameters"]["binary_data_size"] for tensor in tensors]
    assert np.frombuffer(binary[: sizes[0]], np.int64).tolist() == plain[0]["data"]
    assert binary[sizes[0] :] == text_bytes(*plain[1]["data"])
    assert sum(sizes) == len(binary)


def text_bytes(*texts: str) -> bytes:
    return b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in texts)


def binary_table(datatype: str, part: bytes, size: Any = None, **shape: Any) -> ColumnTable:
    """`COLUMNS` with the cells of AREA as bytes."""
    parameters = {"binary_data_size": len(part) if size is None else size}
    tensors = inference({"datatype": datatype, "data": None, "parameters": parameters, **shape}).inputs
    return tensor_table(tensors, part, max_rows=100)


@pytest.mark.parametrize(
    ("datatype", "part"),
    [
        ("BYTES", text_bytes("3", "4")),
        ("INT64", struct.pack("<2q", 3, 4)),
        ("UINT8", b"\x03\x04"),
        ("FP16", struct.pack("<2e", 3, 4)),
        ("FP32", struct.pack("<2f", 3, 4)),
    ],
)
def test_values_may_follow_as_bytes(datatype: str, part: bytes) -> None:
    for shape in ([2], [2, 1]):
        assert binary_table(datatype, part, shape=shape).reports(2).fields["area"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("datatype", "part", "size", "message"),
    [
        ("INT64", b"1234567", None, "expected 16 bytes of 2 INT64, found 7"),
        ("INT8", b"12", 3, "expected a binary_data_size of at most the 2 bytes that follow"),
        ("INT8", b"12", "2", "expected a binary_data_size of at most the 2 bytes that follow"),
        ("INT8", b"12", -1, "expected a binary_data_size of at most the 2 bytes that follow"),
        ("BYTES", b"\xff\xff\xff\xff", None, "expected each text after its length in four bytes"),
        ("BYTES", b"\x01", None, "expected each text after its length in four bytes"),
        (
            "BYTES",
            text_bytes("3"),
            None,
            "expected shape [2] or [2, 1] and as many values, found shape [2] and 1 values",
        ),
    ],
)
def test_bytes_that_are_no_values_are_named(datatype: str, part: bytes, size: Any, message: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        binary_table(datatype, part, size)
    (error,) = caught.value.errors()
    assert (error["loc"], error["msg"]) == (("body", "AREA"), message)


@pytest.mark.parametrize("null", [None, "None", "nan", "<NA>", "NaT"])
def test_a_null_is_not_known_and_blank_text_none_recorded(null: str | None) -> None:
    tensor = {"name": "Premis Cd", "shape": [2], "datatype": "BYTES", "data": [null, ""]}
    tensors = [*inference().inputs, Tensor.model_validate(tensor)]
    fields = tensor_table(tensors, b"", max_rows=2).reports(2).fields
    assert fields["premis_cd"].tolist() == [None, NONE_RECORDED]


def test_texts_may_be_written_as_mlservers_codecs_do() -> None:
    as_json = {"data": ["3", '"4"'], "parameters": {"content_type": "pd_json"}}
    as_base64 = {"data": ["Mw==", "NA=="], "parameters": {"content_type": "base64"}}
    for change in (as_json, as_base64):
        assert table(change).reports(2).fields["area"].tolist() == [3, 4]
        with pytest.raises(RequestValidationError, match="expected texts as content_type"):
            table(change | {"data": ["3", "{"]})


def test_too_many_rows_are_refused_before_they_are_read() -> None:
    with pytest.raises(HTTPException) as caught:
        tensor_table(inference({"data": []}).inputs, b"", max_rows=1)
    assert caught.value.status_code == 413
