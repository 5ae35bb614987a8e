"""The backup's CronJob saves to a claim and to S3, and an empty namespace is restored from the newest file there."""

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from cluster.cluster import ELSEWHERE, VALUES, Cluster, address_towards
from object_store import object_store
from reports import SMALLEST_REPORT

CHART = "charts/crime-prediction"
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "backups"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "100Mi"}}},
}
TO_CLAIM = "backup.schedule=@yearly,backup.claim=backups"
PLACE = "s3://models/backups"
TO_S3 = f"backup.schedule=@yearly,backup.claim=,backup.s3={PLACE},backup.secret=backup-store"
SMALL = "backend.replicas=1,frontend.replicas=1,frontend.service.type=ClusterIP"


def kept(release: Cluster) -> dict[str, Any]:
    """What must come back."""
    versions = release.ask("/models/crime-category")["versions"]
    return {
        "versions": [(each["version"], sorted(each["aliases"]), each["metrics"]) for each in versions],
        "decisions": release.ask("/audit"),
        "answer": release.ask("/predict", SMALLEST_REPORT) | {"inference_time_ms": 0},
    }


def secret(cluster: Cluster, name: str, values: dict[str, str]) -> None:
    literals = [f"--from-literal={key}={value}" for key, value in values.items()]
    cluster.kubectl("create", "secret", "generic", name, *literals)


def save(release: Cluster, name: str) -> str:
    """Run the backup's job; the name of its file."""
    return release.job(name, cronjob="backup").split("/backups/")[1].split(":")[0]


def test_an_empty_namespace_is_restored_from_the_newest_backup_and_no_request_fails(
    release: Cluster, page_url: str, tmp_path: Path
) -> None:
    if any(version.startswith("image-") for version in release.serving()):
        release.job("to-save", "train")
        release.until(lambda: "1" in release.serving(), 60)
    champion = release.champion()
    elsewhere = dataclasses.replace(release, namespace=ELSEWHERE)
    release.kubectl("apply", "-f", "-", stdin=json.dumps(CLAIM))
    node = page_url.removeprefix("http://").partition(":")[0]
    with object_store(tmp_path, address_towards(node)) as store:
        keys = {name: value for name, value in store.items() if name != "FOLDER"}
        try:
            with release.load(4) as outcome:
                release.helm(
                    "upgrade", "crime", CHART, "--reuse-values", "--wait", "--timeout", "120s", "--set", TO_CLAIM
                )
                save(release, "save-to-claim")
                secret(release, "backup-store", keys)
                release.helm("upgrade", "crime", CHART, "--reuse-values", "--wait", "--timeout", "120s", "--set", TO_S3)
                began = time.monotonic()
                files = [save(release, name) for name in ("save-1", "save-2")]
                took = time.monotonic() - began
                assert files[0] < files[1]
                secret(elsewhere, "backup-store", keys)
                secret(elsewhere, "crime-token", {"token": release.token})
                elsewhere.helm(
                    *("install", "crime", CHART, "--wait", "--timeout", "180s", *VALUES, "--set", f"{TO_S3},{SMALL}")
                )
                assert elsewhere.ask("/models")["source"] == "bundle"
                began = time.monotonic()
                log = elsewhere.job("restore", "restore", PLACE, cronjob="backup")
                restored = time.monotonic() - began
                assert files[1] in log
                elsewhere.until(lambda: elsewhere.ask("/ready")["serving"]["crime-category"] == champion, 60)
                assert kept(elsewhere) == kept(release)
        finally:
            elsewhere.helm("uninstall", "crime", "--wait", "--timeout", "120s", "--ignore-not-found")
            elsewhere.kubectl("delete", "job", "restore", "--ignore-not-found")
            elsewhere.kubectl("delete", "secret", "backup-store", "crime-token", "--ignore-not-found")
            off = "backup.schedule=,backup.claim=,backup.s3=,backup.secret="
            release.helm("upgrade", "crime", CHART, "--reuse-values", "--set", off)
            release.kubectl("delete", "job", "save-to-claim", "save-1", "save-2", "--ignore-not-found")
            release.kubectl("delete", "secret", "backup-store", "--ignore-not-found")
            release.kubectl("delete", "pvc", "backups", "--wait=false")
    print(f"\ntwo backups {took:.1f} s, restored in {restored:.1f} s with the start of the pods: {files}")
    print(f"backups and restore: {release.summary(outcome)}")
    assert outcome["failures"] == []
