"""An upgrade from the previous chart, and a backup restored into an empty cluster: nothing stored is lost."""

import json
import time
from pathlib import Path
from typing import Any

from cluster.cluster import SCRIPTS, VALUES, Cluster, part

CHART = "charts/crime-prediction"


def kept(release: Cluster) -> dict[str, Any]:
    """What an upgrade and a restore must preserve."""
    model = release.ask("/models/crime-category")
    return {
        "versions": [(v["version"], sorted(v["aliases"]), v["metrics"]) for v in model["versions"]],
        "decisions": release.ask("/audit"),
        "forecast": release.ask("/forecast?area=6")["model_version"],
    }


def test_a_backup_goes_into_an_empty_cluster_of_the_previous_chart_and_is_upgraded(
    release: Cluster, root: Path
) -> None:
    release.script("safe", SCRIPTS / "wait.py", image="crime-training:dev", labels=part("training"))
    release.kubectl("wait", "pod/safe", "--for=condition=Ready", "--timeout=60s")

    def crime(*arguments: str) -> dict[str, Any]:
        output = release.kubectl("exec", "safe", "--", "python", "-m", "crime.cli", *arguments, "--json", timeout=300)
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
        return result

    before, recorded = kept(release), release.ask("/drift")["reports"]
    assert before["decisions"]
    saved = crime("backup", "/tmp/backup.tar.gz")
    release.helm("uninstall", "crime", "--wait", "--timeout", "120s")
    release.until(lambda: not release.get("pvc")["items"], 60)
    (previous,) = (root / "tests" / "chart" / "previous").glob("*.tgz")
    release.helm("install", "crime", str(previous), "--wait", "--timeout", "180s", *VALUES)
    assert release.ask("/models")["source"] == "bundle"  # an empty registry
    began = time.monotonic()
    assert crime("restore", "/tmp/backup.tar.gz") == saved
    restored = time.monotonic() - began
    champion = next(version for version, aliases, _ in before["versions"] if "champion" in aliases)
    taken_up = release.until(lambda: release.serving() == {champion}, 30)
    release.until(lambda: kept(release) == before, 30)  # a pod takes its models up one after the other
    assert release.ask("/drift")["reports"] >= min(recorded, 1)
    with release.load() as outcome:
        release.helm("upgrade", "crime", CHART, "--wait", "--reset-then-reuse-values", "--timeout", "300s", timeout=320)
        release.until(lambda: release.gone("backend") and release.serving() == {champion}, 60)
    print(
        f"\n{saved}: restored in {restored:.1f} s, on every pod {taken_up:.1f} s later; upgraded from the previous "
        f"chart: {release.summary(outcome)}"
    )
    assert outcome["failures"] == []
    assert kept(release) == before
    release.kubectl("delete", "pod", "safe", "--grace-period=1")
