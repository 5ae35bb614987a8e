"""The chart on a real cluster, in a namespace of its own. `scripts/test --kubeconfig FILE`."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cluster.cluster import ELSEWHERE, NAMESPACE, VALUES, Cluster, Images


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, root: Path) -> Iterator[Cluster]:
    kubeconfig = request.config.getoption("--kubeconfig")
    if not kubeconfig:
        pytest.skip("no cluster: scripts/test --kubeconfig FILE")
    for tool in ("kubectl", "helm", "docker"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here: scripts/tools installs helm; kubectl and docker come with Minikube")
    cluster = Cluster(kubeconfig, root)
    kubectl = ("kubectl", "--kubeconfig", kubeconfig)
    cluster.run(*kubectl, "delete", "namespace", NAMESPACE, ELSEWHERE, "--ignore-not-found")
    for name in (NAMESPACE, ELSEWHERE):
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            # what does not meet the restricted standard is not even admitted
            "metadata": {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
        cluster.run(*kubectl, "apply", "-f", "-", stdin=json.dumps(namespace))
    yield cluster
    cluster.run(*kubectl, "delete", "namespace", NAMESPACE, ELSEWHERE, "--wait=false")


@pytest.fixture(scope="session")
def images(cluster: Cluster, root: Path, request: pytest.FixtureRequest) -> Images:
    option = request.config.getoption
    images = Images(root, option("--base-image"), option("--load-images"))

    def backend() -> None:
        images.build("backend")
        images.build("backend", "--target", "training", tag="training")  # a stage of the one before
        images.load("crime-backend:dev", "crime-training:dev")

    def others() -> None:
        for service in ("frontend", "mlflow"):
            images.build(service)
            images.load(f"crime-{service}:dev")

    with ThreadPoolExecutor() as pool:
        for built in [pool.submit(backend), pool.submit(others)]:
            built.result()
    return images


@pytest.fixture(scope="session")
def release(cluster: Cluster, images: Images) -> Cluster:
    """The cluster with the chart installed as users install it, every pod ready and network policies enforced."""
    cluster.kubectl("create", "secret", "generic", "crime-token", f"--from-literal=token={cluster.token}")
    cluster.helm("install", "crime", "charts/crime-prediction", "--wait", "--timeout", "180s", *VALUES)
    return cluster


@pytest.fixture(scope="session")
def page_url(release: Cluster) -> str:
    addresses = release.get("nodes")["items"][0]["status"]["addresses"]
    node = next(a["address"] for a in addresses if a["type"] == "InternalIP")
    return f"http://{node}:30001"
