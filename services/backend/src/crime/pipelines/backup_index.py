"""The form of a backup: names of its files, and its index `registry.json`, both checked before anything is touched."""

import json
import posixpath
import re
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from crime.core import limits
from crime.core.errors import BackupError
from crime.registry.audit import AUDIT_FOLDER, OUTCOME_FOLDER
from crime.registry.kinds import MODEL_KINDS
from crime.registry.protocol import canonical_version

INDEX_FILE = "registry.json"
BACKUP_FORMAT = 1
SAVED_FOLDERS = (AUDIT_FOLDER, OUTCOME_FOLDER, "monitoring/predictions", "monitoring/review")
SAVED_FILES = ("monitoring/performance.json",)
MAX_NAME_BYTES = 200  # of a file


def _check_key(key: str) -> str:
    if not re.fullmatch(r"[/\w.\- :]+", key) or posixpath.normpath(key) != key or key.startswith((".", "/")):
        raise ValueError("expected a key as MLflow takes it")
    return key


def _check_name(name: str) -> str:
    if name not in MODEL_KINDS:
        raise ValueError(f"expected a model of this release, {' or '.join(MODEL_KINDS)}")
    return name


def _check_version(text: str) -> str:
    if canonical_version(text) != text or int(text) > limits.RESTORED_VERSION_NUMBER:
        raise ValueError(f"expected the number of a version, {limits.RESTORED_VERSION_NUMBER:,} at most")
    return text


Key = Annotated[str, Field(max_length=250), AfterValidator(_check_key)]
Text = Annotated[str, Field(max_length=5_000, pattern=r"^[^\x00]*$")]
TagText = Annotated[str, Field(max_length=100_000, pattern=r"^[^\x00]*$")]
Version = Annotated[str, AfterValidator(_check_version)]
Alias = Annotated[str, Field(max_length=250, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")]


class _IndexPart(BaseModel):
    """A part of the index."""

    model_config = ConfigDict(frozen=True)


class SavedRun(_IndexPart):
    """The MLflow run of a version; empty where the run was deleted."""

    name: Annotated[str, Field(max_length=250)] | None = None
    params: Annotated[dict[Key, Text], Field(max_length=1_000)] = {}
    metrics: Annotated[dict[Key, float], Field(max_length=1_000)] = {}
    tags: Annotated[dict[Key, Text], Field(max_length=1_000)] = {}


class SavedVersion(_IndexPart):
    """A version, whose bundle is in the archive at `models/<name>/<version>`."""

    version: Version
    tags: Annotated[dict[Key, TagText], Field(max_length=1_000)]
    run: SavedRun


class SavedModel(_IndexPart):
    """A registered model with its versions in the order of their numbers."""

    name: Annotated[str, AfterValidator(_check_name)]
    description: Text
    latest_version: Annotated[str, Field(max_length=20)]
    aliases: Annotated[dict[Alias, Version], Field(max_length=100)]
    versions: list[SavedVersion]

    @model_validator(mode="after")
    def _check_versions(self) -> Self:
        numbers = [int(version.version) for version in self.versions]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            raise ValueError("versions: expected ascending numbers")
        if not {int(version) for version in self.aliases.values()} <= set(numbers):
            raise ValueError("aliases: expected versions of this backup")
        if {alias.lower() for alias in self.aliases} & {"latest"} or any(map(_IS_NUMBERED, self.aliases)):
            raise ValueError("aliases: expected other names than latest and v1")
        return self


_IS_NUMBERED = re.compile(r"[vV][0-9]+").fullmatch


class _Index(_IndexPart):
    format: int
    models: Annotated[list[SavedModel], Field(max_length=len(MODEL_KINDS))]


def read_index(content: bytes) -> list[SavedModel]:
    """The models of an index. Raises `BackupError` if it is of another format, `ValueError` if anything is wrong."""
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{INDEX_FILE} is no JSON: {error}") from None
    if isinstance(parsed, dict) and isinstance(parsed.get("format"), int) and parsed["format"] != BACKUP_FORMAT:
        raise BackupError(f"is a backup of another format: {str(parsed['format'])[:20]}")
    try:
        models = _Index.model_validate(parsed).models
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part)[:40] for part in first["loc"]) or "top level"
        raise ValueError(f"{INDEX_FILE}: {field}: {first['msg'].removeprefix('Value error, ')}") from None
    if len({model.name for model in models}) < len(models):
        raise ValueError(f"{INDEX_FILE}: a model stands in it twice")
    return models


def write_index(models: list[SavedModel]) -> bytes:
    """The index of these models."""
    index = {"format": BACKUP_FORMAT, "models": [model.model_dump(exclude_unset=True) for model in models]}
    return json.dumps(index).encode()


def file_limit(name: str) -> int | None:
    """How many bytes the file with this name in a backup may have; None if no backup has such a file."""
    match name.split("/"):
        case [file] if file == INDEX_FILE:
            return limits.BACKUP_INDEX_BYTES
        case ["models", model, version, file] if all(map(is_plain, (model, file))) and _is_number(version):
            return limits.BUNDLE_FILE_BYTES
        case _ if is_saved_file(name):
            return limits.STORED_FILE_BYTES
    return None


def is_saved_file(path: str) -> bool:
    """Whether a file beside the models is one that backups hold."""
    if path in SAVED_FILES:
        return True
    folder = next((folder for folder in SAVED_FOLDERS if path.startswith(f"{folder}/")), None)
    parts = path.removeprefix(f"{folder}/").split("/")
    return folder is not None and len(parts) <= 2 and all(map(is_plain, parts))


def is_plain(name: str) -> bool:
    """Whether a name is that of one visible file or folder on any system."""
    return (
        name.isprintable()
        and not name.startswith(".")
        and not set(name) & set("/\\")
        and 0 < len(name.encode("utf-8", "replace")) <= MAX_NAME_BYTES
    )


def _is_number(text: str) -> bool:
    return bool(re.fullmatch("[1-9][0-9]{0,9}", text))
