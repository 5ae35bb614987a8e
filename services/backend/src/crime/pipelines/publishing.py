"""Publishing: a trained bundle becomes an MLflow run, a version of its model, and champion if its gates pass."""

import logging
import os
import tempfile
from contextlib import suppress
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType
from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

import crime
from crime.classifier.bundle import CategoryBundle
from crime.core.bundle_files import SPEC_FILE, BundleSpec, read_spec
from crime.core.errors import GatesFailedError
from crime.core.model_names import CATEGORY_MODEL
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry
from crime.registry.kinds import Model, SignatureColumn, model_kind
from crime.registry.promotion import ModelResult, promote
from crime.registry.protocol import Registry

PYFUNC_REQUIREMENTS = ("mlflow", "lightgbm", "numpy", "pandas")
_COLUMN_TYPES = {"any": AnyType, "double": lambda: DataType.double, "string": lambda: DataType.string}
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
for _logger_name in ("mlflow", "alembic"):
    logging.getLogger(_logger_name).setLevel(logging.WARNING)


def connect(registry: Registry, experiment: str) -> mlflow.MlflowClient:
    """Point MLflow at the registry and an experiment; an embedded registry is created if missing."""
    location = None
    if isinstance(registry, EmbeddedRegistry):
        location = (registry.mlruns.absolute() / "artifacts").as_uri()
        _create_store(registry.mlruns, location)
    mlflow.set_tracking_uri(registry.tracking_uri)
    if mlflow.get_experiment_by_name(experiment) is None:
        try:
            mlflow.create_experiment(experiment, artifact_location=location)
        except MlflowException:  # another command was quicker
            if mlflow.get_experiment_by_name(experiment) is None:
                raise
    mlflow.set_experiment(experiment)
    return mlflow.MlflowClient()


def _create_store(mlruns: Path, location: str) -> None:
    """Create MLflow's tables in another file and link it into place, so that a killed run leaves no partial tables."""
    if not (mlruns / DATABASE_FILE).exists():
        mlruns.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=mlruns) as directory:
            database = Path(directory).absolute() / DATABASE_FILE
            create_tables: Any = SqlAlchemyStore  # MLflow does not type it
            create_tables(f"sqlite:///{database}", location)
            with suppress(FileExistsError):  # another command was quicker
                os.link(database, mlruns / DATABASE_FILE)


def get_ready(registry: Registry, name: str) -> None:
    """Do the slow steps of publishing the model `name` that a process needs only once.

    Creates an embedded store, and imports matplotlib for the category model. Raises `OSError` or MLflow's error if the
    store can't be created.
    """
    if isinstance(registry, EmbeddedRegistry):
        connect(registry, name)
    if name == CATEGORY_MODEL:
        import crime.pipelines.plots  # noqa: F401
    warn_dependency_requirement_mismatches(_pip_requirements())  # MLflow keeps the list of what is installed


def publish(model: Model, directory: Path, registry: Registry, tags: dict[str, str] | None = None) -> ModelResult:
    """Log the bundle in `directory`, register it (with `tags`), and promote it if its gates pass.

    Raises `RegistryError`.
    """
    kind = model_kind(model.name)
    record = kind.run_record(model)
    spec = read_spec(directory, BundleSpec).as_json()
    connect(registry, kind.name)
    with mlflow.start_run() as run:
        mlflow.set_tags(record.tags)
        mlflow.log_params(record.parameters)
        mlflow.log_dict(spec, SPEC_FILE)
        if isinstance(model, CategoryBundle):
            _log_plots(model)
        logged = log_bundle(kind.name, directory, spec)
        # After the model is logged: MLflow would otherwise read the history of every metric of the run to copy it to
        # the model.
        mlflow.log_metrics(record.metrics, model_id=logged.model_id)
    tags = {"run": run.info.run_id, **(tags or {})}
    version = str(mlflow.register_model(logged.model_uri, kind.name, tags=tags).version)
    return ModelResult(version, promote_if_passed(registry, kind.name, version))


def _log_plots(model: CategoryBundle) -> None:
    from crime.pipelines.plots import draw_plots  # matplotlib, which the forecast does not need

    for path, figure in draw_plots(model):
        mlflow.log_figure(figure, path)


def log_bundle(name: str, directory: Path, spec: dict[str, Any]) -> ModelInfo:
    """Log a bundle as a pyfunc, its files as they are, in the active run. `spec`: its `spec.json`."""
    info: ModelInfo = mlflow.pyfunc.log_model(
        name=name,
        loader_module="crime.pyfunc",
        data_path=str(directory),
        code_paths=[str(Path(crime.__file__).parent)],
        signature=signature(name, spec),
        pip_requirements=_pip_requirements(),
    )
    return info


def _pip_requirements() -> list[str]:
    return [f"{package}=={installed_version(package)}" for package in PYFUNC_REQUIREMENTS]


def signature(name: str, spec: dict[str, Any]) -> ModelSignature:
    """MLflow's signature of the model registered as `name`. `spec`: its `spec.json`."""
    kind = model_kind(name)
    return ModelSignature(
        Schema([_column(column) for column in kind.inputs(bool(spec.get("victim")))]),
        Schema([_column(column) for column in kind.outputs]),
    )


def _column(column: SignatureColumn) -> ColSpec:
    make: Any = _COLUMN_TYPES[column.type]
    return ColSpec(make(), column.name, required=column.required)


def promote_if_passed(registry: Registry, name: str, version: str) -> str:
    """Promote a version if its gates pass. Returns the verdict as a line of text. Raises `RegistryError`."""
    try:
        return promote(registry, name, version, by="training", reason="it passed its gates").summary
    except GatesFailedError as error:
        return str(error)
