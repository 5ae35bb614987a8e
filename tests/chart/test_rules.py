"""Alerts: each fires on its series alone, is about metrics that exist, and has its runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from crime.serving import metrics  # noqa: F401 (registers the backend's metrics)
from prometheus_client import generate_latest

CHART = "charts/crime-prediction"
# who exposes them stands in docs/runbooks.md
OTHERS_METRICS = {
    "kube_cronjob_created",  # kube-state-metrics
    "kube_cronjob_next_schedule_time",
    "kube_cronjob_status_last_schedule_time",
    "kube_cronjob_status_last_successful_time",
    "probe_ssl_earliest_cert_expiry",  # blackbox exporter
    "certmanager_certificate_expiration_timestamp_seconds",  # cert-manager
    "ALERTS",  # Prometheus itself
}
METRIC = re.compile(r"\b(?:crime|process|kube|probe|certmanager)_\w+|\bALERTS\b")


def rendered(root: Path, *values: str) -> dict[str, Any]:
    """The PrometheusRule's spec of the release `crime` in the namespace `police`."""
    if not shutil.which("helm"):
        pytest.skip("no helm here: scripts/tools installs it")
    command = ["helm", "template", "crime", CHART, "--kube-version", "1.30", "--namespace", "police"]
    command += ["-s", "templates/rules.yaml", "--set", ",".join(("monitoring.rules=true", *values))]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rule: dict[str, Any] = yaml.safe_load(done.stdout)
    assert rule["kind"] == "PrometheusRule"
    return dict(rule["spec"])


def alerts(root: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((root / CHART / "rules.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_queries(root: Path) -> list[str]:
    panels = json.loads((root / CHART / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_alert_fires_on_its_series_and_on_no_healthy_one(root: Path, tmp_path: Path) -> None:
    if not shutil.which("promtool"):
        pytest.skip("no promtool here: scripts/tools or `apt-get install -y prometheus` installs it")
    spec = rendered(root, "monitoring.runbooks=https://runbooks")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    cases = shutil.copy(root / "tests/chart/rules.promtool.yaml", tmp_path)
    done = subprocess.run(["promtool", "test", "rules", str(cases)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_in_which_it_fires(root: Path) -> None:
    cases = yaml.safe_load((root / "tests/chart/rules.promtool.yaml").read_text())["tests"]
    checks = [check for case in cases for check in case.get("alert_rule_test", ())]
    assert {check["alertname"] for check in checks if check.get("exp_alerts")} == {
        rule["alert"] for rule in alerts(root)
    }


def test_each_alert_tells_how_bad_it_is_the_value_and_where_to_read_on(root: Path) -> None:
    headings = re.findall(r"^## (.+)$", (root / "docs/runbooks.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    for rule in alerts(root):
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["for"]
        told = rule["annotations"]
        assert told["summary"]
        assert "$value" in told["description"] or "absent(" in rule["expr"], rule["alert"]
        address, _, anchor = told["runbook_url"].partition("#")
        assert address == "RUNBOOKS"
        assert anchor in anchors, rule["alert"]


def test_rules_and_dashboard_ask_for_metrics_that_exist(root: Path) -> None:
    exposed = generate_latest().decode()
    own = set(re.findall(r"^# TYPE (\w+) ", exposed, re.MULTILINE)) | set(
        re.findall(r"^(\w+)[ {]", exposed, re.MULTILINE)
    )
    own |= {f"{name}_bucket" for name in own}
    asked = {name for rule in alerts(root) for name in METRIC.findall(rule["expr"])}
    shown = {name for query in dashboard_queries(root) for name in METRIC.findall(query)}
    assert asked | shown <= own | OTHERS_METRICS
    assert {name for name in asked if name in own} == {name for name in asked if name.startswith("crime_")}
    missing = {name.removesuffix("_bucket") for name in asked} - {name.removesuffix("_bucket") for name in shown}
    assert not missing  # the dashboard shows what each alert is about
    assert "ALERTS" in shown


def test_rules_are_of_their_own_release_alone(root: Path) -> None:
    spec = rendered(root, "global.fullnameOverride=west")
    text = json.dumps(spec)
    assert 'job=\\"west-backend-service\\"' in text
    assert 'cronjob=\\"west-backup\\"' in text
    assert not re.search("NAMESPACE|PREFIX|RUNBOOKS", text)
    for group in spec["groups"]:
        for rule in group["rules"]:
            for selector in re.findall(r"(?:crime|kube|probe|certmanager)_\w+\{([^}]*)\}", rule["expr"]):
                assert 'namespace="police"' in selector, rule["alert"]
