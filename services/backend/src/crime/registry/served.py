"""The registry of an MLflow server that also serves artifacts, over MLflow's REST API and without importing MLflow."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urlparse
from urllib.request import Request, urlopen

from crime.core import limits
from crime.core.bundle_files import SPEC_FILE
from crime.core.errors import ModelNotFoundError, RegistryError, UnreadableFileError, VersionGoneError
from crime.registry.kinds import CATEGORY, MODEL_KINDS, training_command
from crime.registry.protocol import BUNDLE_PATH, CHAMPION, NOT_FOUND_CODES, ModelVersion, RegisteredModel

TIMEOUT_SECONDS = 5  # for one answer of the server
CLOCK_SKEW_SECONDS = 60  # smaller differences between the two clocks may be latency and are ignored
CACHED_VERSIONS = 8  # versions of each model whose bundles stay on disk
MAX_FILE_BYTES = 512 << 20  # of one file of a bundle
PAGE_SIZE = "100"  # models or versions that a search returns
DELETED = "Deleted_Internal"  # the stage of versions that were deleted
BUSY_STATUSES = (429, 502, 503, 504)  # of a server, or a proxy before it, that can't be reached for a while


class _RefusedError(RegistryError):
    """The server answers, but refuses this request."""


class ServedRegistry:
    """An MLflow server. Bundles are downloaded once into `cache_directory`."""

    def __init__(self, uri: str):
        self.tracking_uri = uri.rstrip("/")
        self.cache_directory = Path(tempfile.gettempdir()) / "crime-models"
        self._seconds_ahead = 0.0  # of this machine's clock over the server's, by the server's last answer

    def __str__(self) -> str:
        return self.tracking_uri

    def time(self) -> float:
        """Seconds since 1970 by the server's clock, which dates what is written there."""
        return time.time() - self._seconds_ahead

    def _request(
        self,
        path: str,
        body: Mapping[str, str] | bytes | None = None,
        method: str | None = None,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> bytes:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        content_type = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        method = method or ("GET" if body is None else "POST")
        url = f"{self.tracking_uri}/api/2.0/{path}"
        try:
            with urlopen(
                Request(url, data, {"Content-Type": content_type}, method=method), timeout=TIMEOUT_SECONDS
            ) as response:
                self._compare_clocks(response.headers["Date"])
                content: bytes = response.read(max_bytes + 1)
        except HTTPError as error:
            raise self._error_of(error) from None
        except (OSError, HTTPException) as error:
            raise RegistryError(f"MLflow at {self} can't be reached: {error}") from None
        if len(content) > max_bytes:
            raise UnreadableFileError(f"MLflow at {self} sent more than {max_bytes:,} bytes for {path}")
        return content

    def _compare_clocks(self, date: str) -> None:
        with suppress(TypeError, ValueError, OverflowError):  # no Date header, or not a date
            ahead = time.time() - parsedate_to_datetime(date).timestamp()
            self._seconds_ahead = ahead if abs(ahead) > CLOCK_SKEW_SECONDS else 0.0

    def _error_of(self, error: HTTPError) -> RegistryError:
        try:
            problem = json.load(error)
            code, message = problem.get("error_code", ""), problem.get("message", "")
        except (ValueError, AttributeError, OSError):
            code, message = "", ""
        if code in NOT_FOUND_CODES:
            return ModelNotFoundError(message.rstrip("."), str(self), CATEGORY.command)
        refusal = RegistryError if error.code in BUSY_STATUSES else _RefusedError
        return refusal(f"MLflow at {self} answered {error.code} {message}".rstrip())

    def _json(self, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, str] | None = None) -> Any:
        content = self._request(f"mlflow/{path}" + (f"?{urlencode(query)}" if query else ""), body)
        try:
            return json.loads(content or "{}")
        except ValueError:
            raise RegistryError(f"MLflow at {self} answered {path} with something that is not JSON") from None

    def version(self, name: str, alias: str = CHAMPION) -> str:
        """The version that has `alias`. Raises `RegistryError`."""
        try:
            answer = self._json("registered-models/alias", {"name": name, "alias": alias})
            return str(answer["model_version"]["version"])
        except ModelNotFoundError as error:
            if "Model Version (" in str(error):  # as MLflow says of an alias whose version was deleted
                raise VersionGoneError(f"{name}@{alias} in {self} is a version that was deleted") from None
            raise ModelNotFoundError(f"{name}@{alias}", str(self), training_command(name)) from None
        except (KeyError, TypeError):
            raise RegistryError(f"MLflow at {self} answered without a version of {name}@{alias}") from None

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle, downloaded if it is not cached. Raises `RegistryError`."""
        directory = self._cached(name, version)
        if directory.exists():
            with suppress(OSError):
                os.utime(directory)  # the last used are kept
            return directory
        answer = self._json("model-versions/get-download-uri", {"name": name, "version": version})
        location = urlparse(str(answer.get("artifact_uri", "")))
        if location.scheme != "mlflow-artifacts":
            raise RegistryError(f"MLflow at {self} does not serve artifacts itself: {name} is in {location.geturl()}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=directory.parent))
        try:
            self._download(f"mlflow-artifacts/artifacts/{quote(location.path.strip('/'))}/{BUNDLE_PATH}", partial)
            partial.rename(directory)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(f"{name} version {version} in {self} is no bundle: {error}") from None
        except OSError as error:
            raise RegistryError(f"{name} version {version} can't be kept in {directory.parent}: {error}") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        for old in sorted(directory.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-CACHED_VERSIONS]:
            shutil.rmtree(old, ignore_errors=True)
        return directory

    def _download(self, root: str, target: Path) -> None:
        """Download a bundle's spec and the files it lists."""
        spec = self._request(f"{root}/{SPEC_FILE}")
        (target / SPEC_FILE).write_bytes(spec)
        for file in json.loads(spec)["sha256"]:
            if Path(file).name != file:  # would be written outside of `target`
                raise ValueError(f"a file named {file!r}")
            (target / file).write_bytes(self._request(f"{root}/{file}"))

    def forget(self, name: str, version: str) -> None:
        """Delete a cached bundle that proved to be damaged, so that it is downloaded again."""
        shutil.rmtree(self._cached(name, version), ignore_errors=True)

    def _cached(self, name: str, version: str) -> Path:
        return self.cache_directory / quote(self.tracking_uri, "") / name / version

    def save(self, path: str, content: bytes) -> None:
        """Write a file beside the models. Raises `RegistryError`."""
        self._request(f"mlflow-artifacts/artifacts/{quote(path)}", content, "PUT")

    def files(self, folder: str) -> list[str]:
        """Paths of the entries of a folder, sorted; none if it does not exist. Raises `RegistryError`."""
        try:
            answer = json.loads(self._request(f"mlflow-artifacts/artifacts?{urlencode({'path': folder})}"))
            return sorted(f"{folder}/{file['path'].rpartition('/')[2]}" for file in answer.get("files", []))
        except ModelNotFoundError:
            return []
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RegistryError(f"MLflow at {self} did not answer with a list of the files in {folder}") from None

    def load(self, path: str) -> bytes:
        """Content of a file. Raises `UnreadableFileError` where the server answers, but not with this file."""
        try:
            return self._request(f"mlflow-artifacts/artifacts/{quote(path)}", max_bytes=limits.STORED_FILE_BYTES)
        except (ModelNotFoundError, _RefusedError) as error:
            raise UnreadableFileError(f"{self}: {path} can't be read: {error}") from None

    def remove(self, path: str) -> None:
        """Remove a folder and all in it. Raises `RegistryError`."""
        self._request(f"mlflow-artifacts/artifacts/{quote(path)}", method="DELETE")

    def tags(self, name: str, version: str) -> dict[str, str]:
        """Tags of a version. Raises `RegistryError`."""
        answer = self._json("model-versions/get", {"name": name, "version": version}).get("model_version", {})
        if answer.get("current_stage") == DELETED:
            raise ModelNotFoundError(f"{name} version {version}", str(self), training_command(name))
        return _pairs(answer.get("tags", []))

    def models(self) -> list[RegisteredModel]:
        """The first hundred registered models. Raises `RegistryError`."""
        answer = self._json("registered-models/search", {"max_results": PAGE_SIZE})
        return [
            RegisteredModel(
                name=model["name"],
                description=model.get("description", ""),
                latest_version=max((v["version"] for v in model.get("latest_versions", [])), key=int, default=""),
                aliases=self._live_aliases(model),
            )
            for model in answer.get("registered_models", [])
        ]

    def _live_aliases(self, model: dict[str, Any]) -> dict[str, str]:
        """Version by alias. Of this project's models those of deleted versions are left out."""
        aliases = {alias["alias"]: str(alias["version"]) for alias in model.get("aliases", [])}
        if model["name"] not in MODEL_KINDS:
            return aliases
        live = {str(version["version"]) for version in model.get("latest_versions", [])}
        for version in set(aliases.values()) - live:
            with suppress(ModelNotFoundError):
                self.tags(model["name"], version)
                live.add(version)
        return {alias: version for alias, version in aliases.items() if version in live}

    def versions(self, name: str) -> list[ModelVersion]:
        """The latest hundred versions of a model, the newest first. Raises `RegistryError`."""
        aliases: dict[str, list[str]] = {}
        for model in self.models():
            if model.name == name:
                for alias, version in model.aliases.items():
                    aliases.setdefault(version, []).append(alias)
        query = {"filter": f"name='{name}'", "max_results": PAGE_SIZE, "order_by": "version_number DESC"}
        answer = self._json("model-versions/search", query)
        return [
            ModelVersion(
                version=str(version["version"]),
                aliases=aliases.get(str(version["version"]), []),
                created=int(version.get("creation_timestamp", 0)),
                run_id=version.get("run_id", ""),
                tags=_pairs(version.get("tags", [])),
                metrics=self._metrics(version.get("run_id", "")),
            )
            for version in sorted(answer.get("model_versions", []), key=lambda version: -int(version["version"]))
            if version.get("current_stage") != DELETED
        ]

    def _metrics(self, run: str) -> dict[str, float]:
        """Metrics of a run; none where it was deleted."""
        if not run:
            return {}
        try:
            data = self._json("runs/get", {"run_id": run})["run"]["data"]
        except RegistryError:
            return {}
        return _pairs(data.get("metrics", []))

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._json("registered-models/alias", body={"name": name, "alias": alias, "version": version})

    def delete_alias(self, name: str, alias: str) -> None:
        self._request("mlflow/registered-models/alias", {"name": name, "alias": alias}, "DELETE")

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self._json("model-versions/set-tag", body={"name": name, "version": version, "key": key, "value": value})


def _pairs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """MLflow's lists of key and value, as a dictionary."""
    return {entry["key"]: entry["value"] for entry in entries}
