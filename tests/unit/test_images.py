"""What images and workflows are made of, as SECURITY.md says."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRAINING = {"training", "simulation", "pipelines", "cli", "sample", "pyfunc.py"}


def test_the_serving_image_holds_no_mlflow_and_no_training_code() -> None:
    backend = ROOT / "services/backend"
    installed = re.findall(r"^([\w.-]+)==", (backend / "requirements.txt").read_text(), re.MULTILINE)
    assert "fastapi" in installed
    assert not [name for name in installed if name.startswith(("mlflow", "pandas", "scikit", "pyarrow"))]
    serving = (backend / "Dockerfile").read_text().rpartition("# the packages that serve")[2]
    copied = set(re.findall(r"^COPY src/crime/(\S+)", serving, re.MULTILINE))
    assert "serving" in copied
    assert not copied & TRAINING
    assert not re.search(r"^COPY src ", serving, re.MULTILINE)


def test_workflows_pin_every_action_to_a_commit() -> None:
    used = [
        line.strip()
        for path in sorted((ROOT / ".github/workflows").glob("*.yaml"))
        for line in path.read_text().splitlines()
        if re.match(r"\s*(- )?uses:", line)
    ]
    assert used
    assert not [line for line in used if not re.search(r"@[0-9a-f]{40}( |$)", line)]
