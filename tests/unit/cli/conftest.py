"""Fixtures of the command tests: run a command in this process, on tiny tables and the small model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.cli import (
    __main__,  # noqa: F401 (registers the commands)
    console,
)
from crime.cli.app import app
from typer.testing import CliRunner, Result

RunCommand = Callable[..., Result]
HEADER = "DR_NO,DATE OCC,TIME OCC,AREA,Crm Cd,Premis Cd,LOCATION\n"


@pytest.fixture
def crime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunCommand:
    """Run `crime` with these arguments in a folder of its own; fails unless it exits with `code`."""
    monkeypatch.chdir(tmp_path)
    for output in (console.out, console.err):  # which read the width of the terminal when they are made
        monkeypatch.setattr(output, "width", 200)
    monkeypatch.setenv("CRIME_MLRUNS", str(tmp_path / "mlruns"))

    def run(*arguments: str | Path, code: int = 0) -> Result:
        result = CliRunner(env={"USER": "an analyst"}).invoke(app, [*map(str, arguments)])
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    return run


@pytest.fixture
def crime_with_model(crime: RunCommand, monkeypatch: pytest.MonkeyPatch, small_bundle: CategoryBundle) -> RunCommand:
    """As `crime`, with the small model as the image's."""
    monkeypatch.setenv("CRIME_MODEL_DIR", str(small_bundle.directory))
    return crime


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """20 reports, of which the sixth has an unreadable time and the tenth no area."""
    path = tmp_path / "reports.csv"
    lines = [
        f"{200_100_000 + row},01/{1 + row:02}/2020,{'9999' if row == 5 else '1430'},{'' if row == 9 else 1 + row},"
        f"{(510, 330, 624)[row % 3]},101,=1+{row}\n"
        for row in range(20)
    ]
    path.write_text(HEADER + "".join(lines))
    return path
