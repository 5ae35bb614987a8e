"""The real clients of other servers work unchanged, and get what `/predict` answers to each report alone.

Clients whose requirements differ from this project's run in environments of their own (`clients/`).
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from harness import Backend
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from reports import SMALLEST_REPORT

MODEL = "crime-category"
CLIENTS = Path(__file__).with_name("clients")
COMPLETE = {"Premis Cd": 101, "LAT": 34.05, "LON": -118.25}
RECORDS: list[dict[str, Any]] = [
    SMALLEST_REPORT | {"DATE OCC": "2023-01-15"},
    SMALLEST_REPORT | COMPLETE | {"Mocodes": "0344 1822", "Weapon Used Cd": ""},
    SMALLEST_REPORT | {"AREA": 12, "Weapon Used Cd": "400", "LAT": None},
]


def run_client(requirement: str, script: str, *arguments: str, reports: Any) -> Any:
    """What a client's script prints, in an environment that holds the client. Skips where it can't be installed."""
    command = [shutil.which("uv") or "uv", "run", "--no-project", "--with", requirement, "python"]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        probe = subprocess.run([*command, "-c", ""], capture_output=True, text=True, timeout=300, env=environment)
        why = probe.stderr.strip().splitlines()[-1:] if probe.returncode else []
    except (OSError, subprocess.TimeoutExpired) as error:
        why = [str(error)]
    if why:
        pytest.skip(
            f"{requirement} can't be installed here: {why[0]}; `uv run --no-project --with '{requirement}' true`"
        )
    done = subprocess.run(
        [*command, str(CLIENTS / script), *arguments],
        input=json.dumps(reports),
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def check(answers: dict[str, Any], records: list[dict[str, Any]], api: httpx.Client) -> None:
    """Each way of a client gets each report's label, name and probability."""
    alone = [api.post("/predict", json=record).raise_for_status().json() for record in records]
    for way, columns in answers.items():
        assert columns["label"] == [answer["label"] for answer in alone], way
        assert columns["label_name"] == [answer["label_name"] for answer in alone], way
        if "probabilities" in columns:
            columns["probability"] = np.max(columns["probabilities"], 1)
        assert columns["probability"] == pytest.approx([answer["probability"] for answer in alone], abs=2e-6), way


def test_tritons_client(backend: Backend, api: httpx.Client) -> None:
    names = dict.fromkeys(name for record in RECORDS for name in record)
    columns = {name: [record.get(name) for record in RECORDS] for name in names}
    address = backend.url.removeprefix("http://")
    found = run_client("tritonclient[http]==2.73.0", "triton.py", address, MODEL, reports=columns)
    check(found["answers"], RECORDS, api)
    told = found["told"]
    assert (told["live"], told["ready"], told["extensions"]) == (True, True, ["binary_tensor_data"])
    assert set(SMALLEST_REPORT) <= set(told["inputs"])
    assert told["errors"] == ["no model 'other'", "columns: no column 'TIME OCC'"]


def test_mlservers_codecs(backend: Backend, api: httpx.Client) -> None:
    """They have no null for texts, so numbers stand for premises here, and lists for MO codes."""
    least = {"DATE OCC": "2023-01-15", "TIME OCC": 1430}
    records: list[dict[str, Any]] = [
        least | {"AREA": 1, "Premis Cd": 101, "LAT": None, "Mocodes": []},
        least | {"AREA": 2, "Premis Cd": None, "LAT": 34.05, "Mocodes": ["0344", "1822"]},
        least | {"AREA": 3, "Premis Cd": 501, "LAT": None, "Mocodes": ["1300"]},
    ]
    url = f"{backend.url}/v2/models/{MODEL}/infer"
    check(run_client("mlserver==1.7.1", "mlserver_codecs.py", url, reports=records), records, api)


def test_kserves_client(backend: Backend, api: httpx.Client) -> None:
    found = run_client("kserve==0.21.0", "kserve_client.py", backend.url, MODEL, reports=RECORDS)
    check(found["answers"], RECORDS, api)
    assert (found["ready"], found["alive"]) == ([True, True], [True, True])


def test_mlflows_client(backend: Backend, api: httpx.Client) -> None:
    host, port = backend.url.removeprefix("http://").split(":")
    client: Any = ScoringServerClient(host, int(port))  # type: ignore[no-untyped-call]
    client.wait_server_ready()
    assert client.get_version() == api.get("/").json()["version"]
    frame = pd.DataFrame(RECORDS)
    for data in (frame, frame.convert_dtypes(), RECORDS):
        predictions = pd.DataFrame(client.invoke(data).get_predictions())
        check({"mlflow": predictions.to_dict("list")}, RECORDS, api)
    with pytest.raises(Exception, match="expected a list of reports, each an object with DATE OCC"):
        client.invoke([[1, 2]])
