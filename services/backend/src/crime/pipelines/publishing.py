"""Runs, model versions and aliases, written to MLflow."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import mlflow
from mlflow.models import ModelSignature
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType

import crime
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import GatesFailedError
from crime.forecaster.bundle import INTERVAL_BOUNDS, ForecastBundle
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry
from crime.registry.promotion import promote
from crime.registry.protocol import Registry
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.schema import COLUMNS, DETAIL_LEVELS

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
matplotlib.use("Agg")
for noisy in ("mlflow", "alembic"):
    logging.getLogger(noisy).setLevel(logging.WARNING)


def connect(registry: Registry, experiment: str) -> mlflow.MlflowClient:
    """Point MLflow at the registry and an experiment; an embedded registry is made if missing."""
    location = None
    if isinstance(registry, EmbeddedRegistry):
        location = (registry.mlruns.absolute() / "artifacts").as_uri()
        _create_store(registry.mlruns, location)
    mlflow.set_tracking_uri(registry.tracking_uri)
    if mlflow.get_experiment_by_name(experiment) is None:
        mlflow.create_experiment(experiment, artifact_location=location)
    mlflow.set_experiment(experiment)
    return mlflow.MlflowClient()


def _create_store(mlruns: Path, location: str) -> None:
    """MLflow's tables, all at once: SQLite would keep half of them if this were killed."""
    if not (mlruns / DATABASE_FILE).exists():
        mlruns.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=mlruns) as fresh:
            SqlAlchemyStore(f"sqlite:///{Path(fresh).absolute() / DATABASE_FILE}", location)
            with suppress(FileExistsError):  # another command was quicker
                os.link(Path(fresh) / DATABASE_FILE, mlruns / DATABASE_FILE)


def publish(
    model: CategoryBundle, directory: Path, registry: Registry, tags: dict[str, str] | None = None
) -> tuple[str, str]:
    """Log a trained bundle, register it (with `tags`), and make it champion if it passes the gates of `promotion`.

    Returns the new version and the verdict in words.
    """
    name, spec = model.name, model.spec
    connect(registry, name)
    with mlflow.start_run() as run:
        mlflow.set_tags({"data.fingerprint": spec.data.fingerprint, "victim": str(spec.victim)})
        mlflow.log_params(
            spec.parameters
            | {f"rounds_{level}": count for level, count in spec.rounds.items()}
            | {
                "trained_on": spec.data.trained_on,
                "held_out": spec.data.held_out,
                "from": spec.data.first_day,
                "until": spec.data.until,
                "held_out_from": spec.data.held_out_from,
            }
        )
        mlflow.log_metrics(
            {f"{level}.{metric}": value for level, metrics in spec.metrics.items() for metric, value in metrics.items()}
        )
        mlflow.log_dict(spec.as_json(), "spec.json")
        for level in DETAIL_LEVELS:
            with _figure() as axes:
                _draw_confusion(axes, spec.confusion[level], DETAIL_LEVELS[level])
                mlflow.log_figure(axes.figure, f"plots/confusion_{level}.png")
            with _figure() as axes:
                _draw_calibration(axes, spec.calibration[level], DETAIL_LEVELS[level])
                mlflow.log_figure(axes.figure, f"plots/calibration_{level}.png")
        logged = log_bundle(name, directory, category_signature(spec.victim))
    return _register(registry, name, logged.model_uri, {"run": run.info.run_id} | (tags or {}))


def log_bundle(name: str, directory: Path, shape: ModelSignature) -> Any:
    """Log a bundle as a pyfunc, its files as they are."""
    return mlflow.pyfunc.log_model(
        name=name,
        loader_module="crime.pyfunc",
        data_path=str(directory),
        code_paths=[str(Path(crime.__file__).parent)],
        signature=shape,
        pip_requirements=[f"{p}=={installed(p)}" for p in ("mlflow", "lightgbm", "numpy", "pandas")],
    )


def _register(registry: Registry, name: str, uri: str, tags: dict[str, str]) -> tuple[str, str]:
    """Register a logged model; the champion if the gates let it. Returns its version and the verdict."""
    version = str(mlflow.register_model(uri, name, tags=tags).version)
    return version, decide(registry, name, version)


def decide(registry: Registry, name: str, version: str) -> str:
    """Promote a version if the gates let it. Returns the verdict in words."""
    try:
        return promote(registry, name, version, by="training").words
    except GatesFailedError as refused:
        return str(refused)


def publish_forecast(
    made: ForecastBundle, directory: Path, registry: Registry, tags: dict[str, str] | None = None
) -> tuple[str, str]:
    """Log a forecast's bundle, register it (with `tags`); it becomes champion if it passes the gates of `promotion`.

    Returns the new version and the verdict in words.
    """
    connect(registry, made.name)
    with mlflow.start_run() as run:
        mlflow.set_tags({"data.until": made.spec.data.until, "simulated": str(bool(made.spec.data.simulated))})
        data = made.spec.data
        mlflow.log_params({"reports": data.reports, "from": data.first_day, "until": data.until})
        mlflow.log_metrics(
            {
                f"{by}.{method.replace(' ', '_')}.{figure}": value
                for by, backtest in made.spec.backtest.items()
                for method, scores in backtest.methods.items()
                for figure, value in scores
            }
        )
        mlflow.log_dict(made.spec.as_json(), "spec.json")
        logged = log_bundle(made.name, directory, forecast_signature())
    return _register(registry, made.name, logged.model_uri, {"run": run.info.run_id} | (tags or {}))


def forecast_signature() -> ModelSignature:
    """A day and, if wanted, a place, a shift and a category in; mean and bounds out."""
    inputs: list[Any] = [
        ColSpec(AnyType(), "date"),
        *(ColSpec(AnyType(), name, required=False) for name in ("area", "district", "category", "shift")),
    ]
    outputs: list[Any] = [
        *(ColSpec(DataType.double, name) for name in ("mean", *INTERVAL_BOUNDS)),
        ColSpec(DataType.string, "error"),
    ]
    return ModelSignature(Schema(inputs), Schema(outputs))


def category_signature(victim: bool) -> ModelSignature:
    """LAPD's columns in (only date, time and area required; any type, for dialects differ), the answer out."""
    read = [c for k, c in COLUMNS.items() if c.parse and k not in ("crm_cd", "dr_no")]
    inputs: list[Any] = [
        ColSpec(AnyType(), c.name, required=c.required) for c in read if victim or not c.name.startswith("Vict ")
    ]
    outputs: list[Any] = [
        ColSpec(DataType.double, "label"),
        ColSpec(DataType.string, "label_name"),
        ColSpec(DataType.double, "probability"),
        ColSpec(DataType.string, "level"),
        *(ColSpec(DataType.double, f"p_{category}") for category in CATEGORIES),
        ColSpec(DataType.string, "error"),
    ]
    return ModelSignature(Schema(inputs), Schema(outputs))


@contextmanager
def _figure() -> Iterator[Any]:
    figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
    yield axes
    plt.close(figure)


def _draw_confusion(axes: Any, confusion: list[list[int]], level: str) -> None:
    shares = [[cell / (sum(row) or 1) for cell in row] for row in confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(confusion):
        for j, cell in enumerate(row):
            axes.text(j, i, cell, ha="center", va="center", color="white" if shares[i][j] > 0.5 else "black")
    places = range(len(CATEGORY_NAMES))
    axes.set_xticks(places, CATEGORY_NAMES, rotation=45, ha="right")
    axes.set_yticks(places, CATEGORY_NAMES)
    axes.set(xlabel="predicted", ylabel="reported", title=f"Held-out reports, known: {level}")


def _draw_calibration(axes: Any, calibration: list[dict[str, float]], level: str) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
    axes.plot([b["confidence"] for b in calibration], [b["accuracy"] for b in calibration], marker="o")
    axes.set(xlabel="probability given", ylabel="share that was right", title=f"Calibration, known: {level}")
    axes.set(xlim=(0, 1), ylim=(0, 1))


def temporary_bundle() -> tempfile.TemporaryDirectory[str]:
    """A place to train in; the bundle's own directory in it is named `bundle`, as `registry.PLACE` expects."""
    return tempfile.TemporaryDirectory(prefix="crime-")
