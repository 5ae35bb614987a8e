"""The registry of an MLflow server that also serves artifacts, over MLflow's REST API and without importing MLflow."""

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlparse
from urllib.request import Request

from crime.core import limits
from crime.core.bounded_http import Answer, TooLargeError, fetch
from crime.core.bundle_files import SPEC_FILE
from crime.core.errors import ModelNotFoundError, RegistryError, UnreadableFileError, VersionGoneError
from crime.core.json_memory import check_parsed_memory
from crime.registry.kinds import CATEGORY, MODEL_KINDS, training_command
from crime.registry.protocol import BUNDLE_PATH, CHAMPION, NOT_FOUND_CODES, ModelVersion, RegisteredModel

CLOCK_SKEW_SECONDS = 60  # smaller differences between the two clocks may be latency and are ignored
CACHED_VERSIONS = 8  # versions of each model whose bundles stay on disk
MIN_SECONDS = 0.01  # of a request that comes too late
MAX_MESSAGE = 500  # characters of a server's message that are told
VERSION = re.compile("[0-9]{1,18}")
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
        most: int | None = None,
        seconds: float | None = None,
    ) -> bytes:
        """The body of an answer: of `most` bytes within `seconds`, or what is usual for what is no file."""
        most, seconds = most or limits.REGISTRY_ANSWER_BYTES, seconds or limits.REGISTRY_SECONDS
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        content_type = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        method = method or ("GET" if body is None else "POST")
        url = f"{self.tracking_uri}/api/2.0/{path}"
        try:
            answer = fetch(Request(url, data, {"Content-Type": content_type}, method=method), most, seconds)
        except TooLargeError as error:
            raise UnreadableFileError(f"MLflow at {self} makes no sense: for {path[:200]} {error}") from None
        except OSError as error:
            raise RegistryError(f"MLflow at {self} can't be reached: {error}") from None
        if answer.status >= 400:
            raise self._error_of(answer)
        self._compare_clocks(answer.headers["Date"])
        return answer.content

    def _compare_clocks(self, date: str) -> None:
        with suppress(TypeError, ValueError, OverflowError):  # no Date header, or not a date
            ahead = time.time() - parsedate_to_datetime(date).timestamp()
            self._seconds_ahead = ahead if abs(ahead) > CLOCK_SKEW_SECONDS else 0.0

    def _error_of(self, answer: Answer) -> RegistryError:
        try:
            problem = _parsed(answer.content)
            code, message = str(problem.get("error_code", "")), str(problem.get("message", ""))[:MAX_MESSAGE]
        except (ValueError, AttributeError, RecursionError):
            code, message = "", ""
        if code in NOT_FOUND_CODES:
            return ModelNotFoundError(message.rstrip("."), str(self), CATEGORY.command)
        refusal = RegistryError if answer.status in BUSY_STATUSES else _RefusedError
        return refusal(f"MLflow at {self} answered {answer.status} {message}".rstrip())

    @contextmanager
    def _sense(self, what: str) -> Iterator[None]:
        """Raise `RegistryError` where an answer about `what` is not of the form that MLflow's have."""
        try:
            yield
        except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError, RecursionError) as error:
            raise RegistryError(f"MLflow at {self} answered without {what}: {type(error).__name__}") from None

    def _json(
        self, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        content = self._request(f"mlflow/{path}" + (f"?{urlencode(query)}" if query else ""), body)
        try:
            answer = _parsed(content or b"{}")
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise RegistryError(f"MLflow at {self} answered {path} with something that is not JSON, or too much of it")
        return answer

    def version(self, name: str, alias: str = CHAMPION) -> str:
        """The version that has `alias`. Raises `RegistryError`."""
        try:
            answer = self._json("registered-models/alias", {"name": name, "alias": alias})
        except ModelNotFoundError as error:
            if "Model Version (" in str(error):  # as MLflow says of an alias whose version was deleted
                raise VersionGoneError(f"{name}@{alias} in {self} is a version that was deleted") from None
            raise ModelNotFoundError(f"{name}@{alias}", str(self), training_command(name)) from None
        with self._sense(f"a version of {name}@{alias}"):
            return _version(answer["model_version"])

    def bundle(self, name: str, version: str) -> Path:
        """Directory of a version's bundle, downloaded if it is not cached. Raises `RegistryError`."""
        if not VERSION.fullmatch(version):
            raise ModelNotFoundError(f"{name} version {version}", str(self), training_command(name))
        directory = self._cached(name, version)
        if directory.exists():
            with suppress(OSError):
                os.utime(directory)  # the last used are kept
            return directory
        answer = self._json("model-versions/get-download-uri", {"name": name, "version": version})
        with self._sense("a place of artifacts"):
            location = urlparse(str(answer.get("artifact_uri", "")))
        if location.scheme != "mlflow-artifacts":
            raise RegistryError(f"MLflow at {self} does not serve artifacts itself: {name} is in {location.geturl()}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=directory.parent))
        try:
            self._download(f"mlflow-artifacts/artifacts/{quote(location.path.strip('/'))}/{BUNDLE_PATH}", partial)
            partial.rename(directory)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RegistryError(f"{name} version {version} in {self} is no bundle: {error}") from None
        except OSError as error:
            raise RegistryError(f"{name} version {version} can't be kept in {directory.parent}: {error}") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        for old in sorted(directory.parent.iterdir(), key=lambda path: path.stat().st_mtime)[:-CACHED_VERSIONS]:
            shutil.rmtree(old, ignore_errors=True)
        return directory

    def _download(self, root: str, target: Path) -> None:
        """Download a bundle's spec and the files it lists, within the limits of all files of a bundle."""
        end, left = time.monotonic() + limits.REGISTRY_FILE_SECONDS, limits.BUNDLE_BYTES

        def download(file: str, most: int) -> bytes:
            seconds = max(end - time.monotonic(), MIN_SECONDS)
            content = self._request(f"{root}/{quote(file)}", most=min(most, left), seconds=seconds)
            (target / file).write_bytes(content)
            return content

        files = _parsed(download(SPEC_FILE, limits.SPEC_BYTES))["sha256"]
        if not isinstance(files, Mapping | list) or len(files) > limits.BUNDLE_FILES:
            raise ValueError(f"its spec lists no files, or more than {limits.BUNDLE_FILES}")
        for file in files:
            if Path(file).name != file or file == SPEC_FILE:  # would be written outside of `target`, or over the spec
                raise ValueError(f"a file named {file[:100]!r}")
            left -= len(download(file, limits.BUNDLE_FILE_BYTES))

    def forget(self, name: str, version: str) -> None:
        """Delete a cached bundle that proved to be damaged, so that it is downloaded again."""
        shutil.rmtree(self._cached(name, version), ignore_errors=True)

    def _cached(self, name: str, version: str) -> Path:
        return self.cache_directory / quote(self.tracking_uri, "") / name / version

    def save(self, path: str, content: bytes) -> None:
        """Write a file beside the models. Raises `RegistryError`."""
        self._request(f"mlflow-artifacts/artifacts/{quote(path)}", content, "PUT", seconds=limits.REGISTRY_FILE_SECONDS)

    def files(self, folder: str) -> list[str]:
        """Paths of the entries of a folder, sorted; none if it does not exist. Raises `RegistryError`."""
        try:
            content = self._request(f"mlflow-artifacts/artifacts?{urlencode({'path': folder})}")
        except ModelNotFoundError:
            return []
        with self._sense(f"a list of the files in {folder}"):
            answer = _parsed(content)
            return sorted(f"{folder}/{file['path'].rpartition('/')[2]}" for file in answer.get("files", []))

    def load(self, path: str) -> bytes:
        """Content of a file. Raises `UnreadableFileError` where the server answers, but not with this file."""
        try:
            return self._request(
                f"mlflow-artifacts/artifacts/{quote(path)}",
                most=limits.STORED_FILE_BYTES,
                seconds=limits.REGISTRY_FILE_SECONDS,
            )
        except (ModelNotFoundError, _RefusedError) as error:
            raise UnreadableFileError(f"{self}: {path} can't be read: {error}") from None

    def remove(self, path: str) -> None:
        """Remove a folder and all in it. Raises `RegistryError`."""
        self._request(f"mlflow-artifacts/artifacts/{quote(path)}", method="DELETE")

    def tags(self, name: str, version: str) -> dict[str, str]:
        """Tags of a version. Raises `RegistryError`."""
        answer = self._json("model-versions/get", {"name": name, "version": version})
        with self._sense(f"tags of {name} version {version}"):
            found = answer.get("model_version", {})
            if found.get("current_stage") != DELETED:
                return {key: str(value) for key, value in _pairs(found.get("tags", [])).items()}
        raise ModelNotFoundError(f"{name} version {version}", str(self), training_command(name))

    def models(self) -> list[RegisteredModel]:
        """The first hundred registered models. Raises `RegistryError`."""
        answer = self._json("registered-models/search", {"max_results": PAGE_SIZE})
        with self._sense("registered models"):
            return [
                RegisteredModel(
                    name=str(model["name"]),
                    description=str(model.get("description", "")),
                    latest_version=max(map(_version, model.get("latest_versions", [])), key=int, default=""),
                    aliases=self._live_aliases(model),
                )
                for model in answer.get("registered_models", [])
            ]

    def _live_aliases(self, model: dict[str, Any]) -> dict[str, str]:
        """Version by alias. Of this project's models those of deleted versions are left out."""
        aliases = {str(alias["alias"]): _version(alias) for alias in model.get("aliases", [])}
        if model["name"] not in MODEL_KINDS:
            return aliases
        live = set(map(_version, model.get("latest_versions", [])))
        for version in list(set(aliases.values()) - live)[: limits.REGISTRY_ALIASES]:
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
        with self._sense(f"versions of {name}"):
            found = sorted(answer.get("model_versions", []), key=lambda version: -int(_version(version)))
            return [
                self._model_version(version, aliases.get(_version(version), []))
                for version in found
                if version.get("current_stage") != DELETED
            ]

    def _model_version(self, version: dict[str, Any], aliases: list[str]) -> ModelVersion:
        run = str(version.get("run_id", ""))
        return ModelVersion(
            version=_version(version),
            aliases=aliases,
            created=int(version.get("creation_timestamp", 0)),
            run_id=run,
            tags={key: str(value) for key, value in _pairs(version.get("tags", [])).items()},
            metrics=self._metrics(run),
        )

    def _metrics(self, run: str) -> dict[str, float]:
        """Metrics of a run; none where it was deleted."""
        if not run:
            return {}
        try:
            data = self._json("runs/get", {"run_id": run})["run"]["data"]
        except RegistryError:
            return {}
        return {key: float(value) for key, value in _pairs(data.get("metrics", [])).items()}

    def set_alias(self, name: str, alias: str, version: str) -> None:
        self._json("registered-models/alias", body={"name": name, "alias": alias, "version": version})

    def delete_alias(self, name: str, alias: str) -> None:
        self._request("mlflow/registered-models/alias", {"name": name, "alias": alias}, "DELETE")

    def set_tags(self, name: str, version: str, tags: dict[str, str]) -> None:
        for key, value in tags.items():
            self._json("model-versions/set-tag", body={"name": name, "version": version, "key": key, "value": value})


def _parsed(content: bytes) -> Any:
    """The value of a JSON text. Raises `ValueError`, also of what takes too much memory, and `RecursionError`."""
    check_parsed_memory(content)
    return json.loads(content)


def _version(answer: Mapping[str, Any]) -> str:
    """The version in an answer. Raises `ValueError` where it is no number: it becomes a part of paths."""
    version = str(answer["version"])
    if not VERSION.fullmatch(version):
        raise ValueError("no number of a version")
    return version


def _pairs(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """MLflow's lists of key and value, as a dictionary."""
    return {str(entry["key"]): entry["value"] for entry in entries}
