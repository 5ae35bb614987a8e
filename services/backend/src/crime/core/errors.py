"""The project's errors. Each message is meant for users and says what to do or what was expected.

CrimeError                    status  500, exit code 1
├── DataError                         422
│   ├── ColumnsError
│   ├── DateOrderError
│   └── VersionNumberError
├── BundleError                       409
├── GatesFailedError                  409
├── EvaluationError                   409
├── DecisionError                     409
├── RegistryError                     503
│   ├── UnreadableFileError
│   └── ModelNotFoundError            404
│       └── VersionGoneError
├── BackupError
├── PortalError
│   └── DatasetGoneError
├── AlreadyRunningError
├── WebhookError
└── ExecutorError

The last six come from commands only. A cell that can't be read is not an exception: see `reports.table.CellError`.
"""

from collections.abc import Sequence
from typing import ClassVar


class CrimeError(Exception):
    """Base class. `status` is the HTTP status of the answer, `exit_code` that of a command."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class DataError(CrimeError):
    """A table as a whole can't be used: no LAPD table, damaged, or too small for what was asked."""

    status = 422


class ColumnsError(DataError):
    """A table lacks columns that are needed. `columns`: the name and, if known, a value of each one that it has."""

    def __init__(self, message: str, columns: Sequence[tuple[str, str]]):
        super().__init__(message)
        self.columns = list(columns)


class DateOrderError(DataError):
    """Whether the day or the month comes first in a table's dates is not told. `problem`: why, without the advice.

    `example`: one of the dates.
    """

    def __init__(self, problem: str, advice: str, example: str):
        super().__init__(f"{problem}: {advice}")
        self.problem, self.example = problem, example


class VersionNumberError(DataError, ValueError):
    """A text is no number of a version."""


class BundleError(CrimeError):
    """The directory holds no bundle, or a damaged one."""

    status = 409


class GatesFailedError(CrimeError):
    """A version did not pass all gates. The message says which, and why."""

    status = 409


class EvaluationError(CrimeError):
    """Versions can't be compared: too few reports are new to all of them."""

    status = 409


class DecisionError(CrimeError):
    """A decision that would change nothing, or contradict what holds now. The message says what that is."""

    status = 409


class RegistryError(CrimeError):
    """There is no registry, it can't be reached, or its answer makes no sense."""

    status = 503


class UnreadableFileError(RegistryError):
    """The store answers, but one of its files can't be read: it is no regular file, is too large, or was removed."""


class ModelNotFoundError(RegistryError):
    """The registry answers, but has no such model, version or alias. `command` is the one that makes it."""

    status = 404

    def __init__(self, name: str, where: str, command: str):
        super().__init__(f"no model {name} in {where}: `{command}` makes one")


class VersionGoneError(ModelNotFoundError):
    """What an alias should name is not there: its version was deleted, or there never was one."""

    def __init__(self, message: str):
        RegistryError.__init__(self, message)


class BackupError(CrimeError):
    """The file is no backup, or the registry it would be restored into is not empty."""


class PortalError(CrimeError):
    """The open-data portal can't be reached, or refuses. Fetched rows are kept; the next fetch continues after them."""


class DatasetGoneError(PortalError):
    """The portal no longer has a dataset."""


class AlreadyRunningError(CrimeError):
    """Another retraining works in the same folder."""


class WebhookError(CrimeError):
    """A webhook's address can't be read, or a message did not arrive. The address is a secret, and never told."""


class ExecutorError(CrimeError):
    """No worker of the Dask cluster can be reached."""
