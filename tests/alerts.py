"""A real Prometheus with the chart's rules, for tests that make troubles and look which alerts fire."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from harness import free_port, wait_until

ROOT = Path(__file__).parents[1]
# the sample's reports are old, and what tests send may drift
USUAL = {"CrimeDataStale", "CrimeDrift", "CrimeAccuracyDown"}


@dataclass
class Prometheus:
    """Debian's finds no pods by itself, so the file `targets` tells it which there are."""

    url: str
    targets: Path
    namespace: str

    def watch(self, addresses: Mapping[str, str]) -> None:
        """Scrape these pods: HOST:PORT by name, with the labels that the chart's ServiceMonitor gives."""
        labels = {"namespace": self.namespace, "job": "backend-service"}
        groups = [
            {"targets": [address], "labels": labels | {"instance": name}} for name, address in sorted(addresses.items())
        ]
        part = self.targets.with_suffix(".part")
        part.write_text(json.dumps(groups))
        part.rename(self.targets)

    def firing(self) -> dict[str, str]:
        """The unusual alerts that fire, with what they tell."""
        with urllib.request.urlopen(f"{self.url}/api/v1/alerts", timeout=10) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        named = {alert["labels"]["alertname"]: alert for alert in alerts if alert["state"] == "firing"}
        return {name: alert["annotations"]["description"] for name, alert in named.items() if name not in USUAL}

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=10):
                return True
        except urllib.error.URLError:
            return False


def until_they_fire(prometheus: Prometheus, expected: set[str], seconds: float = 120) -> float:
    """Wait until these alerts fire, and none but them; returns the seconds it took."""
    began = time.monotonic()
    while (firing := prometheus.firing()).keys() != expected:
        assert time.monotonic() - began < seconds, firing
        time.sleep(0.3)
    return time.monotonic() - began


@contextmanager
def start_prometheus(folder: Path, namespace: str) -> Iterator[Prometheus]:
    """Prometheus with the rules of the release `crime` in a namespace. Skips where it or Helm is missing."""
    for tool, how in (("prometheus", "scripts/tools or `apt-get install -y prometheus`"), ("helm", "scripts/tools")):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here: {how} installs it")
    command = ["helm", "template", "crime", "charts/crime-prediction", "--kube-version", "1.30"]
    command += ["--namespace", namespace, "--set", "monitoring.rules=true", "--show-only", "templates/rules.yaml"]
    rendered = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60).stdout
    groups = yaml.safe_load(rendered)["spec"]["groups"]
    for rule in groups[0]["rules"]:
        rule["for"] = "3s"  # promtool's tests show how long each waits
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    found = {"job_name": "pods", "file_sd_configs": [{"files": [str(folder / "targets.json")]}]}
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [found],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    server = ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    server.append(f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "log").open("wb") as log, subprocess.Popen(server, stdout=log, stderr=log) as process:
        try:
            prometheus = Prometheus(f"http://127.0.0.1:{port}", folder / "targets.json", namespace)
            wait_until(prometheus.is_ready)
            yield prometheus
        finally:
            process.terminate()
