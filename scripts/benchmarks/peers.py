"""Other servers of the same model, each in an environment of its own, and the limit of the framework.

`mlflow models serve` serves the registry's champion and gets the same report as the backend. The other peers get the
ready inputs of the champion's LightGBM model: they do less work than the backend, which computes them.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from crime.classifier.bundle import CategoryBundle
from crime.core.settings import Settings
from crime.registry.embedded import EmbeddedRegistry
from crime.serving.payloads.report import EXAMPLE_REPORT

from benchmarks.servers import Server

ENVIRONMENTS = Path(".tools/peers")

PARSE_ONLY = """
import sys, uvicorn
from fastapi import FastAPI
from crime.serving.payloads.report import Report
app = FastAPI()
@app.post("/predict")
async def predict(report: Report) -> dict[str, str]:
    return {"status": "ok"}
@app.get("/health")
async def health() -> None: ...
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""
FASTAPI = """
import sys, lightgbm, uvicorn
from fastapi import FastAPI
app, model = FastAPI(), lightgbm.Booster(model_file=sys.argv[2])
@app.post("/predict")
async def predict(rows: list[list[float]]) -> list[list[float]]:
    return model.predict(rows, num_threads=1).tolist()
@app.get("/health")
async def health() -> None: ...
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""
BENTOML = """
import bentoml, lightgbm
@bentoml.service(workers=1)
class Category:
    def __init__(self) -> None:
        self.model = lightgbm.Booster(model_file="model.txt")
    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[list[float]]:
        return self.model.predict(rows, num_threads=1).tolist()
"""


@dataclass(frozen=True)
class PeerInputs:
    """The champion's LightGBM model as a file in a scratch folder, and one report as its ready inputs."""

    folder: Path
    model_file: Path
    vector: list[float]

    @classmethod
    def of(cls, model: CategoryBundle, folder: Path) -> "PeerInputs":
        model_file = folder / "model.txt"
        shutil.copy(model.directory / "report.txt", model_file)
        fields = {name: column[0] for name, column in model.held_out.fields.items()}
        vector = np.nan_to_num(model.vector(fields)[model.columns["report"]]).astype(float).tolist()
        return cls(folder, model_file, vector)

    @property
    def rows(self) -> bytes:
        return json.dumps([self.vector]).encode()

    def subfolder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder


def report_body() -> bytes:
    return json.dumps(EXAMPLE_REPORT).encode()


def report_tensors() -> bytes:
    """The same report in the Open Inference Protocol, a tensor for each column."""
    datatypes = {str: "BYTES", int: "INT64", float: "FP64"}
    tensors = [
        {"name": name, "shape": [1], "datatype": datatypes[type(value)], "data": [value]}
        for name, value in EXAMPLE_REPORT.items()
    ]
    return json.dumps({"inputs": tensors}).encode()


def backend() -> Server:
    return Server("crime backend", (sys.executable, "-m", "crime.serving"), "/ready", "/predict", report_body())


def parse_only() -> Server:
    """A FastAPI route that only parses the report and answers: the most that the framework allows."""
    command = (sys.executable, "-c", PARSE_ONLY, "{port}")
    return Server("parse and answer", command, "/health", "/predict", report_body())


def find_peers(model: CategoryBundle, folder: Path) -> tuple[list[Server], dict[str, str]]:
    """The peers that can be started here, and why the others can't, by name."""
    inputs = PeerInputs.of(model, folder)
    makers: tuple[Callable[[PeerInputs], Server], ...] = (mlflow_champion, mlflow, mlserver, bentoml, fastapi)
    peers, missing = [], {}
    for make in makers:
        try:
            peers.append(make(inputs))
        except (RuntimeError, ImportError) as error:
            missing[make.__name__] = str(error)
    return peers, missing


def _mlflow_serve(model: str) -> tuple[str, ...]:
    options = ("--env-manager", "local", "-p", "{port}", "--workers", "1")
    return (sys.executable, "-m", "mlflow", "models", "serve", "-m", model, *options)


def mlflow_champion(inputs: PeerInputs) -> Server:
    body = json.dumps({"dataframe_records": [EXAMPLE_REPORT]}).encode()
    store = {"MLFLOW_TRACKING_URI": EmbeddedRegistry(Settings().mlruns).tracking_uri}
    command = _mlflow_serve("models:/crime-category@champion")
    return Server("mlflow models serve", command, "/ping", "/invocations", body, variables=store)


def mlflow(inputs: PeerInputs) -> Server:
    import lightgbm
    import mlflow.lightgbm

    saved = inputs.folder / "mlflow"
    mlflow.lightgbm.save_model(lightgbm.Booster(model_file=str(inputs.model_file)), str(saved))
    body = b'{"inputs": %s}' % inputs.rows
    return Server("mlflow, ready inputs", _mlflow_serve(str(saved)), "/ping", "/invocations", body)


def mlserver(inputs: PeerInputs) -> Server:
    programs = _environment("mlserver", "mlserver", "mlserver-lightgbm")
    folder = inputs.subfolder("mlserver")
    shutil.copy(inputs.model_file, folder / "model.bst")
    (folder / "settings.json").write_text(json.dumps({"parallel_workers": 0, "metrics_endpoint": None}))
    settings = {"name": "m", "implementation": "mlserver_lightgbm.LightGBMModel", "parameters": {"uri": "./model.bst"}}
    (folder / "model-settings.json").write_text(json.dumps(settings))
    tensor = {"name": "x", "shape": [1, len(inputs.vector)], "datatype": "FP32", "data": inputs.vector}
    command = (str(programs / "mlserver"), "start", ".")
    body = json.dumps({"inputs": [tensor]}).encode()
    return Server("MLServer", command, "/v2/models/m/ready", "/v2/models/m/infer", body, folder)


def bentoml(inputs: PeerInputs) -> Server:
    programs = _environment("bentoml", "bentoml", "lightgbm")
    folder = inputs.subfolder("bentoml")
    shutil.copy(inputs.model_file, folder)
    (folder / "service.py").write_text(BENTOML)
    command = (str(programs / "bentoml"), "serve", "service:Category", "-p", "{port}")
    return Server("BentoML", command, "/readyz", "/predict", b'{"rows": %s}' % inputs.rows, folder)


def fastapi(inputs: PeerInputs) -> Server:
    command = (sys.executable, "-c", FASTAPI, "{port}", str(inputs.model_file))
    return Server("FastAPI + Booster.predict", command, "/health", "/predict", inputs.rows)


def _environment(name: str, *packages: str) -> Path:
    """The programs of a peer's own virtual environment, created if missing. Raises `RuntimeError`."""
    environment = (ENVIRONMENTS / name).absolute()
    python = str(environment / "bin/python")
    if not (environment / "ready").exists():
        create = ("uv", "venv", "--clear", "--python", "3.11", str(environment))
        install = ("uv", "pip", "install", "--compile-bytecode", "--python", python, *packages)
        for command in (create, install):
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode:
                raise RuntimeError(result.stderr.strip().splitlines()[-1])
        (environment / "ready").touch()
    return environment / "bin"
