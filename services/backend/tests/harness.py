"""What the tests of the backend share."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LEAST = {"DATE OCC": "01/15/2023 02:30:00 PM", "TIME OCC": 1430, "AREA": 1}


@dataclass(frozen=True)
class Store:
    """An MLflow store in which `crime train` was run once; `summary` is the line of JSON it ended with."""

    mlruns: Path
    summary: dict[str, Any]

    def crime(self, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the `crime` command on this store; fails unless it exits with `code`."""
        done = subprocess.run(
            [sys.executable, "-m", "crime.cli", *map(str, arguments)],
            env={**os.environ, "CRIME_MLRUNS": str(self.mlruns), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done


@dataclass
class Server:
    url: str
    process: subprocess.Popen[str]
    ready_after: float
