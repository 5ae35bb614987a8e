"""The embedded MLflow registry, read without MLflow: importing it costs 200 MB and seconds, a query a millisecond.

`tracking` writes through MLflow itself; this module only looks at the tables MLflow keeps in `mlruns/mlflow.db`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from crime.bundle import Bundle
from crime.forecast import RISK, Forecast
from crime.settings import Settings

MODEL = "crime-category"
DATABASE = "mlflow.db"
ALIAS = "champion"
PLACE = Path("data") / "bundle"  # where a logged model holds its bundle


class RegistryError(RuntimeError):
    """There is no registry, or not what was asked of it."""


@contextmanager
def _database(mlruns: Path) -> Iterator[sqlite3.Connection]:
    path = mlruns / DATABASE
    if not path.exists():
        raise RegistryError(f"no MLflow store in {mlruns}: `crime train` makes one")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            connection.row_factory = sqlite3.Row
            yield connection
    except sqlite3.Error as error:
        raise RegistryError(f"the MLflow store in {mlruns} can't be read: {error}") from error


def _local(location: str) -> Path:
    return Path(unquote(urlparse(location).path)) if location.startswith("file:") else Path(location)


def find(mlruns: Path, name: str, alias: str = ALIAS) -> tuple[str, Path]:
    """Version and bundle directory of the model that carries `alias`. Raises `RegistryError`."""
    with _database(mlruns) as database:
        row = database.execute(
            "SELECT v.version, v.storage_location FROM model_versions v JOIN registered_model_aliases a "
            "ON a.name = v.name AND a.version = v.version WHERE a.name = ? AND a.alias = ?",
            (name, alias),
        ).fetchone()
    if row is None:
        command = "crime train" if name == MODEL else "crime forecast"
        raise RegistryError(f"no model {name}@{alias} in {mlruns}: `{command}` makes one")
    return str(row["version"]), _local(row["storage_location"]) / PLACE


def locate(settings: Settings, name: str = MODEL) -> tuple[str | None, Path]:
    """Version and bundle directory of the model that answers: of those that settings name, or the store's champion.

    Raises `RegistryError`. The version is None where the bundle itself tells it.
    """
    if settings.model_dir:
        return None, settings.model_dir / ("" if name == MODEL else name)
    return find(settings.mlruns, name)


def champion(settings: Settings) -> Bundle:
    """The category model that answers. Raises `RegistryError` or `BundleError`."""
    version, directory = locate(settings)
    return Bundle(directory, version)


def forecast(settings: Settings) -> Forecast:
    """The forecast that answers. Raises `RegistryError` or `BundleError`."""
    version, directory = locate(settings, RISK)
    return Forecast(directory, version)


def models(mlruns: Path) -> list[dict[str, Any]]:
    """Every registered model with its aliases and latest version."""
    with _database(mlruns) as database:
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


def versions(mlruns: Path, name: str) -> list[dict[str, Any]]:
    """Every version of a model, newest first, with its aliases, tags and the metrics of its run."""
    with _database(mlruns) as database:

        def pairs(query: str, *values: Any) -> dict[str, Any]:
            return {row[0]: row[1] for row in database.execute(query, values)}

        return [
            {
                "version": str(row["version"]),
                "aliases": list(
                    pairs(
                        "SELECT alias, 1 FROM registered_model_aliases WHERE name = ? AND version = ?",
                        name,
                        row["version"],
                    )
                ),
                "created": row["creation_time"],
                "run_id": row["run_id"],
                "tags": pairs(
                    "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?",
                    name,
                    row["version"],
                ),
                "metrics": pairs("SELECT key, value FROM latest_metrics WHERE run_uuid = ?", row["run_id"]),
            }
            for row in database.execute(
                "SELECT version, creation_time, run_id FROM model_versions WHERE name = ? ORDER BY version DESC",
                (name,),
            )
        ]
