"""The release is installed by digest on a cluster whose nodes fetch from the registry. `--kubeconfig FILE`."""

import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from release.conftest import CHART, IMAGES, Release

NAMESPACE = "crime-release"
DIRECT = {"HTTPS_PROXY": ""}  # the cluster is somewhere else than the rest
FORWARDER = Path(__file__).parent / "node_registry.py"
FEW = "backend.replicas=1,frontend.replicas=1,frontend.service.type=ClusterIP"  # no port of a node that others may have


class Cluster:
    """Commands on the cluster, in a namespace of their own."""

    def __init__(self, release: Release, kubeconfig: str) -> None:
        self.release, self.options = release, ("--kubeconfig", kubeconfig, "--namespace", NAMESPACE)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.release.output("kubectl", *self.options, *arguments, input=stdin, env=DIRECT)

    def helm(self, *arguments: str) -> str:
        return self.release.output("helm", *self.options, *arguments, env=DIRECT)

    def images(self) -> dict[str, str]:
        """Which image each container runs, by the digest that the node fetched."""
        pods = json.loads(self.kubectl("get", "pods", "-l", "app.kubernetes.io/part-of=crime-prediction", "-o", "json"))
        statuses = [status for pod in pods["items"] for status in pod["status"].get("containerStatuses", ())]
        return {status["name"]: status["imageID"] for status in statuses}


@pytest.fixture
def cluster(release: Release, request: pytest.FixtureRequest, root: Path) -> Iterator[Cluster]:
    """A namespace, and the registry at the nodes' localhost."""
    option = request.config.getoption
    if not option("--kubeconfig"):
        pytest.skip("no cluster: scripts/test release --kubeconfig FILE")
    cluster = Cluster(release, option("--kubeconfig"))
    image = f"crime-backend:{release.version}"
    subprocess.run([*shlex.split(option("--load-images")), image], cwd=root, check=True, timeout=300)
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found")
    cluster.kubectl("create", "namespace", NAMESPACE)
    port = release.registry.partition("/")[0].rpartition(":")[2]
    command = ["python", "-c", FORWARDER.read_text(), port]
    container = {"name": "registry", "image": image, "imagePullPolicy": "IfNotPresent", "command": command}
    template = {
        "metadata": {"labels": {"app": "registry"}},
        "spec": {"hostNetwork": True, "terminationGracePeriodSeconds": 1, "containers": [container]},
    }
    spec = {"selector": {"matchLabels": {"app": "registry"}}, "template": template}
    forwarder = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "registry"}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(forwarder))
    cluster.kubectl("rollout", "status", "daemonset/registry", "--timeout=90s")
    while "ready" not in cluster.kubectl("logs", "daemonset/registry"):
        time.sleep(0.2)
    yield cluster
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_the_release_installs_by_digest_from_the_registry(cluster: Cluster, release: Release, tmp_path: Path) -> None:
    chart = release.reference(CHART)
    assert release.verify(chart).returncode == 0
    release.output("helm", "pull", f"oci://{chart}", "--plain-http", "--untar", "-d", str(tmp_path))
    folder = str(tmp_path / "crime-prediction")
    cluster.helm(
        "install", "crime", folder, "-f", f"{folder}/digests.yaml", "--wait", "--timeout", "300s", "--set", FEW
    )
    try:
        assert cluster.helm("test", "crime", "--logs").count("Phase:          Succeeded") == 2
        running = {name: image.rpartition("@")[2] for name, image in cluster.images().items()}
        for part in ("backend", "frontend", "mlflow"):
            assert running[part] == release.reference(f"crime-{part}").rpartition("@")[2]
        answer = cluster.kubectl(
            "exec", "deployment/backend-deployment", "--", "python", "-c",
            "import urllib.request as u; print(u.urlopen('http://127.0.0.1:5000/ready').read().decode())",
        )  # fmt: skip
        assert json.loads(answer)["serving"]
    finally:
        cluster.helm("uninstall", "crime", "--wait", "--timeout", "120s")
    assert {release.verify(release.reference(name)).returncode for name in IMAGES} == {0}
