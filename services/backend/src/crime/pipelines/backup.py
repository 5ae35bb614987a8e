"""Backup of a registry and its files to one archive, and its restore, for any database and object store.

Everything is read and written through MLflow, so a backup of SQLite can be restored into PostgreSQL. Trials of
`crime tune`, the steps of retrainings, and models of other projects on the same server are left out.
"""

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import mlflow
from mlflow.entities.model_registry import ModelVersion

from crime.core import limits
from crime.core.bundle_files import SPEC_FILE, BundleSpec, read_spec
from crime.core.errors import BackupError, BundleError, CrimeError, RegistryError, UnreadableFileError
from crime.core.files import atomic_write
from crime.core.progress import Progress, no_progress
from crime.core.regular_files import open_regular
from crime.pipelines.backup_archive import unpack_backup
from crime.pipelines.backup_index import (
    INDEX_FILE,
    SAVED_FILES,
    SAVED_FOLDERS,
    SavedModel,
    SavedRun,
    SavedVersion,
    is_plain,
    is_saved_file,
    read_index,
    write_index,
)
from crime.pipelines.publishing import connect, log_bundle
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry
from crime.registry.kinds import MODEL_KINDS, model_kind
from crime.registry.protocol import NOT_FOUND_CODES, RegisteredModel, Registry

RESTORED_TAG = "restored_from"  # tag of a model and its versions: the archive's SHA-256
STATE_TAG, BEGUN, DONE = "restore", "begun", "done"  # tag of a model
BATCH = 100  # parameters or tags that MLflow takes at once


@dataclass(frozen=True)
class BackupResult:
    """How many versions, and files beside them, were saved or restored.

    `left_out`: what could not be saved, each with the reason.
    """

    versions: int
    files: int
    left_out: tuple[str, ...] = ()


@contextmanager
def _mlflow_errors(registry: Registry) -> Iterator[None]:
    """Raise `RegistryError` in place of MLflow's errors."""
    try:
        yield
    except mlflow.MlflowException as error:
        raise RegistryError(f"{registry}: {error.message}") from None


def save_backup(registry: Registry, output: Path, progress: Progress = no_progress) -> BackupResult:
    """Write `output`, a gzipped tar; it appears under its name only when it is whole.

    Versions that can't be opened and files that can't be read are left out, and named in the result. Raises
    `BackupError` and `RegistryError`.
    """
    if output.exists() and not output.is_file():
        raise BackupError(f"{output} is no regular file: it is not replaced")
    models = [model for model in registry.models() if model.name in MODEL_KINDS]  # raises where there is no registry
    with _mlflow_errors(registry), atomic_write(output) as partial:
        with tarfile.open(partial, "w:gz") as archive:
            writer = _BackupWriter(archive, registry, mlflow.MlflowClient(registry.tracking_uri), progress)
            saved = [part for model in models if (part := writer.add_model(model)).versions]
            files = writer.add_files()
            index = write_index(saved)
            writer.add(INDEX_FILE, io.BytesIO(index), len(index))
        with partial.open("rb") as written:
            os.fsync(written.fileno())  # or a node's crash could leave the name without the content
    return BackupResult(sum(len(model.versions) for model in saved), files, tuple(writer.left_out))


class _BackupWriter:
    """Adds parts of a registry to an archive, and notes in `left_out` what can't be read."""

    def __init__(self, archive: tarfile.TarFile, registry: Registry, client: mlflow.MlflowClient, progress: Progress):
        self.archive, self.registry, self.client, self.progress = archive, registry, client, progress
        self.left_out: list[str] = []
        self.size = 0

    def add_model(self, model: RegisteredModel) -> SavedModel:
        """Add the bundles of all versions that open. Returns the model's entry of the index."""
        versions = _versions(self.client, model.name)
        saved = []
        for row, version in enumerate(versions):
            number = str(version.version)
            self.progress(f"{model.name} version {number}", row / len(versions))
            try:
                entry = SavedVersion(version=number, tags=version.tags, run=_saved_run(self.client, version.run_id))
                self._add_bundle(model.name, number)
            except (CrimeError, OSError, ValueError) as error:
                if isinstance(error, BackupError):
                    raise
                self.left_out.append(f"{model.name} version {number}: {error}")
            else:
                saved.append(entry)
        numbers = {version.version for version in saved}
        return SavedModel(
            name=model.name,
            description=model.description,
            latest_version=model.latest_version,
            aliases={alias: version for alias, version in model.aliases.items() if version in numbers},
            versions=saved,
        )

    def _add_bundle(self, name: str, number: str) -> None:
        """Open a version, and add its files. Raises `RegistryError`, `BundleError` or `OSError`."""
        directory = self.registry.bundle(name, number)
        model_kind(name).open(directory, number)
        files = sorted(directory.iterdir())
        for path in files:
            if not is_plain(path.name):
                raise BundleError(f"a file named {path.name!r}")
            open_regular(path, follow=False).close()
        for path in files:
            with open_regular(path, follow=False) as file:
                self.add(f"models/{name}/{number}/{path.name}", file, os.fstat(file.fileno()).st_size)

    def add_files(self) -> int:
        """Add the files beside the models. Returns how many there were."""
        count = 0
        for path in self._paths():
            try:
                if not is_saved_file(path):
                    raise UnreadableFileError("the name is none of a plain file")
                content = self.registry.load(path)
            except UnreadableFileError as error:
                self.left_out.append(f"{path!r}: {error}")
            else:
                self.add(path, io.BytesIO(content), len(content))
                count += 1
        return count

    def _paths(self) -> Iterator[str]:
        """Files in the saved folders, or in their folders by day. A name with a dot is a file's."""
        for folder in SAVED_FOLDERS:
            for entry in self.registry.files(folder):
                if "." in entry.rpartition("/")[2]:
                    yield entry
                    continue
                try:
                    yield from self.registry.files(entry)
                except UnreadableFileError as error:
                    self.left_out.append(f"{entry!r}: {error}")
        for path in SAVED_FILES:
            if path in self.registry.files(path.rpartition("/")[0]):
                yield path

    def add(self, name: str, file: IO[bytes], size: int) -> None:
        """Add a file. Raises `BackupError` above the size that can be restored, or if the file changed meanwhile."""
        self.size += size
        if self.size > limits.BACKUP_BYTES or size > limits.BUNDLE_FILE_BYTES:
            raise BackupError(f"too large to be restored: {name} of {size:,} bytes, {self.size:,} in all")
        member = tarfile.TarInfo(name)
        member.size = size
        try:
            self.archive.addfile(member, file)
        except OSError as error:
            raise BackupError(f"{name} could not be saved: {error}") from None
        self.archive.members.clear()  # type: ignore[attr-defined]  # it would remember each


def _saved_run(client: mlflow.MlflowClient, run_id: str | None) -> SavedRun:
    try:
        run = client.get_run(str(run_id))
    except mlflow.MlflowException as error:
        if error.error_code not in NOT_FOUND_CODES:
            raise
        return SavedRun()
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
    return SavedRun(name=run.info.run_name, params=run.data.params, metrics=run.data.metrics, tags=tags)


def _versions(client: mlflow.MlflowClient, name: str) -> list[ModelVersion]:
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda version: int(version.version))


def restore_backup(registry: Registry, source: Path, progress: Progress = no_progress) -> BackupResult:
    """Restore an archive of `save_backup` into a registry that is empty, or holds a part of the same archive.

    Nothing is changed before the whole archive and the registry are checked. Aliases are set last, so that no version
    is served before all are restored. One that was killed continues when it is run again; of one that is done nothing
    is changed. Raises `BackupError`, `RegistryError`.
    """
    with tempfile.TemporaryDirectory(prefix="crime-") as unpacked, _mlflow_errors(registry):
        directory = Path(unpacked)
        digest = unpack_backup(source, directory)
        models = _read_index(source.name, directory / INDEX_FILE)
        _check_bundles(source.name, models, directory, progress)
        files = sorted(path for path in (directory / "monitoring").rglob("*") if path.is_file())
        result = BackupResult(sum(len(model.versions) for model in models), len(files))
        if _check_target(registry, models, digest) == DONE:
            return result
        for model in models:
            _restore_model(registry, model, directory / "models" / model.name, digest, progress)
        for path in files:
            registry.save(str(path.relative_to(directory)), path.read_bytes())
        client = mlflow.MlflowClient(registry.tracking_uri)
        for model in models:
            for alias, version in model.aliases.items():
                client.set_registered_model_alias(model.name, alias, version)
        for model in models:
            client.set_registered_model_tag(model.name, STATE_TAG, DONE)
    return result


def _read_index(source: str, path: Path) -> Sequence[SavedModel]:
    """The models of an unpacked backup. Raises `BackupError`."""
    try:
        return read_index(path.read_bytes())
    except FileNotFoundError:
        raise BackupError(f"{source} is not a complete backup: it has no {INDEX_FILE}") from None
    except BackupError as error:
        raise BackupError(f"{source} {error}") from None
    except ValueError as error:
        raise BackupError(f"{source} is not a complete backup: {error}") from None


def _check_bundles(source: str, models: Sequence[SavedModel], directory: Path, progress: Progress) -> None:
    """Open every version. Raises `BackupError` for the first one that can't be used."""
    for model in models:
        for row, version in enumerate(model.versions):
            progress(f"check {model.name} version {version.version}", row / len(model.versions))
            bundle = directory / "models" / model.name / version.version
            try:
                model_kind(model.name).open(bundle, version.version)
            except BundleError as error:
                what = f"{model.name} version {version.version}"
                raise BackupError(f"{source} holds a version that can't be used: {what}: {error}") from None


def _check_target(registry: Registry, models: Sequence[SavedModel], digest: str) -> str:
    """How far a restore of this archive has come, BEGUN or DONE. Raises `BackupError` if anything else is there."""
    if isinstance(registry, EmbeddedRegistry) and not (registry.mlruns / DATABASE_FILE).exists():
        return BEGUN
    client = mlflow.MlflowClient(registry.tracking_uri)
    saved = {model.name: model for model in models}
    states = []
    for name in MODEL_KINDS:
        try:
            tags = client.get_registered_model(name).tags
        except mlflow.MlflowException as error:
            if error.error_code not in NOT_FOUND_CODES:
                raise
            continue
        present = _versions(client, name)
        is_same = tags.get(RESTORED_TAG, digest) == digest and (present or RESTORED_TAG in tags)
        if (
            name not in saved
            or not is_same
            or any(version.tags.get(RESTORED_TAG) != digest for version in present)
            or (tags.get(STATE_TAG) != DONE and _has_holes(saved[name], present))
        ):
            raise BackupError(
                f"{registry} holds versions of {name} that are not of this backup: restore into an empty one"
            )
        states.append(tags.get(STATE_TAG, BEGUN))
    return DONE if len(states) == len(models) and set(states) == {DONE} else BEGUN


def _has_holes(model: SavedModel, present: Sequence[ModelVersion]) -> bool:
    """Whether a version is missing below one that is there, so that it can't get its number any more."""
    numbers = {int(version.version) for version in present}
    return any(
        int(version.version) not in numbers
        for version in model.versions
        if int(version.version) < max(numbers, default=0)
    )


def _restore_model(registry: Registry, model: SavedModel, bundles: Path, digest: str, progress: Progress) -> None:
    """Register a model's versions in order, so that each gets its own number; deleted versions leave gaps again.

    Versions that an earlier, killed restore of this archive registered are kept.
    """
    client = connect(registry, model.name)
    try:
        client.get_registered_model(model.name)
    except mlflow.MlflowException:
        tags = {RESTORED_TAG: digest, STATE_TAG: BEGUN}
        client.create_registered_model(model.name, tags, model.description or None)
    present = {int(version.version) for version in _versions(client, model.name)}
    for number in present - {
        int(version.version) for version in model.versions
    }:  # of a gap, and the restore was killed
        client.delete_model_version(model.name, str(number))
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
            for params in _batches(version.run.params):
                mlflow.log_params(params)
            mlflow.log_metrics(version.run.metrics)
            for texts in _batches(version.run.tags):
                mlflow.set_tags(texts)
            mlflow.log_artifact(str(directory / SPEC_FILE))
            uri = log_bundle(name, directory, read_spec(directory, BundleSpec).as_json()).model_uri
    tags = version.tags | {"run": run.info.run_id, RESTORED_TAG: digest}
    while (number := int(mlflow.register_model(uri, name, tags=tags).version)) < int(version.version):
        client.delete_model_version(name, str(number))
    if number != int(version.version):
        raise BackupError(f"{name} version {version.version} became {number}: {registry} held versions before")


def _batches(texts: dict[str, str]) -> Iterator[dict[str, str]]:
    pairs = list(texts.items())
    for start in range(0, len(pairs), BATCH):
        yield dict(pairs[start : start + BATCH])
