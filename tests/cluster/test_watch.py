"""The chart's alerts in a real Prometheus that scrapes the release's pods: troubles are made, and their alerts fire."""

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from alerts import Prometheus, start_prometheus
from cluster.cluster import NAMESPACE, Cluster

BACKEND = "deployment/backend-deployment"


class Pods:
    """The backend's pods as a Prometheus on this machine reaches them: each through a forwarded port."""

    def __init__(self, release: Cluster, prometheus: Prometheus, forwards: ExitStack):
        self.release, self.prometheus, self.forwards = release, prometheus, forwards
        self.addresses: dict[str, str] = {}

    def firing(self) -> dict[str, str]:
        """The unusual alerts that fire, with what they tell, of the pods that there are now."""
        present = self.release.pods("backend")
        running = [pod["metadata"]["name"] for pod in present if pod["status"]["phase"] == "Running"]
        addresses = {name: self.addresses.get(name) or self._forward(name) for name in running}
        if addresses != self.addresses:
            self.addresses = addresses
            self.prometheus.watch(addresses)
        return self.prometheus.firing()

    def _forward(self, name: str) -> str:
        command = ["kubectl", "--kubeconfig", self.release.kubeconfig, "-n", NAMESPACE, "port-forward", f"pod/{name}"]
        forward = subprocess.Popen([*command, ":5000"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        process = self.forwards.enter_context(forward)
        self.forwards.callback(process.terminate)
        assert process.stdout
        (address,) = re.findall(r"127\.0\.0\.1:\d+", process.stdout.readline())
        return str(address)

    def until(self, *expected: str, seconds: float = 120) -> float:
        """Wait until all of these alerts fire; without any, until none does."""
        return self.release.until(
            lambda: set(expected) <= self.firing().keys() if expected else not self.firing(), seconds
        )


@pytest.fixture
def pods(release: Cluster, tmp_path: Path) -> Iterator[Pods]:
    with start_prometheus(tmp_path, NAMESPACE) as prometheus, ExitStack() as forwards:
        yield Pods(release, prometheus, forwards)


@pytest.fixture
def change(release: Cluster) -> Iterator[Callable[..., None]]:
    """Set variables of the backend; at the end the release is as it was."""

    def set_variables(*variables: str) -> None:
        release.kubectl("set", "env", BACKEND, *variables)

    yield set_variables
    set_variables("CRIME_MODEL_DIR-", "CRIME_RATE_LIMIT-")
    release.kubectl("scale", "deployment/mlflow-deployment", "--replicas=1")
    release.kubectl("rollout", "status", BACKEND, "--timeout=180s", timeout=200)
    release.until(lambda: release.ready("backend") == 3 and release.ready("mlflow") == 1, 120)


def test_alerts_fire_for_the_troubles_they_are_about_and_end_with_them(
    release: Cluster, pods: Pods, change: Callable[..., None]
) -> None:
    if any(version.startswith("image-") for version in release.serving()):
        release.job("watched", "train")
    release.champion()
    pods.until()
    took = {}
    release.kubectl("scale", "deployment/mlflow-deployment", "--replicas=0")
    took["CrimeRegistryGone"] = pods.until("CrimeRegistryGone")
    assert not pods.firing().keys() & {"CrimePodsDisagree", "CrimeNoChampion", "CrimeBackendUnseen"}

    victim = release.pods("backend")[0]["metadata"]["name"]
    release.kubectl("delete", "pod", victim, "--wait=false")  # its successor has the image's model alone
    took["CrimePodsDisagree"] = pods.until("CrimePodsDisagree")
    assert "CrimeNoChampion" not in pods.firing()

    change("CRIME_MODEL_DIR=/tmp/none", "CRIME_RATE_LIMIT=1")  # a new pod without any model; the others go on
    took["CrimeNoChampion"] = pods.until("CrimeNoChampion")
    assert release.ready("backend") == 3

    release.kubectl("scale", "deployment/mlflow-deployment", "--replicas=1")
    release.kubectl("rollout", "status", BACKEND, "--timeout=180s", timeout=200)
    ended = pods.until(seconds=180)

    def one_more_is_refused() -> bool:
        address = next(iter(pods.addresses.values()))
        for _ in range(20):
            with suppress(HTTPError):
                urlopen(f"http://{address}/codes", timeout=10).close()
        return "CrimeRefusals" in pods.firing()

    took["CrimeRefusals"] = release.until(one_more_is_refused, 120)
    assert pods.firing().keys() == {"CrimeRefusals"}
    print("\n" + ", ".join(f"{name} after {seconds:.0f} s" for name, seconds in took.items()), end="; ")
    print(f"three of them ended {ended:.0f} s after the registry was back")
