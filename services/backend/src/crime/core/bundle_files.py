"""Files of a model bundle, which is one directory of data files, never code, and which may come from anywhere.

`spec.json` says what the others are, and has their hashes. It is validated whole before another file is opened. Each
file is read once: what is hashed is what is parsed. The parts of a spec that every kind of bundle has are here.
"""

import json
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from crime.core import limits
from crime.core.days import FIRST_DAY, LAST_DAY, day_number
from crime.core.errors import BundleError
from crime.core.files import atomic_write
from crime.core.strict_json import parse_json

SPEC_FILE = "spec.json"
SPEC_FORMAT = 2  # of the specs that this release writes; those of releases before it have none, which is 1
HASH_PATTERN = "^[0-9a-f]{64}$"


def _real_day(text: str) -> str:
    if not FIRST_DAY <= day_number(text) <= LAST_DAY:
        raise ValueError(f"{text} is not within 1900 to 2199")
    return text


# Values of specs
Text = Annotated[str, Field(max_length=1_000)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Whole = Annotated[int, Field(ge=-(10**15), le=10**15)]
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Share = Annotated[float, Field(ge=0, le=1)]
Day = Annotated[str, AfterValidator(_real_day)]
DayNumber = Annotated[int, Field(ge=FIRST_DAY, le=LAST_DAY)]
Counts = Annotated[dict[Text, Count], Field(max_length=10_000)]
Hashes = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z_]+\.[a-z]+$")], Annotated[str, Field(pattern=HASH_PATTERN)]],
    Field(max_length=limits.BUNDLE_FILES),
]


class SpecPart(BaseModel):
    """A part of a spec. Keys that this release does not know are kept and written again."""

    model_config = ConfigDict(extra="allow", frozen=True, validate_by_name=True, validate_by_alias=True)


class BundleSpec(SpecPart):
    """The part of `spec.json` that every bundle has. `version` is the registry's, or `unregistered`.

    `format`: of the spec and the files; it grows when an earlier release could no longer read them.
    """

    model: Annotated[str, Field(max_length=100)]
    version: Annotated[str, Field(pattern="^[A-Za-z0-9_.+-]+$", max_length=100)]
    format: Annotated[int, Field(ge=1)] = 1

    def as_json(self) -> dict[str, Any]:
        """The spec as it is written to `spec.json`, without `format` where it was read without one."""
        return self.model_dump(by_alias=True, exclude=None if "format" in self.model_fields_set else {"format"})


class TableFacts(SpecPart):
    """Counts of rows, of repaired cells by kind, and of rejected rows by reason.

    `merged`: offenses counted with another of their case. `systems`: rows by report system. `simulated`:
    rows of a simulated city. `examples`: (row number, cell) of each reason.
    """

    rows: Count
    merged: Count = 0
    systems: Counts = Field(default_factory=dict)
    simulated: Count
    repaired: Counts
    rejected: Counts
    examples: Annotated[dict[str, Annotated[list[tuple[Count, str]], Field(max_length=1_000)]], Field(max_length=1_000)]


class Versions(SpecPart):
    """Versions of Python and of the libraries that a bundle was trained with."""

    python: Text
    lightgbm: Text
    numpy: Text


Spec = TypeVar("Spec", bound=BundleSpec)


def read_spec(directory: Path, kind: type[Spec]) -> Spec:
    """The spec of the bundle in `directory`. Raises `BundleError`, which names the field that is wrong."""
    path = directory / SPEC_FILE
    content = read_file(directory, SPEC_FILE, limits.SPEC_BYTES)
    try:
        found = parse_json(content, limits.SPEC_DEPTH)
        written = found.get("format", 1) if isinstance(found, dict) else 1
        if isinstance(written, int) and written > SPEC_FORMAT:
            raise BundleError(
                f"{path} is of format {written}, which a newer release wrote: this one knows up to {SPEC_FORMAT}"
            )
        return kind.model_validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "top level"
        raise BundleError(f"{path} is malformed: {field[:200]}: {first['msg'][:300]}") from None
    except ValueError as error:
        raise BundleError(f"no model bundle in {directory}: {SPEC_FILE} {error}") from None


def write_spec(directory: Path, spec: BundleSpec) -> None:
    """Replace a bundle's `spec.json` atomically: a reader never sees half of it."""
    with atomic_write(directory / SPEC_FILE) as partial:
        partial.write_text(json.dumps(spec.as_json(), indent=1, allow_nan=False) + "\n")


def file_hashes(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each named file. Raises `OSError` where one can't be read."""
    return {name: sha256((directory / name).read_bytes()).hexdigest() for name in names}


def check_names(names: Iterable[str], required: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Raise `ValueError` if `names` lack a required file, or have one that is neither required nor optional."""
    names, required = set(names), set(required)
    if missing := required - names:
        raise ValueError(f"sha256 lacks {', '.join(sorted(missing))}")
    if unknown := names - required - set(optional):
        raise ValueError(f"sha256 names {', '.join(sorted(unknown))}, which no such bundle has")


class BundleFiles:
    """The files of a bundle, of which `expected` are the hashes."""

    def __init__(self, directory: Path, expected: Mapping[str, str]):
        self.directory, self.expected, self._bytes = directory, expected, 0

    def read(self, name: str) -> bytes:
        """Content of a file. Raises `BundleError` if it is not the one that training wrote, or too large."""
        content = read_file(self.directory, name, limits.BUNDLE_FILE_BYTES)
        self._bytes += len(content)
        if self._bytes > limits.BUNDLE_BYTES:
            raise BundleError(f"{self.directory} has more than {limits.BUNDLE_BYTES:,} bytes")
        if sha256(content).hexdigest() != self.expected.get(name):
            raise BundleError(f"{self.directory / name} is not the file that was trained: its hash differs")
        return content

    @contextmanager
    def reading(self, name: str) -> Iterator[bytes]:
        """Content of a file, whose path is put before what is found to be wrong with it. Raises `BundleError`."""
        content = self.read(name)
        try:
            yield content
        except BundleError as error:
            raise BundleError(f"{self.directory / name}: {error}") from None


def read_file(directory: Path, name: str, most: int) -> bytes:
    """The bytes of a regular file inside `directory`. Raises `BundleError` if there are more than `most`."""
    try:
        path = (directory / name).resolve(strict=True)
        if path.parent != directory.resolve():
            raise BundleError(f"no model bundle in {directory}: {name} is a link to elsewhere")
        # a FIFO would wait for a writer, and what replaces the file meanwhile is not followed
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BundleError(f"no model bundle in {directory}: {name} is no regular file")
            content = file.read(most + 1)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a link to itself, before Python 3.13
        raise BundleError(f"no model bundle in {directory}: {name}: {error}") from None
    if len(content) > most:
        raise BundleError(f"no model bundle in {directory}: {name} has more than {most:,} bytes")
    return content


def temporary_bundle() -> tempfile.TemporaryDirectory[str]:
    """A temporary directory to train in. The bundle's directory in it has to be named `bundle`, as in `BUNDLE_PATH`."""
    return tempfile.TemporaryDirectory(prefix="crime-")
