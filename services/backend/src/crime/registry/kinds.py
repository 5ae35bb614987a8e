"""The kinds of models: one table of what differs between the category model and the forecast."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from crime.classifier.bundle import CategoryBundle
from crime.classifier.spec import CategorySpec
from crime.core.bundle_files import BundleSpec
from crime.core.errors import BundleError
from crime.core.model_names import CATEGORY_MODEL, FORECAST_MODEL
from crime.forecaster.bundle import INTERVAL_BOUNDS, ForecastBundle
from crime.forecaster.spec import ForecastSpec
from crime.registry.gates import Gate, category_gates, first_category_gates, first_forecast_gates, forecast_gates
from crime.reports.categories import CATEGORIES
from crime.reports.sources import FIELDS


class Model(Protocol):
    """A loaded bundle of any kind."""

    @property
    def spec(self) -> BundleSpec: ...

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def verify(self) -> None:
        """Raise `BundleError` unless the bundle answers as it did when it was trained."""


ModelT = TypeVar("ModelT", bound=Model)


@dataclass(frozen=True)
class SignatureColumn:
    """A column of an MLflow signature. `any`: dialects of the table write it as different types."""

    name: str
    type: Literal["any", "double", "string"]
    required: bool = True


@dataclass(frozen=True)
class RunRecord:
    """What is logged to the MLflow run of a version."""

    tags: dict[str, str]
    parameters: dict[str, bool | int | float | str]
    metrics: dict[str, float]


@dataclass(frozen=True)
class ModelKind(Generic[ModelT]):
    """What differs between kinds of models.

    `command` trains one. `load` reads a bundle directory as a version. `gates` compares a challenger with the champion,
    `first_gates` a version with a baseline where there is no champion. `image_folder` is its folder in an image's model
    directory, where an `optional` one may be missing. `inputs` and `outputs` are the columns of its MLflow pyfunc;
    `inputs` takes whether the model uses the victim columns.
    """

    name: str
    command: str
    load: Callable[[Path, str | None], ModelT]
    gates: Callable[[ModelT, ModelT], list[Gate]]
    first_gates: Callable[[ModelT], list[Gate]]
    image_folder: str
    optional: bool
    inputs: Callable[[bool], list[SignatureColumn]]
    outputs: tuple[SignatureColumn, ...]
    run_record: Callable[[ModelT], RunRecord]

    def open(self, directory: Path, version: str | None = None) -> ModelT:
        """Load and verify a version. Raises `BundleError`, whatever is in the directory."""
        try:
            model = self.load(directory, version)
            if model.name != self.name:
                raise BundleError(f"{directory} holds {model.name}, not {self.name}")
            model.verify()
        except BundleError:
            raise
        except Exception as error:  # what a check overlooks must end neither a serving process nor a decision
            raise BundleError(f"no model bundle in {directory}: {type(error).__name__}: {error}") from error
        return model


def _category_inputs(uses_victim: bool) -> list[SignatureColumn]:
    """LAPD's columns, of which only date, time and area are required; victim columns if the model uses them."""
    return [
        SignatureColumn(column.name, "any", column.required)
        for key, column in FIELDS.items()
        if key not in ("crime_code", "dr_no", "caseno") and (uses_victim or not column.name.startswith("Vict "))
    ]


def _category_run(model: CategoryBundle) -> RunRecord:
    spec, data = model.spec, model.spec.data
    return RunRecord(
        tags={"data.fingerprint": data.fingerprint, "victim": str(spec.victim)},
        parameters={
            **spec.parameters,
            **{f"rounds_{level}": count for level, count in spec.rounds.items()},
            "trained_on": data.trained_on,
            "held_out": data.held_out,
            "from": data.first_day,
            "until": data.until,
            "held_out_from": data.held_out_from,
        },
        metrics={
            f"{level}.{metric}": value for level, scores in spec.metrics.items() for metric, value in scores.items()
        },
    )


def _forecast_inputs(_uses_victim: bool) -> list[SignatureColumn]:
    """A day; optionally a place, a category and a shift, to forecast only their reports."""
    optional = ("area", "district", "category", "shift")
    return [SignatureColumn("date", "any"), *(SignatureColumn(name, "any", required=False) for name in optional)]


def _forecast_run(model: ForecastBundle) -> RunRecord:
    spec, data = model.spec, model.spec.data
    return RunRecord(
        tags={"data.until": data.until, "simulated": str(bool(data.simulated))},
        parameters={"reports": data.reports, "from": data.first_day, "until": data.until},
        metrics={
            f"{kind}.{method.replace(' ', '_')}.{metric}": value
            for kind, summary in spec.backtest.items()
            for method, scores in summary.methods.items()
            for metric, value in scores
        },
    )


CATEGORY = ModelKind[CategoryBundle](
    name=CATEGORY_MODEL,
    command="crime train",
    load=CategoryBundle,
    gates=category_gates,
    first_gates=first_category_gates,
    image_folder="",
    optional=False,
    inputs=_category_inputs,
    outputs=(
        SignatureColumn("label", "double"),
        SignatureColumn("label_name", "string"),
        SignatureColumn("probability", "double"),
        SignatureColumn("level", "string"),
        *(SignatureColumn(f"p_{category}", "double") for category in CATEGORIES),
        SignatureColumn("error", "string"),
    ),
    run_record=_category_run,
)
FORECAST = ModelKind[ForecastBundle](
    name=FORECAST_MODEL,
    command="crime forecast",
    load=ForecastBundle,
    gates=forecast_gates,
    first_gates=first_forecast_gates,
    image_folder=FORECAST_MODEL,
    optional=True,
    inputs=_forecast_inputs,
    outputs=(
        *(SignatureColumn(name, "double") for name in ("mean", *INTERVAL_BOUNDS)),
        SignatureColumn("error", "string"),
    ),
    run_record=_forecast_run,
)
MODEL_KINDS: dict[str, ModelKind[Any]] = {kind.name: kind for kind in (CATEGORY, FORECAST)}


def data_until(model: Model) -> str | None:
    """The last day of the reports that a model was made from; None if its spec tells none."""
    return model.spec.data.until if isinstance(model.spec, CategorySpec | ForecastSpec) else None


def training_command(name: str) -> str:
    """The command that makes a first version of a model, for error messages."""
    return MODEL_KINDS.get(name, CATEGORY).command


def model_kind(name: str) -> ModelKind[Any]:
    """The kind of the model registered as `name`. Raises `BundleError` where this release knows none."""
    if name not in MODEL_KINDS:
        raise BundleError(f"{name} is not a model of this release: {', '.join(MODEL_KINDS)}")
    return MODEL_KINDS[name]
