"""The chart, rendered: its own unit tests, lint, and what a real API server says of every object."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

CHART = "charts/crime-prediction"


def run(root: Path, *command: str) -> str:
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} here: scripts/tools installs it")
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_unit_suites(root: Path) -> None:
    assert "106 passed" in run(root, "helm-unittest", "--color=false", "-f", "../../tests/chart/*_test.yaml", CHART)


def test_chart_testing_lint(root: Path) -> None:
    run(root, "ct", "lint", "--config", "tests/chart/ct.yaml", "--charts", CHART)


@pytest.mark.parametrize("values", ["default", "everything"])
def test_a_real_api_server_accepts_every_object(root: Path, values: str, request: pytest.FixtureRequest) -> None:
    kubeconfig = request.config.getoption("--kubeconfig")
    if not kubeconfig:
        pytest.skip("no cluster: scripts/test --kubeconfig FILE")
    rendered = run(
        root, "helm", "template", "crime", CHART, "--kube-version", "1.30", "-f", f"{CHART}/ci/{values}-values.yaml"
    )
    done = subprocess.run(
        ["kubectl", "--kubeconfig", kubeconfig, "apply", "--dry-run=server", "--validate=strict", "-f", "-"],
        input=rendered.replace("nodePort: 30001", ""),  # another release may hold the port
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "deployment.apps/backend-deployment" in done.stdout
    assert ("horizontalpodautoscaler" in done.stdout) == (values == "everything")


def test_values_of_the_previous_chart_still_work(root: Path, tmp_path: Path) -> None:
    old = run(root, "helm", "show", "values", *map(str, root.glob("tests/chart/previous/*.tgz")))
    (tmp_path / "values.yaml").write_text(old)
    now = run(root, "helm", "template", "crime", CHART, "--kube-version", "1.30", "-f", str(tmp_path / "values.yaml"))
    assert now.count("kind: Deployment") == 3


def test_values_that_an_upgrade_keeps_without_the_new_ones_are_refused_with_a_word(root: Path, tmp_path: Path) -> None:
    """What `helm upgrade --reuse-values` does: the earlier chart's values, and none of this chart's defaults."""
    chart = shutil.copytree(root / CHART, tmp_path / "chart")
    old = run(root, "helm", "show", "values", *map(str, root.glob("tests/chart/previous/*.tgz")))
    (chart / "values.yaml").write_text(old)
    with pytest.raises(AssertionError, match="upgrade with --reset-then-reuse-values"):
        run(root, "helm", "template", "crime", str(chart), "--kube-version", "1.30")


def test_selectors_of_the_previous_chart_are_kept(root: Path) -> None:
    """They can't be changed by an upgrade."""
    (previous,) = root.glob("tests/chart/previous/*.tgz")

    def selectors(chart: str) -> dict[str, object]:
        rendered = run(root, "helm", "template", "crime", chart, "--kube-version", "1.30")
        found = [each for each in yaml.safe_load_all(rendered) if each and each["kind"] == "Deployment"]
        return {each["metadata"]["name"]: each["spec"]["selector"] for each in found}

    assert selectors(str(previous)) == selectors(CHART)
