"""Training, forecasts and record review on Dask's workers in the cluster."""

import time
from typing import Any

import pytest
from cluster.cluster import SCRIPTS, Cluster, last_object, part


def set_workers(release: Cluster, workers: int) -> None:
    release.helm(
        "upgrade", "crime", "charts/crime-prediction", "--wait", "--reuse-values", "--timeout", "180s",
        "--set", f"dask.enabled=true,dask.workers={workers}",
        "--set", "dask.worker.resources.requests.cpu=50m",
    )  # fmt: skip
    release.until(lambda: len(release.pods("dask-worker")) == workers and release.gone("dask-worker"))


def test_training_is_shared_out_and_survives_a_killed_worker(release: Cluster) -> None:
    found, took = {}, {}
    for workers in (1, 2, 4):
        set_workers(release, workers)
        began = time.monotonic()
        with release.killing("dask-worker", after=12) if workers == 2 else release.load() as outcome:
            log = release.job(f"shared-{workers}", "train", "--json")
        found[workers], took[workers] = last_object(log), round(time.monotonic() - began, 1)
        assert outcome.get("failures", []) == []
    print(f"\nseconds by workers: {took} (at 2 one was killed halfway); log loss {found[1]['overall']['log_loss']}")
    for workers in (2, 4):
        assert found[workers]["overall"] == found[1]["overall"]
        assert found[workers]["levels"] == found[1]["levels"]


def shared_work(release: Cluster, work: str, address: str = "", killed_after: float = 0) -> dict[str, Any]:
    """Hashes of what a pod made of the sample by the workers at `address`, or alone, and the seconds it took."""
    release.kubectl("delete", "pod", "shared", "--ignore-not-found", "--grace-period=1")
    release.script(
        "shared", SCRIPTS / "shared_work.py", work, *filter(None, [address]),
        image="crime-training:dev", labels=part("training"),
    )  # fmt: skip
    if killed_after:
        release.kubectl("wait", "pod/shared", "--for=condition=Ready", "--timeout=60s")
        with release.killing("dask-worker", after=killed_after):
            pass
    release.until(lambda: release.get("pod", "shared")["status"]["phase"] in ("Succeeded", "Failed"), 300)
    return last_object(release.kubectl("logs", "shared"))


@pytest.mark.parametrize("work", ["forecast", "review"])
def test_forecast_and_review_are_the_same_files_whoever_makes_them(release: Cluster, work: str) -> None:
    address = "tcp://dask-scheduler:8786"
    made = {"alone": shared_work(release, work)}
    for workers in (1, 2, 4):
        set_workers(release, workers)
        made[f"{workers} workers"] = shared_work(release, work, address)
    set_workers(release, 2)
    made["2, one killed"] = shared_work(release, work, address, killed_after=8)
    print(f"\nseconds of a {work}: { ({how: each['seconds'] for how, each in made.items()}) }")
    for each in made.values():
        assert each["hashes"] == made["alone"]["hashes"]


def test_workers_go_when_they_are_switched_off(release: Cluster) -> None:
    release.helm(
        "upgrade", "crime", "charts/crime-prediction", "--wait", "--reset-then-reuse-values",
        "--set", "dask.enabled=false",
    )  # fmt: skip
    release.until(lambda: release.gone("dask-worker") and not release.pods("dask-worker"))
