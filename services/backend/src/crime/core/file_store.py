"""Files beside the models: in the folder `mlruns`, or in an MLflow server's artifact store."""

from typing import Protocol


class FileStore(Protocol):
    """Files by path, as `monitoring/predictions/1.csv`. Every method raises `RegistryError` if it can't be reached."""

    def time(self) -> float:
        """Seconds since 1970 by the store's clock, the clock that its files are dated with."""

    def save(self, path: str, content: bytes) -> None:
        """Write a file atomically: readers never see a part of it."""

    def load(self, path: str) -> bytes:
        """The content of a file."""

    def files(self, folder: str) -> list[str]:
        """Sorted paths of the entries of a folder; empty if it does not exist."""

    def remove(self, path: str) -> None:
        """Remove a folder and everything in it."""
