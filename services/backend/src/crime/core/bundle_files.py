"""Files of a model bundle: reading and writing `spec.json`, and checking the hashes of the other files.

A bundle is one directory of data files, never code. The parts of a spec that every kind of bundle has are here.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from crime.core.errors import BundleError
from crime.core.files import atomic_write

SPEC_FILE = "spec.json"


class SpecPart(BaseModel):
    """A part of a spec. Keys that this release does not know are kept and written again."""

    model_config = ConfigDict(extra="allow", frozen=True, validate_by_name=True, validate_by_alias=True)


class BundleSpec(SpecPart):
    """The part of `spec.json` that every bundle has. `version` is the registry's, or `unregistered`."""

    model: str
    version: str

    def as_json(self) -> dict[str, Any]:
        """The spec as it is written to `spec.json`."""
        return self.model_dump(by_alias=True)


class TableFacts(SpecPart):
    """Counts of rows, of repaired cells by kind, and of rejected rows by reason.

    `merged`: offenses counted with another of their case. `systems`: rows by report system. `simulated`:
    rows of a simulated city. `examples`: (row number, cell) of each reason.
    """

    rows: int
    merged: int = 0
    systems: dict[str, int] = Field(default_factory=dict)
    simulated: int
    repaired: dict[str, int]
    rejected: dict[str, int]
    examples: dict[str, list[tuple[int, str]]]


class Versions(SpecPart):
    """Versions of Python and of the libraries that a bundle was trained with."""

    python: str
    lightgbm: str
    numpy: str


Spec = TypeVar("Spec", bound=BundleSpec)


def read_spec(directory: Path, kind: type[Spec]) -> Spec:
    """The spec of the bundle in `directory`. Raises `BundleError`, which names the field that is wrong."""
    try:
        return kind.model_validate(json.loads((directory / SPEC_FILE).read_text()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "top level"
        raise BundleError(f"{directory / SPEC_FILE} is malformed: {field}: {first['msg']}") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"no model bundle in {directory}: {error}") from error


def write_spec(directory: Path, spec: BundleSpec) -> None:
    """Replace a bundle's `spec.json` atomically: a reader never sees half of it."""
    with atomic_write(directory / SPEC_FILE) as partial:
        partial.write_text(json.dumps(spec.as_json(), indent=1) + "\n")


def file_hashes(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each named file. Raises `OSError` where one can't be read."""
    return {name: sha256((directory / name).read_bytes()).hexdigest() for name in names}


def check_hashes(directory: Path, expected: Mapping[str, str]) -> None:
    """Raise `BundleError` if a file is not the one that training wrote, `OSError` if it can't be read."""
    for name, digest in file_hashes(directory, expected).items():
        if digest != expected[name]:
            raise BundleError(f"{directory / name} is not the file that was trained: its hash differs")
