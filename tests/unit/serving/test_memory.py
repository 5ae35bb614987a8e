"""All that a backend's process may hold at once fits into its pod."""

from pathlib import Path

import yaml
from crime.core import limits


def test_the_largest_of_everything_at_once_fits_a_pod(root: Path) -> None:
    values = yaml.safe_load((root / "charts/crime-prediction/values.yaml").read_text())
    pod = int(values["backend"]["resources"]["limits"]["memory"].removesuffix("Mi")) * limits.MIB
    tables = max(limits.LIST_MEMORY, limits.TABLES * limits.TABLE_MEMORY)
    connections = limits.CONNECTIONS * limits.CONNECTION_MEMORY
    assert limits.IDLE_MEMORY + tables + limits.RECORD_MEMORY + connections < pod
