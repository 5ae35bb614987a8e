"""The embedded registry: MLflow's own tables in `mlruns/mlflow.db`, read with SQLite alone.

Importing MLflow costs 200 MB and seconds, a query with SQLite a millisecond. Only writing imports MLflow.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from crime.core import limits
from crime.core.errors import ModelNotFoundError, RegistryError, UnreadableFileError, VersionGoneError
from crime.core.files import atomic_write
from crime.core.regular_files import read_bounded
from crime.registry.kinds import training_command
from crime.registry.protocol import BUNDLE_PATH, CHAMPION, NOT_FOUND_CODES, ModelVersion, RegisteredModel

if TYPE_CHECKING:
    import mlflow

DATABASE_FILE = "mlflow.db"
NOT_DELETED = "current_stage IS NOT 'Deleted_Internal'"  # MLflow keeps the rows of deleted versions
LOCK_TIMEOUT_SECONDS = 5  # how long a query waits for a writer to release the database


@contextmanager
def _disk_errors(registry: object) -> Iterator[None]:
    """Raise `RegistryError` in place of `OSError`."""
    try:
        yield
    except OSError as error:
        raise RegistryError(f"{registry}: {error}") from None


class EmbeddedRegistry:
    """The store in the directory `mlruns`."""

    def __init__(self, mlruns: Path):
        self.mlruns = mlruns

    def __str__(self) -> str:
        return str(self.mlruns)

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.mlruns.absolute() / DATABASE_FILE}"

    def time(self) -> float:
        """Seconds since 1970: this machine's clock."""
        return time.time()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        path = self.mlruns / DATABASE_FILE
        if not path.exists():
            raise RegistryError(f"no MLflow store in {self.mlruns}: `crime train` makes one")
        try:
            # SQLite needs write access to roll back the journal of a killed writer before it reads
            uri = f"{path.absolute().as_uri()}?mode={'rw' if os.access(path, os.W_OK) else 'ro'}"
            with closing(sqlite3.connect(uri, uri=True, timeout=LOCK_TIMEOUT_SECONDS)) as connection:
                connection.row_factory = sqlite3.Row
                yield connection
        except sqlite3.Error as error:
            raise RegistryError(f"the MLflow store in {self.mlruns} can't be read: {error}") from error

    def version(self, name: str, alias: str = CHAMPION) -> str:
        """The version that has `alias`. Raises `RegistryError`."""
        query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        with self._database() as database:
            row = database.execute(query, (name, alias)).fetchone()
            if row is None:
                raise ModelNotFoundError(f"{name}@{alias}", str(self), training_command(name))
            if not self._exists(database, name, row["version"]):
                raise VersionGoneError(f"{name}@{alias} in {self} is version {row['version']}, which was deleted")
        return str(row["version"])

    @staticmethod
    def _exists(database: sqlite3.Connection, name: str, version: str) -> bool:
        query = f"SELECT 1 FROM model_versions WHERE name = ? AND version = ? AND {NOT_DELETED}"
        return database.execute(query, (name, version)).fetchone() is not None

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle, where MLflow stored it. Raises `RegistryError`."""
        query = f"SELECT storage_location FROM model_versions WHERE name = ? AND version = ? AND {NOT_DELETED}"
        with self._database() as database:
            row = database.execute(query, (name, version)).fetchone()
        if row is None:
            raise ModelNotFoundError(f"{name} version {version}", str(self), training_command(name))
        location = str(row["storage_location"])
        try:
            return Path(unquote(urlparse(location).path) if location.startswith("file:") else location) / BUNDLE_PATH
        except ValueError as error:
            raise RegistryError(f"{name} version {version} is stored at no place, {location!r}: {error}") from None

    def tags(self, name: str, version: str) -> dict[str, str]:
        """Tags of a version. Raises `RegistryError`."""
        with self._database() as database:
            if not self._exists(database, name, version):
                raise ModelNotFoundError(f"{name} version {version}", str(self), training_command(name))
            return self._tags(database, name, version)

    @staticmethod
    def _tags(database: sqlite3.Connection, name: str, version: str) -> dict[str, str]:
        query = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
        return {row["key"]: row["value"] for row in database.execute(query, (name, version))}

    def models(self) -> list[RegisteredModel]:
        """Every model that has a version, by name. Raises `RegistryError`."""
        query = (
            "SELECT m.name, m.description, MAX(v.version) AS latest FROM registered_models m "
            f"JOIN model_versions v ON v.name = m.name WHERE {NOT_DELETED} GROUP BY m.name ORDER BY m.name"
        )
        with self._database() as database:
            aliases = database.execute(
                "SELECT a.name, a.alias, a.version FROM registered_model_aliases a "
                f"JOIN model_versions v ON v.name = a.name AND v.version = a.version WHERE {NOT_DELETED}"
            ).fetchall()
            return [
                RegisteredModel(
                    name=row["name"],
                    description=row["description"] or "",
                    latest_version=str(row["latest"]),
                    aliases={
                        alias["alias"]: str(alias["version"]) for alias in aliases if alias["name"] == row["name"]
                    },
                )
                for row in database.execute(query)
            ]

    def versions(self, name: str) -> list[ModelVersion]:
        """Every version of a model, the newest first; none if there is no such model. Raises `RegistryError`."""
        query = (
            "SELECT version, creation_time, run_id FROM model_versions "
            f"WHERE name = ? AND {NOT_DELETED} ORDER BY version DESC"
        )
        with self._database() as database:
            return [self._model_version(database, name, row) for row in database.execute(query, (name,))]

    def _model_version(self, database: sqlite3.Connection, name: str, row: sqlite3.Row) -> ModelVersion:
        aliases = "SELECT alias FROM registered_model_aliases WHERE name = ? AND version = ?"
        metrics = "SELECT key, value FROM latest_metrics WHERE run_uuid = ?"
        return ModelVersion(
            version=str(row["version"]),
            aliases=[alias["alias"] for alias in database.execute(aliases, (name, row["version"]))],
            created=row["creation_time"],
            run_id=row["run_id"],
            tags=self._tags(database, name, row["version"]),
            metrics={metric["key"]: metric["value"] for metric in database.execute(metrics, (row["run_id"],))},
        )

    def save(self, path: str, content: bytes) -> None:
        """Write a file beside the models; it appears whole or not at all. Raises `RegistryError`."""
        with _disk_errors(self):
            target = self.mlruns / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target) as partial:
                partial.write_bytes(content)

    def files(self, folder: str) -> list[str]:
        """Paths of the entries of a folder, sorted; none if it does not exist. Raises `RegistryError`."""
        with _disk_errors(self):
            try:
                names = os.listdir(self.mlruns / folder)
            except FileNotFoundError:
                names = []
            except NotADirectoryError:
                raise UnreadableFileError(f"{self}: {folder} is no folder") from None
            return [f"{folder}/{name}" for name in sorted(names) if not name.startswith(".")]

    def load(self, path: str) -> bytes:
        """Content of a regular file. Raises `UnreadableFileError`."""
        try:
            return read_bounded(self.mlruns / path, limits.STORED_FILE_BYTES, follow=False)
        except (OSError, ValueError) as error:
            raise UnreadableFileError(f"{self}: {path} can't be read: {error}") from None

    def remove(self, path: str) -> None:
        """Remove a folder and all in it."""
        shutil.rmtree(self.mlruns / path, ignore_errors=True)

    def forget(self, name: str, version: str) -> None:
        """Nothing to do: bundles are read where they are stored."""

    @contextmanager
    def _client(self) -> Iterator["mlflow.MlflowClient"]:
        """MLflow's client: only MLflow writes to its tables. Raises `RegistryError` in place of its errors."""
        import mlflow
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield mlflow.MlflowClient(self.tracking_uri)
        except mlflow.MlflowException as error:
            if error.error_code in NOT_FOUND_CODES:
                raise VersionGoneError(f"{self}: {error.message.rstrip('.')}") from None
            raise RegistryError(f"the MLflow store in {self.mlruns} refused: {error.message}") from None
        except (SQLAlchemyError, OSError) as error:
            raise RegistryError(f"the MLflow store in {self.mlruns} can't be written: {error}") from None

    def set_alias(self, name: str, alias: str, version: str) -> None:
        with self._client() as client:
            client.set_registered_model_alias(name, alias, version)

    def delete_alias(self, name: str, alias: str) -> None:
        with self._client() as client:
            client.delete_registered_model_alias(name, alias)

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        with self._client() as client:
            for key, value in tags.items():
                client.set_model_version_tag(name, version, key, value)
