"""Which version answers: a decision with reasons, written to the registry. Needs neither MLflow nor training code.

A challenger and the present champion score the same reports, the newest that the challenger's training did not see
(its bundle carries them). The alias moves only if every gate passes, or by force, with who and why on record.
"""

from pathlib import Path

from crime.classifier.bundle import CategoryBundle
from crime.core.errors import BundleError
from crime.core.model_names import FORECAST_MODEL
from crime.forecaster.bundle import ForecastBundle


def load_version(name: str, directory: Path, version: str | None) -> CategoryBundle | ForecastBundle:
    """A version ready to answer, verified. Raises `BundleError`."""
    model: CategoryBundle | ForecastBundle = (
        ForecastBundle(directory, version) if name == FORECAST_MODEL else CategoryBundle(directory, version)
    )
    if model.name != name:
        raise BundleError(f"{directory} holds {model.name}, not {name}")
    model.verify()
    return model
