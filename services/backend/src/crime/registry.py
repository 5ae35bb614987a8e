"""The model registry, read without MLflow: importing it costs 200 MB and seconds, a query a millisecond.

`Embedded` looks at the tables that MLflow keeps in `mlruns/mlflow.db`, `Served` asks an MLflow server over HTTP.
Both know the same: which version of a model carries an alias, and where its bundle is.
"""

import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlencode, urlparse
from urllib.request import Request, urlopen

from crime.bundle import SPEC, Bundle
from crime.settings import Settings

MODEL = "crime-category"
DATABASE = "mlflow.db"
ALIAS, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"
PLACE = "data/bundle"  # where a logged model holds its bundle
PATIENCE = 5  # seconds for one answer of the server
CLOCKS_DIFFER = 60  # seconds between this machine's clock and the server's that are no chance
KEPT = 4  # versions of each model on disk
LARGEST = 512 << 20  # bytes of one file of a bundle


class RegistryError(RuntimeError):
    """There is no registry, it does not answer, or has not what was asked of it."""


class NoSuchModel(RegistryError):
    """The registry answers; it has no such model, version or alias."""

    def __init__(self, name: str, where: str):
        command = "crime forecast" if name.startswith("crime-risk") else "crime train"
        super().__init__(f"no model {name} in {where}: `{command}` makes one")


@contextmanager
def _disk(where: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RegistryError(f"{where}: {error}") from None


class Embedded:
    """The store in the directory `mlruns`."""

    def __init__(self, mlruns: Path):
        self.mlruns = mlruns

    def __str__(self) -> str:
        return str(self.mlruns)

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.mlruns.absolute() / DATABASE}"

    def time(self) -> float:
        """Seconds since 1970 by the registry's clock, which dates what is written there."""
        return time.time()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        path = self.mlruns / DATABASE
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

    def version(self, name: str, alias: str = ALIAS) -> str:
        """The version that carries `alias`. Raises `RegistryError`."""
        query = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
        with self._database() as database:
            row = database.execute(query, (name, alias)).fetchone()
        if row is None:
            raise NoSuchModel(f"{name}@{alias}", str(self))
        return str(row["version"])

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle. Raises `RegistryError`."""
        query = "SELECT storage_location FROM model_versions WHERE name = ? AND version = ?"
        with self._database() as database:
            row = database.execute(query, (name, version)).fetchone()
        if row is None:
            raise NoSuchModel(f"{name} version {version}", str(self))
        location = row["storage_location"]
        return Path(unquote(urlparse(location).path) if location.startswith("file:") else location) / PLACE

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
        with _disk(self):
            place = self.mlruns / path
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f".{place.name}")
            partial.write_bytes(content)
            partial.replace(place)

    def files(self, folder: str) -> list[str]:
        """Paths of what is in a folder, sorted; none if it is not there."""
        with _disk(self):
            place = self.mlruns / folder
            found = sorted(place.iterdir()) if place.exists() else []
            return [str(file.relative_to(self.mlruns)) for file in found if not file.name.startswith(".")]

    def load(self, path: str) -> bytes:
        with _disk(self):
            return (self.mlruns / path).read_bytes()

    def remove(self, path: str) -> None:
        """Remove a folder."""
        shutil.rmtree(self.mlruns / path, ignore_errors=True)

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


class Served:
    """An MLflow server that serves artifacts too. Bundles are fetched once, into the temporary directory."""

    def __init__(self, uri: str):
        self.tracking_uri = uri.rstrip("/")
        self.kept = Path(tempfile.gettempdir()) / "crime-models"
        self._ahead = 0.0  # seconds by which the clock here is ahead of the server's, as its last answer told

    def __str__(self) -> str:
        return self.tracking_uri

    def time(self) -> float:
        """Seconds since 1970 by the registry's clock, which dates what is written there; the one here may be wrong."""
        return time.time() - self._ahead

    def _open(self, path: str, body: dict[str, Any] | bytes | None = None, method: str | None = None) -> bytes:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        request = Request(f"{self.tracking_uri}/api/2.0/{path}", data, {"Content-Type": kind})
        request.method = method or ("GET" if body is None else "POST")
        try:
            with urlopen(request, timeout=PATIENCE) as response:
                with suppress(TypeError, ValueError):  # a server that does not tell
                    ahead = time.time() - parsedate_to_datetime(response.headers["Date"]).timestamp()
                    self._ahead = ahead if abs(ahead) > CLOCKS_DIFFER else 0.0
                content: bytes = response.read(LARGEST + 1)
        except HTTPError as error:
            try:
                said = json.load(error)
                code, message = said.get("error_code", ""), said.get("message", "")
            except (ValueError, AttributeError, OSError):
                code, message = "", ""
            if code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise NoSuchModel(message.rstrip("."), str(self)) from None
            raise RegistryError(f"MLflow at {self} answered {error.code} {message}".rstrip()) from None
        except (OSError, HTTPException) as error:
            raise RegistryError(f"MLflow at {self} can't be reached: {error}") from None
        if len(content) > LARGEST:
            raise RegistryError(f"MLflow at {self} sent more than {LARGEST:,} bytes for {path}")
        return content

    def _ask(self, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None) -> Any:
        content = self._open(f"mlflow/{path}" + (f"?{urlencode(query)}" if query else ""), body)
        try:
            return json.loads(content or "{}")
        except ValueError:
            raise RegistryError(f"MLflow at {self} answered {path} with what is no JSON") from None

    def version(self, name: str, alias: str = ALIAS) -> str:
        """The version that carries `alias`. Raises `RegistryError`."""
        try:
            found = self._ask("registered-models/alias", {"name": name, "alias": alias})
            return str(found["model_version"]["version"])
        except NoSuchModel:
            raise NoSuchModel(f"{name}@{alias}", str(self)) from None
        except (KeyError, TypeError):
            raise RegistryError(f"MLflow at {self} answered without a version of {name}@{alias}") from None

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle, fetched if it is not here yet. Raises `RegistryError`."""
        place = self._place(name, version)
        if place.exists():
            return place
        found = self._ask("model-versions/get-download-uri", {"name": name, "version": version})
        where = urlparse(str(found.get("artifact_uri", "")))
        if where.scheme != "mlflow-artifacts":
            raise RegistryError(f"MLflow at {self} does not serve artifacts itself: {name} is in {where.geturl()}")
        root = f"mlflow-artifacts/artifacts/{quote(where.path.strip('/'))}/{PLACE}"
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=place.parent))
        try:
            spec = self._open(f"{root}/{SPEC}")
            (fresh / SPEC).write_bytes(spec)
            for file in json.loads(spec)["sha256"]:
                if Path(file).name != file:
                    raise ValueError(f"a file named {file!r}")
                (fresh / file).write_bytes(self._open(f"{root}/{file}"))
            fresh.rename(place)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(f"{name} version {version} in {self} is no bundle: {error}") from None
        except OSError as error:
            raise RegistryError(f"{name} version {version} can't be kept in {place.parent}: {error}") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        for old in sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return place

    def forget(self, name: str, version: str) -> None:
        """Remove a fetched bundle that proved to be damaged, so that the next look fetches it anew."""
        shutil.rmtree(self._place(name, version), ignore_errors=True)

    def _place(self, name: str, version: str) -> Path:
        return self.kept / quote(self.tracking_uri, "") / name / version

    def save(self, path: str, content: bytes) -> None:
        """Keep a file beside the models. Raises `RegistryError`, as `files`, `load` and `remove` do."""
        self._open(f"mlflow-artifacts/artifacts/{quote(path)}", content, "PUT")

    def files(self, folder: str) -> list[str]:
        """Paths of what is in a folder, sorted; none if it is not there."""
        try:
            listed = json.loads(self._open(f"mlflow-artifacts/artifacts?{urlencode({'path': folder})}"))
            return sorted(f"{folder}/{file['path'].rpartition('/')[2]}" for file in listed.get("files", []))
        except NoSuchModel:
            return []
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RegistryError(f"MLflow at {self} listed {folder} as what is no list") from None

    def load(self, path: str) -> bytes:
        return self._open(f"mlflow-artifacts/artifacts/{quote(path)}")

    def remove(self, path: str) -> None:
        """Remove a folder."""
        self._open(f"mlflow-artifacts/artifacts/{quote(path)}", method="DELETE")

    def tags(self, name: str, version: str) -> dict[str, str]:
        """Tags of a version. Raises `RegistryError`."""
        found = self._ask("model-versions/get", {"name": name, "version": version})
        return {tag["key"]: tag["value"] for tag in found.get("model_version", {}).get("tags", [])}

    def models(self) -> list[dict[str, Any]]:
        """Every registered model with its aliases and latest version."""
        found = self._ask("registered-models/search", {"max_results": "100"}).get("registered_models", [])
        return [
            {
                "name": model["name"],
                "description": model.get("description", ""),
                "latest_version": max((v["version"] for v in model.get("latest_versions", [])), key=int, default=""),
                "aliases": {a["alias"]: str(a["version"]) for a in model.get("aliases", [])},
            }
            for model in found
        ]

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The latest hundred versions of a model, newest first, with their aliases, tags and metrics of their runs."""
        aliases: dict[str, list[str]] = {}
        for model in self.models():
            if model["name"] == name:
                for alias, version in model["aliases"].items():
                    aliases.setdefault(version, []).append(alias)
        query = {"filter": f"name='{name}'", "max_results": "100", "order_by": "version_number DESC"}
        found = self._ask("model-versions/search", query).get("model_versions", [])
        return [
            {
                "version": str(v["version"]),
                "aliases": aliases.get(str(v["version"]), []),
                "created": int(v.get("creation_timestamp", 0)),
                "run_id": v.get("run_id", ""),
                "tags": {tag["key"]: tag["value"] for tag in v.get("tags", [])},
                "metrics": self._metrics(v.get("run_id", "")),
            }
            for v in sorted(found, key=lambda v: -int(v["version"]))
        ]

    def _metrics(self, run: str) -> dict[str, float]:
        if not run:
            return {}
        try:
            data = self._ask("runs/get", {"run_id": run})["run"]["data"]
        except RegistryError:
            return {}
        return {metric["key"]: metric["value"] for metric in data.get("metrics", [])}

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._ask("registered-models/alias", body={"name": name, "alias": alias, "version": version})

    def delete_alias(self, name: str, alias: str) -> None:
        self._open("mlflow/registered-models/alias", {"name": name, "alias": alias}, "DELETE")

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self._ask("model-versions/set-tag", body={"name": name, "version": version, "key": key, "value": value})


Registry = Embedded | Served


def of(settings: Settings) -> Registry:
    """The registry that settings name."""
    return Served(settings.tracking_uri) if settings.tracking_uri else Embedded(settings.mlruns)


def find(registry: Registry, name: str, alias: str = ALIAS) -> tuple[str, Path]:
    """Version and bundle directory of the model that carries `alias`. Raises `RegistryError`."""
    version = registry.version(name, alias)
    return version, registry.bundle(name, version)


def champion(settings: Settings) -> Bundle:
    """The category model that answers: of the directory that settings name, or the registry's champion.

    Raises `RegistryError` or `BundleError`.
    """
    if settings.model_dir:
        return Bundle(settings.model_dir)
    version, directory = find(of(settings), MODEL)
    return Bundle(directory, version)
