"""What the backend, the commands and the pipelines ask of a model registry."""

from pathlib import Path
from typing import Any, Protocol

from crime.core.file_store import FileStore

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"  # aliases of versions
BUNDLE_PATH = "data/bundle"  # where a logged model holds its bundle


class Registry(FileStore, Protocol):
    """Model versions with aliases and tags, and files beside them. Every call raises `RegistryError`."""

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI."""

    def version(self, name: str, alias: str = CHAMPION) -> str:
        """The version that carries `alias`. Raises `ModelNotFoundError` where none does."""

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle, fetched if need be."""

    def forget(self, name: str, version: str) -> None:
        """Drop a fetched bundle that proved to be damaged, so that it is fetched anew."""

    def tags(self, name: str, version: str) -> dict[str, str]:
        """Tags of a version."""

    def models(self) -> list[dict[str, Any]]:
        """Every registered model with its aliases and latest version."""

    def versions(self, name: str) -> list[dict[str, Any]]:
        """Versions of a model, the newest first, with aliases, tags and the metrics of their runs."""

    def set_alias(self, name: str, alias: str, version: str) -> None: ...

    def delete_alias(self, name: str, alias: str) -> None: ...

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None: ...
