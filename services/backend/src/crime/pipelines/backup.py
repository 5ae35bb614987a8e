"""Backup of a registry and its files to one archive, and its restore, for any database and object store.

Everything is read and written through MLflow, so a backup of SQLite can be restored into PostgreSQL. Trials of
`crime tune` and the steps of retrainings are left out.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from pydantic import BaseModel, ConfigDict

from crime.core.bundle_files import SPEC_FILE, BundleSpec, read_spec
from crime.core.errors import BackupError
from crime.core.files import atomic_write
from crime.core.progress import Progress, no_progress
from crime.pipelines.publishing import connect, log_bundle
from crime.registry.protocol import RegisteredModel, Registry

INDEX_FILE = "registry.json"
BACKUP_FORMAT = 1
SAVED_FOLDERS = ("monitoring/audit", "monitoring/predictions", "monitoring/review")
SAVED_FILES = ("monitoring/performance.json",)
RESTORED_TAG = "restored_from"  # tag of a version: the archive's SHA-256
EXPERIMENT = "Default"  # MLflow's own: reading needs some experiment to connect to


@dataclass(frozen=True)
class BackupResult:
    """How many versions, and files beside them, were saved or restored."""

    versions: int
    files: int


class _IndexPart(BaseModel):
    """A part of the index, `registry.json`."""

    model_config = ConfigDict(frozen=True)


class SavedRun(_IndexPart):
    """The MLflow run of a version; empty where the run was deleted."""

    name: str | None = None
    params: dict[str, str] = {}
    metrics: dict[str, float] = {}
    tags: dict[str, str] = {}


class SavedVersion(_IndexPart):
    """A version, whose bundle is in the archive at `models/<name>/<version>`."""

    version: str
    tags: dict[str, str]
    run: SavedRun


class SavedModel(_IndexPart):
    """A registered model with its versions in the order of their numbers."""

    name: str
    description: str
    latest_version: str
    aliases: dict[str, str]
    versions: list[SavedVersion]


def save_backup(registry: Registry, output: Path, progress: Progress = no_progress) -> BackupResult:
    """Write `output`, a gzipped tar; it appears under its name only when it is whole. Raises `RegistryError`."""
    models = registry.models()  # raises where there is no registry
    client = connect(registry, EXPERIMENT)
    with atomic_write(output) as partial, tarfile.open(partial, "w:gz") as archive:
        saved = [_save_model(archive, registry, client, model, progress) for model in models]
        paths = [path for folder in SAVED_FOLDERS for path in _files_below(registry, folder)]
        paths += [path for path in SAVED_FILES if path in registry.files(path.rpartition("/")[0])]
        for path in paths:
            _add_file(archive, path, registry.load(path))
        index = {"format": BACKUP_FORMAT, "models": [model.model_dump(exclude_unset=True) for model in saved]}
        _add_file(archive, INDEX_FILE, json.dumps(index).encode())
    return BackupResult(sum(len(model.versions) for model in saved), len(paths))


def _save_model(
    archive: tarfile.TarFile,
    registry: Registry,
    client: mlflow.MlflowClient,
    model: RegisteredModel,
    progress: Progress,
) -> SavedModel:
    """Add the bundles of all versions to the archive. Returns the model's entry of the index."""
    versions = _versions(client, model.name)
    saved = []
    for row, version in enumerate(versions):
        number = str(version.version)
        progress(f"{model.name} version {number}", row / len(versions))
        saved.append(SavedVersion(version=number, tags=version.tags, run=_saved_run(client, version.run_id)))
        for file in sorted(registry.bundle(model.name, number).iterdir()):
            archive.add(file, f"models/{model.name}/{number}/{file.name}")
    return SavedModel(
        name=model.name,
        description=model.description,
        latest_version=model.latest_version,
        aliases=model.aliases,
        versions=saved,
    )


def _saved_run(client: mlflow.MlflowClient, run_id: str | None) -> SavedRun:
    try:
        run = client.get_run(str(run_id))
    except mlflow.MlflowException:
        return SavedRun()
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
    return SavedRun(name=run.info.run_name, params=run.data.params, metrics=run.data.metrics, tags=tags)


def _versions(client: mlflow.MlflowClient, name: str) -> list[ModelVersion]:
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda version: int(version.version))


def _files_below(registry: Registry, folder: str) -> list[str]:
    """Files in a folder, or in its folders by day. A name with a dot is a file's."""
    paths = []
    for entry in registry.files(folder):
        paths += [entry] if "." in entry.rpartition("/")[2] else registry.files(entry)
    return paths


def _add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def restore_backup(registry: Registry, source: Path, progress: Progress = no_progress) -> BackupResult:
    """Restore an archive of `save_backup` into a registry that is empty, or holds a part of the same archive.

    Aliases are set last, so that no version is served before all are restored. Raises `BackupError`, `RegistryError`.
    """
    with source.open("rb") as file:
        digest = sha256(file.read()).hexdigest()
    with tempfile.TemporaryDirectory(prefix="crime-") as unpacked:
        models = _unpack(source, Path(unpacked))
        for model in models:
            _restore_model(registry, model, Path(unpacked) / "models" / model.name, digest, progress)
        files = sorted(path for path in (Path(unpacked) / "monitoring").rglob("*") if path.is_file())
        for path in files:
            registry.save(str(path.relative_to(unpacked)), path.read_bytes())
    client = connect(registry, EXPERIMENT)
    for model in models:
        for alias, version in model.aliases.items():
            client.set_registered_model_alias(model.name, alias, version)
    return BackupResult(sum(len(model.versions) for model in models), len(files))


def _unpack(source: Path, directory: Path) -> Sequence[SavedModel]:
    """Unpack an archive and read its index. Raises `BackupError`."""
    try:
        with tarfile.open(source, "r:gz") as archive:
            archive.extractall(directory, filter="data")
        index = json.loads((directory / INDEX_FILE).read_text())
        if index["format"] != BACKUP_FORMAT:
            raise BackupError(f"{source.name} is a backup of another format: {index['format']}")
        return [SavedModel.model_validate(model) for model in index["models"]]
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{source.name} is not a complete backup: {error}") from None


def _restore_model(registry: Registry, model: SavedModel, bundles: Path, digest: str, progress: Progress) -> None:
    """Register a model's versions in order, so that each gets its own number; deleted versions leave gaps again.

    Versions that an earlier, killed restore of this archive registered are kept.
    """
    client = connect(registry, model.name)
    present = {int(version.version): version for version in _versions(client, model.name)}
    if any(version.tags.get(RESTORED_TAG) != digest for version in present.values()):
        raise BackupError(
            f"{registry} holds versions of {model.name} that are not of this backup: restore into an empty one"
        )
    for row, version in enumerate(model.versions):
        progress(f"{model.name} version {version.version}", row / len(model.versions))
        if int(version.version) not in present:
            _restore_version(registry, client, model.name, version, bundles / version.version, digest)


def _restore_version(
    registry: Registry, client: mlflow.MlflowClient, name: str, version: SavedVersion, bundle: Path, digest: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="crime-") as parent:
        directory = Path(parent) / "bundle"  # MLflow stores it under the name of its directory
        bundle.rename(directory)
        with mlflow.start_run(run_name=version.run.name) as run:
            mlflow.log_params(version.run.params)
            mlflow.log_metrics(version.run.metrics)
            mlflow.set_tags(version.run.tags)
            mlflow.log_artifact(str(directory / SPEC_FILE))
            uri = log_bundle(name, directory, read_spec(directory, BundleSpec).as_json()).model_uri
    tags = version.tags | {"run": run.info.run_id, RESTORED_TAG: digest}
    while (number := int(mlflow.register_model(uri, name, tags=tags).version)) < int(version.version):
        client.delete_model_version(name, str(number))
    if number != int(version.version):
        raise BackupError(f"{name} version {version.version} became {number}: {registry} held versions before")
