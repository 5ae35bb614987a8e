"""The model registry, read without MLflow: importing it costs 200 MB and seconds, a query a millisecond.

`Embedded` looks at the tables that MLflow keeps in `mlruns/mlflow.db`, `Served` asks an MLflow server over HTTP.
Both know the same: which version of a model carries an alias, and where its bundle is.
"""

import json
import shutil
import tempfile
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlparse
from urllib.request import Request, urlopen

from crime.core.bundle_files import SPEC_FILE
from crime.core.errors import ModelNotFoundError, RegistryError
from crime.registry.protocol import BUNDLE_PATH, CHAMPION

TIMEOUT_SECONDS = 5  # seconds for one answer of the server
CLOCK_SKEW_SECONDS = 60  # seconds between this machine's clock and the server's that are no chance
KEPT_VERSIONS = 4  # versions of each model on disk
MAX_FILE_BYTES = 512 << 20  # bytes of one file of a bundle


class ServedRegistry:
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
            with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                with suppress(TypeError, ValueError):  # a server that does not tell
                    ahead = time.time() - parsedate_to_datetime(response.headers["Date"]).timestamp()
                    self._ahead = ahead if abs(ahead) > CLOCK_SKEW_SECONDS else 0.0
                content: bytes = response.read(MAX_FILE_BYTES + 1)
        except HTTPError as error:
            try:
                said = json.load(error)
                code, message = said.get("error_code", ""), said.get("message", "")
            except (ValueError, AttributeError, OSError):
                code, message = "", ""
            if code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise ModelNotFoundError(message.rstrip("."), str(self)) from None
            raise RegistryError(f"MLflow at {self} answered {error.code} {message}".rstrip()) from None
        except (OSError, HTTPException) as error:
            raise RegistryError(f"MLflow at {self} can't be reached: {error}") from None
        if len(content) > MAX_FILE_BYTES:
            raise RegistryError(f"MLflow at {self} sent more than {MAX_FILE_BYTES:,} bytes for {path}")
        return content

    def _ask(self, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None) -> Any:
        content = self._open(f"mlflow/{path}" + (f"?{urlencode(query)}" if query else ""), body)
        try:
            return json.loads(content or "{}")
        except ValueError:
            raise RegistryError(f"MLflow at {self} answered {path} with what is no JSON") from None

    def version(self, name: str, alias: str = CHAMPION) -> str:
        """The version that carries `alias`. Raises `RegistryError`."""
        try:
            found = self._ask("registered-models/alias", {"name": name, "alias": alias})
            return str(found["model_version"]["version"])
        except ModelNotFoundError:
            raise ModelNotFoundError(f"{name}@{alias}", str(self)) from None
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
        root = f"mlflow-artifacts/artifacts/{quote(where.path.strip('/'))}/{BUNDLE_PATH}"
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=place.parent))
        try:
            spec = self._open(f"{root}/{SPEC_FILE}")
            (fresh / SPEC_FILE).write_bytes(spec)
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
        for old in sorted(place.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT_VERSIONS]:
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
        except ModelNotFoundError:
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
