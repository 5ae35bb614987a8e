"""Training on Dask's workers in the cluster."""

import time

from cluster.cluster import Cluster, last_object


def test_training_is_shared_out_and_survives_a_killed_worker(release: Cluster) -> None:
    found, took = {}, {}
    for workers in (1, 2, 4):
        release.helm(
            "upgrade", "crime", "charts/crime-prediction", "--wait", "--reuse-values", "--timeout", "180s",
            "--set", f"dask.enabled=true,dask.workers={workers}",
            "--set", "dask.worker.resources.requests.cpu=50m",
        )  # fmt: skip
        began = time.monotonic()
        with release.killing("dask-worker", after=12) if workers == 2 else release.load() as outcome:
            log = release.job(f"shared-{workers}", "train", "--json")
        found[workers], took[workers] = last_object(log), round(time.monotonic() - began, 1)
        assert outcome.get("failures", []) == []
    print(f"\nseconds by workers: {took} (at 2 one was killed halfway); log loss {found[1]['overall']['log_loss']}")
    for workers in (2, 4):
        assert found[workers]["overall"] == found[1]["overall"]
        assert found[workers]["levels"] == found[1]["levels"]
    release.helm(
        "upgrade", "crime", "charts/crime-prediction", "--wait", "--reset-then-reuse-values",
        "--set", "dask.enabled=false",
    )  # fmt: skip
    release.until(lambda: release.gone("dask-worker") and not release.pods("dask-worker"))
