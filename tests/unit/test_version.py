"""One version number for the release: the package, the command, and the chart."""

from pathlib import Path

import yaml
from crime import __version__
from crime.cli import __main__  # noqa: F401 (registers the commands)
from crime.cli.app import app
from typer.testing import CliRunner

CHART = Path(__file__).parents[2] / "charts/crime-prediction"


def test_the_command_prints_the_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"{__version__}\n"


def test_every_chart_has_the_version_of_the_release() -> None:
    charts = [yaml.safe_load(path.read_text()) for path in (CHART / "Chart.yaml", *CHART.glob("charts/*/Chart.yaml"))]
    assert len(charts) == 5
    for chart in charts:
        assert (chart["version"], chart["appVersion"]) == (__version__, __version__), chart["name"]
    assert {dependency["version"] for dependency in charts[0]["dependencies"]} == {__version__}
