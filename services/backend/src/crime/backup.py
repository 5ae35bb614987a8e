"""Registry and store in one archive, and back: whatever database and object store they are kept in.

What a registry holds is asked of MLflow and told to MLflow, so a backup of SQLite goes into PostgreSQL too. Trials of
`crime tune` and the steps of retrainings are not in it.
"""

import io
import json
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import mlflow

from crime import tracking
from crime.bundle import SPEC
from crime.forecast import RISK
from crime.models import Progress
from crime.registry import Registry, RegistryError

INDEX = "registry.json"
FORMAT = 1
FOLDERS = ("monitoring/audit", "monitoring/predictions")
FILES = ("monitoring/performance.json",)
MARK = "restored_from"  # tag of a version: the archive's SHA-256


class BackupError(RegistryError):
    """The archive is none, or the registry is not empty."""


@dataclass(frozen=True)
class Saved:
    versions: int
    files: int


def save(registry: Registry, output: Path, progress: Progress = lambda what, share: None) -> Saved:
    """Write `output`, a gzipped tar; it appears under its name only when it is whole. Raises `RegistryError`."""
    models: list[dict[str, Any]] = registry.models()  # raises where there is no registry
    client = tracking.connect(registry, "Default")
    partial = output.with_name(output.name + ".part")
    try:
        with tarfile.open(partial, "w:gz") as archive:
            for model in models:
                model["versions"] = []
                found = _versions(client, model["name"])
                for at, version in enumerate(found):
                    progress(f"{model['name']} version {version.version}", at / len(found))
                    number, tags = str(version.version), dict(version.tags)
                    model["versions"].append({"version": number, "tags": tags, "run": _run(client, version.run_id)})
                    for file in sorted(registry.bundle(model["name"], number).iterdir()):
                        archive.add(file, f"models/{model['name']}/{number}/{file.name}")
            paths = [path for folder in FOLDERS for path in _below(registry, folder)]
            paths += [path for path in FILES if path in registry.files(path.rpartition("/")[0])]
            for path in paths:
                _add(archive, path, registry.load(path))
            _add(archive, INDEX, json.dumps({"format": FORMAT, "models": models}).encode())
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    return Saved(sum(len(model["versions"]) for model in models), len(paths))


def restore(registry: Registry, source: Path, progress: Progress = lambda what, share: None) -> Saved:
    """Put what `save` wrote into a registry that holds nothing, or a part of the same archive.

    Aliases move last, so nothing answers before all is there. Raises `BackupError`, `RegistryError`.
    """
    with source.open("rb") as file:
        digest = sha256(file.read()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="crime-") as place:
        try:
            with tarfile.open(source, "r:gz") as archive:
                archive.extractall(place, filter="data")
            index = json.loads((Path(place) / INDEX).read_text())
            models: list[dict[str, Any]] = index["models"]
            if index["format"] != FORMAT:
                raise BackupError(f"{source.name} is a backup of another format: {index['format']}")
        except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{source.name} is no whole backup: {error}") from None
        for model in models:
            _restore(registry, model, Path(place) / "models" / model["name"], digest, progress)
        paths = sorted(path for path in (Path(place) / "monitoring").rglob("*") if path.is_file())
        for path in paths:
            registry.save(str(path.relative_to(place)), path.read_bytes())
    client = tracking.connect(registry, "Default")
    for model in models:
        for alias, version in model["aliases"].items():
            client.set_registered_model_alias(model["name"], alias, version)
    return Saved(sum(len(model["versions"]) for model in models), len(paths))


def _restore(registry: Registry, model: dict[str, Any], bundles: Path, digest: str, progress: Progress) -> None:
    """One model's versions, in order, so that each gets its own number again; numbers that were removed stay free."""
    name = model["name"]
    client = tracking.connect(registry, name)
    there = {int(version.version): version for version in _versions(client, name)}
    if any(v.tags.get(MARK) != digest for v in there.values()):
        raise BackupError(f"{registry} holds versions of {name} that are not of this backup: restore into an empty one")
    for at, version in enumerate(model["versions"]):
        number = int(version["version"])
        progress(f"{name} version {number}", at / len(model["versions"]))
        if number in there:
            continue
        with tempfile.TemporaryDirectory(prefix="crime-") as place:
            directory = Path(place) / "bundle"
            (bundles / str(number)).rename(directory)
            with mlflow.start_run(run_name=version["run"].get("name")) as run:
                mlflow.log_params(version["run"].get("params", {}))
                mlflow.log_metrics(version["run"].get("metrics", {}))
                mlflow.set_tags(version["run"].get("tags", {}))
                mlflow.log_artifact(str(directory / SPEC))
                shape = tracking.forecast_signature() if name == RISK else tracking.signature(_victim(directory))
                uri = tracking.log_bundle(name, directory, shape).model_uri
            tags = version["tags"] | {"run": run.info.run_id, MARK: digest}
            while (given := int(mlflow.register_model(uri, name, tags=tags).version)) < number:
                client.delete_model_version(name, str(given))
            if given != number:
                raise BackupError(f"{name} version {number} became {given}: {registry} held versions before")


def _victim(directory: Path) -> bool:
    return bool(json.loads((directory / SPEC).read_text())["victim"])


def _versions(client: mlflow.MlflowClient, name: str) -> list[Any]:
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda version: int(version.version))


def _run(client: mlflow.MlflowClient, run: str) -> dict[str, Any]:
    """Name, parameters, metrics and tags of a version's run; nothing where it was removed."""
    try:
        found = client.get_run(run)
    except mlflow.MlflowException:
        return {}
    tags = {key: value for key, value in found.data.tags.items() if not key.startswith("mlflow.")}
    return {"name": found.info.run_name, "params": found.data.params, "metrics": found.data.metrics, "tags": tags}


def _below(registry: Registry, folder: str) -> list[str]:
    """Files in a folder, or in its folders by day."""
    found = registry.files(folder)
    return [path for each in found for path in ([each] if "." in each.rpartition("/")[2] else registry.files(each))]


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
