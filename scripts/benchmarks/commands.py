"""Time and memory of a whole command."""

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path


def run(program: Sequence[str], store: Path, root: Path | None = None) -> tuple[float, float]:
    """Seconds of a command in the folder `root`, with the model store `store`, and peak MB of its largest process.

    Raises `SystemExit` with the end of its output if it fails.
    """
    variables = {**os.environ, "CRIME_MLRUNS": str(store), "PYTHONDONTWRITEBYTECODE": ""}
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(program, env=variables, cwd=root, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(program)}: {output.read().decode()[-2_000:]}")
    return seconds, usage.ru_maxrss * 1024 / 1e6
