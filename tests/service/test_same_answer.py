"""One report gets one answer, through every protocol, alone or among others, however what is not known is written."""

import io
import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.pipelines.score_table import score_file
from crime.pyfunc import CategoryPyfunc
from crime.reports.tally import Tally
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Report = dict[str, Any]
Answer = tuple[int, str, float]  # label, level, probability
INFER, PREDICT = "/v2/models/crime-category/infer", "/v1/models/crime-category:predict"
NAN = float("nan")
LEFT_OUT = "left out"
NUMBERS = ("TIME OCC", "AREA", "Weapon Used Cd", "LAT", "LON", "Rpt Dist No")

REQUIRED = {
    # days after the 12th: a table of other days alone does not tell the month from the day
    "DATE OCC": st.dates(date(2020, 1, 1), date(2024, 2, 1))
    .filter(lambda day: day.day > 12)
    .map(lambda day: day.strftime("%m/%d/%Y")),
    "TIME OCC": st.integers(0, 1439).map(lambda minute: 100 * (minute // 60) + minute % 60),
    "AREA": st.integers(1, 21),
}
COMMON: dict[str, list[Any]] = {
    "Date Rptd": ["02/02/2024", "2024-03-01"],
    "LAT": [34.05],
    "LON": [-118.25],
    "Rpt Dist No": [162, 645],
}
LEGACY: dict[str, list[Any]] = {
    "Mocodes": ["", "0344 1822", "1300"],
    "Premis Cd": ["", "101", "502.0"],
    "Weapon Used Cd": [400, 102],
}
NIBRS: dict[str, list[Any]] = {
    "Premis Desc": ["Single Family Home"],
    "Victim Shot": ["Yes", "No"],
    "Weapon Used Cd": [11, 40],
}


def reports_with(fields: dict[str, list[Any]], **always: str) -> st.SearchStrategy[Report]:
    """Reports of which each of these fields is known, or not known in one of three ways."""
    optional = {name: st.sampled_from([*known, None, NAN, LEFT_OUT]) for name, known in (COMMON | fields).items()}
    fixed = st.fixed_dictionaries(REQUIRED | optional | {name: st.just(value) for name, value in always.items()})
    return fixed.map(lambda report: {name: value for name, value in report.items() if value != LEFT_OUT})


REPORTS = st.lists(reports_with(LEGACY) | reports_with(NIBRS, System="nibrs"), min_size=1, max_size=4)


def columns_of(reports: Sequence[Report]) -> dict[str, list[Any]]:
    names = dict.fromkeys(chain.from_iterable(reports))
    return {name: [report.get(name) for report in reports] for name in names}


def alike(reports: Sequence[Report]) -> list[list[int]]:
    """The reports with the same known fields, by number: a premise that is blank in a CSV table means none recorded."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, report in enumerate(reports):
        known = tuple(sorted(name for name, value in report.items() if value is not None and value == value))
        groups.setdefault(known, []).append(number)
    return list(groups.values())


def csv_of(reports: Sequence[Report]) -> bytes:
    """A table of reports that are `alike`."""
    frame = pd.DataFrame([{name: value for name, value in report.items() if value is not None} for report in reports])
    table: str = frame.dropna(axis=1, how="all").to_csv(index=False)
    return table.encode()


def answers_of(columns: Mapping[str, Iterable[Any]]) -> list[Answer]:
    names = ("label", "level", "probability")
    return [
        (int(label), level, float(top)) for label, level, top in zip(*(columns[name] for name in names), strict=True)
    ]


class Ways:
    """Every way to ask for the answers to a list of reports."""

    def __init__(self, api: httpx.Client, model: CategoryBundle, folder: Path):
        self.api, self.model, self.folder = api, model, folder

    def post(self, path: str, body: Any, kind: str = "application/json", **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.api.post(path, content=content, headers={"content-type": kind, **headers}).raise_for_status()

    def alone(self, reports: Sequence[Report]) -> list[Answer]:
        return [answers_of({k: [v] for k, v in self.post("/predict", report).json().items()})[0] for report in reports]

    def json_list(self, reports: Sequence[Report]) -> list[Answer]:
        return answers_of(pd.DataFrame(self.post("/predict/batch", list(reports)).json()).to_dict("list"))

    def mlflow(self, form: Callable[[Sequence[Report]], Any]) -> Callable[[Sequence[Report]], list[Answer]]:
        return lambda reports: self.predictions("/invocations", form(reports))

    def predictions(self, path: str, body: Any, kind: str = "application/json") -> list[Answer]:
        rows = self.post(path, body, kind).json()["predictions"]
        assert [row["error"] for row in rows] == [None] * len(rows)
        return answers_of(pd.DataFrame(rows).to_dict("list"))

    def kserve(self, reports: Sequence[Report]) -> list[Answer]:
        return self.predictions(PREDICT, {"instances": list(reports)})

    def tensors(self, reports: Sequence[Report]) -> list[Answer]:
        inputs = [
            {"name": name, "shape": [len(cells)], "datatype": "FP64" if name in NUMBERS else "BYTES", "data": cells}
            for name, cells in columns_of(reports).items()
        ]
        return self.inferred(self.post(INFER, {"inputs": inputs}))

    def binary_tensors(self, reports: Sequence[Report]) -> list[Answer]:
        inputs, parts = [], []
        for name, cells in columns_of(reports).items():
            if name in NUMBERS:
                part = np.array(cells, float).tobytes()
            else:
                texts = [str(cell).encode() for cell in cells]
                part = b"".join(struct.pack("<I", len(text)) + text for text in texts)
            parts.append(part)
            tensor = {"name": name, "shape": [len(cells)], "datatype": "FP64" if name in NUMBERS else "BYTES"}
            inputs.append(tensor | {"parameters": {"binary_data_size": len(part)}})
        header = json.dumps({"inputs": inputs}).encode()
        length = {"inference-header-content-length": str(len(header))}
        return self.inferred(self.post(INFER, header + b"".join(parts), "application/octet-stream", **length))

    @staticmethod
    def inferred(response: httpx.Response) -> list[Answer]:
        outputs = {tensor["name"]: tensor for tensor in response.json()["outputs"]}
        top = np.array(outputs["probabilities"]["data"]).reshape(outputs["probabilities"]["shape"]).max(1)
        return answers_of({name: outputs[name]["data"] for name in ("label", "level")} | {"probability": top})

    def arrow(self, reports: Sequence[Report]) -> list[Answer]:
        table = pa.table(
            {
                name: pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
                if name in NUMBERS
                else pa.array([None if cell is None or cell != cell else cell for cell in cells], pa.string())
                for name, cells in columns_of(reports).items()
            }
        )
        body = io.BytesIO()
        with pa.ipc.new_stream(body, table.schema) as writer:
            writer.write_table(table)
        response = self.post("/predict/batch", body.getvalue(), "application/vnd.apache.arrow.stream")
        return answers_of(pa.ipc.open_stream(response.content).read_all().to_pydict())

    def pyfunc(self, convert: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Sequence[Report]], list[Answer]]:
        predict = CategoryPyfunc(self.model).predict
        return lambda reports: answers_of(predict(convert(pd.DataFrame(list(reports)))).to_dict("list"))

    def table(self, answer: Callable[[bytes], list[Answer]]) -> Callable[[Sequence[Report]], list[Answer]]:
        """Tables of CSV, one for each group of reports with the same fields."""

        def ask(reports: Sequence[Report]) -> list[Answer]:
            found: dict[int, Answer] = {}
            for numbers in alike(reports):
                found |= zip(numbers, answer(csv_of([reports[number] for number in numbers])), strict=True)
            return [found[number] for number in range(len(reports))]

        return ask

    def uploaded(self, table: bytes) -> list[Answer]:
        return answers_of(pd.read_csv(io.StringIO(self.post("/predict/batch", table, "text/csv").text)).to_dict("list"))

    def command(self, table: bytes) -> list[Answer]:
        """What `crime predict` runs."""
        source, output = self.folder / "reports.csv", self.folder / "answers.csv"
        source.write_bytes(table)
        score_file(self.model, source, output, Tally())
        return answers_of(pd.read_csv(output).to_dict("list"))

    def all(self) -> dict[str, Callable[[Sequence[Report]], list[Answer]]]:
        return {
            "a JSON list": self.json_list,
            "dataframe_records": self.mlflow(lambda reports: {"dataframe_records": list(reports)}),
            "instances": self.mlflow(lambda reports: {"instances": list(reports)}),
            "inputs": self.mlflow(lambda reports: {"inputs": columns_of(reports)}),
            "dataframe_split": self.mlflow(_split),
            "invocations in CSV": self.table(lambda table: self.predictions("/invocations", table, "text/csv")),
            "KServe V1": self.kserve,
            "tensors": self.tensors,
            "tensors as bytes": self.binary_tensors,
            "Arrow": self.arrow,
            "pyfunc": self.pyfunc(lambda frame: frame),
            "pyfunc, NA": self.pyfunc(lambda frame: frame.convert_dtypes()),
            "pyfunc, pyarrow": self.pyfunc(lambda frame: frame.convert_dtypes(dtype_backend="pyarrow")),
            "a CSV table": self.table(self.uploaded),
            "the command": self.table(self.command),
        }


def _split(reports: Sequence[Report]) -> dict[str, Any]:
    columns = columns_of(reports)
    return {"dataframe_split": {"columns": list(columns), "data": list(zip(*columns.values(), strict=True))}}


def test_one_report_gets_one_answer(api: httpx.Client, model: CategoryBundle, tmp_path: Path) -> None:
    ways = Ways(api, model, tmp_path)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(REPORTS)
    def same(reports: list[Report]) -> None:
        alone = ways.alone(reports)
        for name, ask in ways.all().items():
            found = ask(reports)
            assert [answer[:2] for answer in found] == [answer[:2] for answer in alone], name
            assert [answer[2] for answer in found] == pytest.approx([answer[2] for answer in alone], abs=2e-6), name

    same()
