"""Read LAPD tables: CSV, gzip, zip or Parquet, in every dialect seen, a block of rows at a time.

Nothing is dropped in silence: a `Tally` counts what was read, repaired (by kind) and rejected (by reason).
"""


class DataError(ValueError):
    """The file as a whole can't be read; the message says why and what was expected."""


class BundleError(ValueError):
    """The directory holds no bundle, or a damaged one."""


class RegistryError(RuntimeError):
    """There is no registry, it does not answer, or has not what was asked of it."""


class ModelNotFoundError(RegistryError):
    """The registry answers; it has no such model, version or alias."""

    def __init__(self, name: str, where: str, command: str):
        super().__init__(f"no model {name} in {where}: `{command}` makes one")


class BackupError(RegistryError):
    """The archive is none, or the registry is not empty."""


class GatesFailedError(ValueError):
    """The gates did not all pass. The message says which and why."""


class PortalError(ConnectionError):
    """The portal can't be reached, or refuses. What was fetched is kept: the same command goes on."""


class AlreadyRunningError(ConnectionError):
    """Another run works in the same folder."""
