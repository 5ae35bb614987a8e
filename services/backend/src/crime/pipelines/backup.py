"""Registry and store in one archive, and back: whatever database and object store they are kept in.

What a registry holds is asked of MLflow and told to MLflow, so a backup of SQLite goes into PostgreSQL too. Trials of
`crime tune` and the steps of retrainings are not in it.
"""

import io
import json
import tarfile
import tempfile
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import mlflow

from crime.core.bundle_files import SPEC_FILE, BundleSpec, read_spec
from crime.core.errors import BackupError
from crime.core.files import atomic_write
from crime.core.model_names import FORECAST_MODEL
from crime.core.progress import Progress
from crime.pipelines.publishing import category_signature, connect, forecast_signature, log_bundle
from crime.registry.protocol import Registry

INDEX_FILE = "registry.json"
BACKUP_FORMAT = 1
SAVED_FOLDERS = ("monitoring/audit", "monitoring/predictions")
SAVED_FILES = ("monitoring/performance.json",)
RESTORED_TAG = "restored_from"  # tag of a version: the archive's SHA-256


@dataclass(frozen=True)
class BackupResult:
    versions: int
    files: int


def save_backup(registry: Registry, output: Path, progress: Progress = lambda what, share: None) -> BackupResult:
    """Write `output`, a gzipped tar; it appears under its name only when it is whole. Raises `RegistryError`."""
    models: list[dict[str, Any]] = [asdict(model) for model in registry.models()]  # raises where there is no registry
    client = connect(registry, "Default")
    with atomic_write(output) as partial, tarfile.open(partial, "w:gz") as archive:
        for model in models:
            model["versions"] = []
            found = _versions(client, model["name"])
            for at, version in enumerate(found):
                progress(f"{model['name']} version {version.version}", at / len(found))
                number, tags = str(version.version), dict(version.tags)
                model["versions"].append({"version": number, "tags": tags, "run": _run(client, version.run_id)})
                for file in sorted(registry.bundle(model["name"], number).iterdir()):
                    archive.add(file, f"models/{model['name']}/{number}/{file.name}")
        paths = [path for folder in SAVED_FOLDERS for path in _files_below(registry, folder)]
        paths += [path for path in SAVED_FILES if path in registry.files(path.rpartition("/")[0])]
        for path in paths:
            _add_file(archive, path, registry.load(path))
        _add_file(archive, INDEX_FILE, json.dumps({"format": BACKUP_FORMAT, "models": models}).encode())
    return BackupResult(sum(len(model["versions"]) for model in models), len(paths))


def restore_backup(registry: Registry, source: Path, progress: Progress = lambda what, share: None) -> BackupResult:
    """Put what `save` wrote into a registry that holds nothing, or a part of the same archive.

    Aliases move last, so nothing answers before all is there. Raises `BackupError`, `RegistryError`.
    """
    with source.open("rb") as file:
        digest = sha256(file.read()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="crime-") as place:
        try:
            with tarfile.open(source, "r:gz") as archive:
                archive.extractall(place, filter="data")
            index = json.loads((Path(place) / INDEX_FILE).read_text())
            models: list[dict[str, Any]] = index["models"]
            if index["format"] != BACKUP_FORMAT:
                raise BackupError(f"{source.name} is a backup of another format: {index['format']}")
        except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{source.name} is no whole backup: {error}") from None
        for model in models:
            _restore_model(registry, model, Path(place) / "models" / model["name"], digest, progress)
        paths = sorted(path for path in (Path(place) / "monitoring").rglob("*") if path.is_file())
        for path in paths:
            registry.save(str(path.relative_to(place)), path.read_bytes())
    client = connect(registry, "Default")
    for model in models:
        for alias, version in model["aliases"].items():
            client.set_registered_model_alias(model["name"], alias, version)
    return BackupResult(sum(len(model["versions"]) for model in models), len(paths))


def _restore_model(registry: Registry, model: dict[str, Any], bundles: Path, digest: str, progress: Progress) -> None:
    """One model's versions, in order, so that each gets its own number again; numbers that were removed stay free."""
    name = model["name"]
    client = connect(registry, name)
    there = {int(version.version): version for version in _versions(client, name)}
    if any(v.tags.get(RESTORED_TAG) != digest for v in there.values()):
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
                mlflow.log_artifact(str(directory / SPEC_FILE))
                shape = forecast_signature() if name == FORECAST_MODEL else category_signature(_victim(directory))
                uri = log_bundle(name, directory, shape).model_uri
            tags = version["tags"] | {"run": run.info.run_id, RESTORED_TAG: digest}
            while (given := int(mlflow.register_model(uri, name, tags=tags).version)) < number:
                client.delete_model_version(name, str(given))
            if given != number:
                raise BackupError(f"{name} version {number} became {given}: {registry} held versions before")


def _victim(directory: Path) -> bool:
    return bool(read_spec(directory, BundleSpec).as_json()["victim"])  # also of a release with another spec


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


def _files_below(registry: Registry, folder: str) -> list[str]:
    """Files in a folder, or in its folders by day."""
    found = registry.files(folder)
    return [path for each in found for path in ([each] if "." in each.rpartition("/")[2] else registry.files(each))]


def _add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
