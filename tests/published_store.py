"""An MLflow store with published versions, for unit tests of what reads and changes one."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from crime.registry.embedded import EmbeddedRegistry
from crime.registry.promotion import ModelResult


@dataclass(frozen=True)
class PublishedStore:
    """`first` and `second` are the results of publishing the same bundle twice."""

    registry: EmbeddedRegistry
    first: ModelResult
    second: ModelResult

    def copy(self, mlruns: Path) -> EmbeddedRegistry:
        """A store of its own with the same versions. Bundles stay where they are."""
        mlruns.mkdir(parents=True)
        shutil.copy(self.registry.mlruns / "mlflow.db", mlruns)
        shutil.copytree(self.registry.mlruns / "monitoring", mlruns / "monitoring", dirs_exist_ok=True)
        return EmbeddedRegistry(mlruns)
