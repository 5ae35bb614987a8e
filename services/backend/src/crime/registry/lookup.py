"""Opens the registry and the file store that the settings name, and finds versions in them."""

from pathlib import Path

from crime.classifier.bundle import CategoryBundle
from crime.core.file_store import FileStore
from crime.core.model_names import CATEGORY_MODEL
from crime.core.settings import Settings
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.kinds import CATEGORY
from crime.registry.protocol import CHAMPION, Registry
from crime.registry.served import ServedRegistry


def open_registry(settings: Settings) -> Registry:
    """An MLflow server if the settings name one, else the store in `mlruns`."""
    return ServedRegistry(settings.tracking_uri) if settings.tracking_uri else EmbeddedRegistry(settings.mlruns)


def find_version(registry: Registry, name: str, alias: str = CHAMPION) -> tuple[str, Path]:
    """Version and bundle directory of the model that has `alias`. Raises `RegistryError`."""
    version = registry.version(name, alias)
    return version, registry.bundle(name, version)


def load_champion(settings: Settings) -> CategoryBundle:
    """The category model that answers: from the directory that settings name, or the registry's champion.

    Raises `RegistryError` or `BundleError`.
    """
    if settings.model_dir:
        return CATEGORY.open(settings.model_dir)
    version, directory = find_version(open_registry(settings), CATEGORY_MODEL)
    return CATEGORY.open(directory, version)


def open_file_store(settings: Settings, registry: Registry | None = None) -> FileStore | None:
    """The store of recorded predictions: the registry's; None where only an image's own model is served."""
    if settings.model_dir and not settings.tracking_uri:
        return None
    return registry or open_registry(settings)
