"""The model registry, read without MLflow: importing it costs 200 MB and seconds, a query a millisecond.

`Embedded` looks at the tables that MLflow keeps in `mlruns/mlflow.db`, `Served` asks an MLflow server over HTTP.
Both know the same: which version of a model carries an alias, and where its bundle is.
"""

from pathlib import Path

from crime.classifier.bundle import CategoryBundle
from crime.core.file_store import FileStore
from crime.core.model_names import CATEGORY_MODEL
from crime.core.settings import Settings
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.protocol import CHAMPION, Registry
from crime.registry.served import ServedRegistry


def open_registry(settings: Settings) -> Registry:
    """The registry that settings name."""
    return ServedRegistry(settings.tracking_uri) if settings.tracking_uri else EmbeddedRegistry(settings.mlruns)


def find_version(registry: Registry, name: str, alias: str = CHAMPION) -> tuple[str, Path]:
    """Version and bundle directory of the model that carries `alias`. Raises `RegistryError`."""
    version = registry.version(name, alias)
    return version, registry.bundle(name, version)


def load_champion(settings: Settings) -> CategoryBundle:
    """The category model that answers: of the directory that settings name, or the registry's champion.

    Raises `RegistryError` or `BundleError`.
    """
    if settings.model_dir:
        return CategoryBundle(settings.model_dir)
    version, directory = find_version(open_registry(settings), CATEGORY_MODEL)
    return CategoryBundle(directory, version)


def open_file_store(settings: Settings, registry: Registry | None = None) -> FileStore | None:
    """Where predictions are logged: the registry's store; None where only an image's own model is served."""
    if settings.model_dir and not settings.tracking_uri:
        return None
    return registry or open_registry(settings)
