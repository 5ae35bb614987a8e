"""The interface of a model registry, and what it answers."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from crime.core import limits
from crime.core.errors import VersionNumberError
from crime.core.file_store import FileStore

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"  # aliases of versions
BUNDLE_PATH = "data/bundle"  # where the artifacts of a version hold its bundle
NOT_FOUND_CODES = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # MLflow's codes for an unknown name or alias
VERSION_PATTERN = "^0*[1-9][0-9]{0,8}$"  # of `canonical_version`, for the OpenAPI document
MAX_VERSION_CHARACTERS = 20


def canonical_version(text: str) -> str:
    """The version as registries write it: `7` of `7` and `07`. Raises `VersionNumberError`, a `ValueError` too."""
    is_number = len(text) <= MAX_VERSION_CHARACTERS and text.isascii() and text.isdigit()
    if not is_number or not 1 <= int(text) <= limits.VERSION_NUMBER:
        raise VersionNumberError(f"expected the number of a version, such as 7, not {text[:40]!r}")
    return str(int(text))


@dataclass(frozen=True)
class RegisteredModel:
    """A model that has a version. `aliases`: version by alias."""

    name: str
    description: str
    latest_version: str
    aliases: dict[str, str]


@dataclass(frozen=True)
class ModelVersion:
    """One version of a model. `created`: milliseconds since 1970, as MLflow counts; `metrics`: those of its run."""

    version: str
    aliases: list[str] = field(default_factory=list)
    created: int | None = None
    run_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


class Registry(FileStore, Protocol):
    """Model versions with aliases and tags, and files beside them. Every call raises `RegistryError`."""

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI."""

    def version(self, name: str, alias: str = CHAMPION) -> str:
        """The version that has `alias`. Raises `ModelNotFoundError` where none has, `VersionGoneError` if deleted."""

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle, downloaded if necessary. Raises `ModelNotFoundError`."""

    def forget(self, name: str, version: str) -> None:
        """Delete the local copy of a bundle that proved to be damaged, so that it is downloaded again."""

    def tags(self, name: str, version: str) -> dict[str, str]:
        """Tags of a version. Raises `ModelNotFoundError` where there is none, or it was deleted."""

    def models(self) -> list[RegisteredModel]:
        """Every registered model. Aliases of deleted versions are none."""

    def versions(self, name: str) -> list[ModelVersion]:
        """Versions of a model, the newest first."""

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Give `alias` to a version; whichever had it loses it."""

    def delete_alias(self, name: str, alias: str) -> None:
        """Take `alias` away from the version that has it."""

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        """Write tags one after another, in the order of `tags`."""
