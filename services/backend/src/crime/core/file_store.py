"""Where files are kept beside the models: in `mlruns`, or by an MLflow server's artifact store."""

from typing import Protocol


class FileStore(Protocol):
    """Files by path. Every call raises `RegistryError` where the store can't be reached."""

    def time(self) -> float:
        """Seconds since 1970 by the store's clock, which dates what is written there."""

    def save(self, path: str, content: bytes) -> None:
        """Write a file whole."""

    def load(self, path: str) -> bytes:
        """Content of a file."""

    def files(self, folder: str) -> list[str]:
        """Paths of the entries of a folder, sorted; empty if the folder does not exist."""

    def remove(self, path: str) -> None:
        """Remove a folder and all in it."""
