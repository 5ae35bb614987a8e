"""The backup's CronJob saves to a claim, and an empty release is restored from the newest file there."""

import json
import time
from typing import Any

from cluster.cluster import VALUES, Cluster
from reports import SMALLEST_REPORT

CHART = "charts/crime-prediction"
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "backups"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Mi"}}},
}
BACKUP = "backup.schedule=@yearly,backup.claim=backups"
SECOND = "global.fullnameOverride=second,backend.replicas=1,frontend.replicas=1,frontend.service.type=ClusterIP"
BACKEND = "deployment/second-backend-deployment"


def kept(release: Cluster, pod: str) -> dict[str, Any]:
    """What must come back."""
    versions = release.ask("/models/crime-category", pod=pod)["versions"]
    return {
        "versions": [(each["version"], sorted(each["aliases"]), each["metrics"]) for each in versions],
        "decisions": release.ask("/audit", pod=pod),
        "answer": release.ask("/predict", SMALLEST_REPORT, pod=pod) | {"inference_time_ms": 0},
    }


def test_an_empty_release_is_restored_from_the_newest_backup(release: Cluster) -> None:
    if any(version.startswith("image-") for version in release.serving()):
        release.job("to-save", "train")
        release.until(lambda: "1" in release.serving(), 60)
    release.champion()
    release.kubectl("apply", "-f", "-", stdin=json.dumps(CLAIM))
    release.helm("upgrade", "crime", CHART, "--reuse-values", "--wait", "--timeout", "120s", "--set", BACKUP)
    began = time.monotonic()
    logs = [release.job(name, cronjob="backup") for name in ("save-1", "save-2")]
    took = time.monotonic() - began
    files = [log.split("/backups/")[1].split(":")[0] for log in logs]
    assert files[0] < files[1]
    release.helm("install", "second", CHART, "--wait", "--timeout", "180s", *VALUES, "--set", f"{BACKUP},{SECOND}")
    try:
        assert release.ask("/models", pod=BACKEND)["source"] == "bundle"
        began = time.monotonic()
        log = release.job("restore", "restore", "/backups", cronjob="second-backup")
        restored = time.monotonic() - began
        assert files[1] in log
        champion = release.champion()
        release.until(lambda: release.ask("/ready", pod=BACKEND)["serving"]["crime-category"] == champion, 60)
        assert kept(release, BACKEND) == kept(release, "deployment/backend-deployment")
    finally:
        release.helm("uninstall", "second", "--wait", "--timeout", "120s")
        release.helm("upgrade", "crime", CHART, "--reuse-values", "--set", "backup.schedule=,backup.claim=")
        release.kubectl("delete", "job", "save-1", "save-2", "restore", "--ignore-not-found")
        release.kubectl("delete", "pvc", "backups", "--wait=false")
    print(f"\ntwo backups {took:.1f} s, restored in {restored:.1f} s with the start of the pods: {files}")
