"""The model registry, read without MLflow: importing it costs 200 MB and seconds, a query a millisecond.

`Embedded` looks at the tables that MLflow keeps in `mlruns/mlflow.db`, `Served` asks an MLflow server over HTTP.
Both know the same: which version of a model carries an alias, and where its bundle is.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from crime.core.errors import ModelNotFoundError, RegistryError
from crime.registry.protocol import BUNDLE_PATH, CHAMPION

DATABASE_FILE = "mlflow.db"


@contextmanager
def _disk_errors(where: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RegistryError(f"{where}: {error}") from None


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
        """Seconds since 1970 by the registry's clock, which dates what is written there."""
        return time.time()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        path = self.mlruns / DATABASE_FILE
        if not path.exists():
            raise RegistryError(f"no MLflow store in {self.mlruns}: `crime train` makes one")
        try:
            # who may write takes back what a killed writer left by half; who may not could not even read then
            uri = f"{path.absolute().as_uri()}?mode={'rw' if os.access(path, os.W_OK) else 'ro'}"
            with closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
                connection.row_factory = sqlite3.Row
                yield connection
        except sqlite3.Error as error:
            raise RegistryError(f"the MLflow store in {self.mlruns} can't be read: {error}") from error

    def version(self, name: str, alias: str = CHAMPION) -> str:
        """The version that carries `alias`. Raises `RegistryError`."""
        query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        with self._database() as database:
            row = database.execute(query, (name, alias)).fetchone()
        if row is None:
            raise ModelNotFoundError(f"{name}@{alias}", str(self))
        return str(row["version"])

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle. Raises `RegistryError`."""
        query = "SELECT storage_location FROM model_versions WHERE name = ? AND version = ?"
        with self._database() as database:
            row = database.execute(query, (name, version)).fetchone()
        if row is None:
            raise ModelNotFoundError(f"{name} version {version}", str(self))
        location = row["storage_location"]
        return Path(unquote(urlparse(location).path) if location.startswith("file:") else location) / BUNDLE_PATH

    def tags(self, name: str, version: str) -> dict[str, str]:
        """Tags of a version. Raises `RegistryError`."""
        query = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
        with self._database() as database:
            return {row["key"]: row["value"] for row in database.execute(query, (name, version))}

    def models(self) -> list[dict[str, Any]]:
        """Every registered model with its aliases and latest version."""
        with self._database() as database:
            aliases = database.execute("SELECT name, alias, version FROM registered_model_aliases").fetchall()
            return [
                {
                    "name": row["name"],
                    "description": row["description"] or "",
                    "latest_version": str(row["latest"]),
                    "aliases": {a["alias"]: str(a["version"]) for a in aliases if a["name"] == row["name"]},
                }
                for row in database.execute(
                    "SELECT m.name, m.description, MAX(v.version) AS latest FROM registered_models m "
                    "JOIN model_versions v ON v.name = m.name GROUP BY m.name ORDER BY m.name"
                )
            ]

    def versions(self, name: str) -> list[dict[str, Any]]:
        """Every version of a model, newest first, with its aliases, tags and the metrics of its run."""
        with self._database() as database:

            def pairs(query: str, *values: Any) -> dict[str, Any]:
                return {row[0]: row[1] for row in database.execute(query, values)}

            aliases = "SELECT alias, 1 FROM registered_model_aliases WHERE name = ? AND version = ?"
            tags = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
            return [
                {
                    "version": str(row["version"]),
                    "aliases": list(pairs(aliases, name, row["version"])),
                    "created": row["creation_time"],
                    "run_id": row["run_id"],
                    "tags": pairs(tags, name, row["version"]),
                    "metrics": pairs("SELECT key, value FROM latest_metrics WHERE run_uuid = ?", row["run_id"]),
                }
                for row in database.execute(
                    "SELECT version, creation_time, run_id FROM model_versions WHERE name = ? ORDER BY version DESC",
                    (name,),
                )
            ]

    def save(self, path: str, content: bytes) -> None:
        """Keep a file beside the models. Raises `RegistryError`, as `files`, `load` and `remove` do."""
        with _disk_errors(self):
            place = self.mlruns / path
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f".{place.name}")
            partial.write_bytes(content)
            partial.replace(place)

    def files(self, folder: str) -> list[str]:
        """Paths of what is in a folder, sorted; none if it is not there."""
        with _disk_errors(self):
            place = self.mlruns / folder
            found = sorted(place.iterdir()) if place.exists() else []
            return [str(file.relative_to(self.mlruns)) for file in found if not file.name.startswith(".")]

    def load(self, path: str) -> bytes:
        with _disk_errors(self):
            return (self.mlruns / path).read_bytes()

    def remove(self, path: str) -> None:
        """Remove a folder."""
        shutil.rmtree(self.mlruns / path, ignore_errors=True)

    def forget(self, name: str, version: str) -> None:
        """Nothing to do: bundles are read where they are stored."""

    def _client(self) -> Any:  # MLflow alone writes its tables
        import mlflow

        return mlflow.MlflowClient(self.tracking_uri)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._client().set_registered_model_alias(name, alias, version)

    def delete_alias(self, name: str, alias: str) -> None:
        self._client().delete_registered_model_alias(name, alias)

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        client = self._client()
        for key, value in tags.items():
            client.set_model_version_tag(name, version, key, value)
