"""Who reaches whom under the network policies, as SECURITY.md says: real connections from every kind of pod."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cluster.cluster import ELSEWHERE, NAMESPACE, SCRIPTS, Cluster, part

CHART = "charts/crime-prediction"
DNS = {"names", "port 53", "port 5353"}
ANYBODY = {"page", "stranger", "elsewhere", "API server"} | DNS  # policies of other namespaces aside
MAY = {
    "stranger": ANYBODY,
    "elsewhere": ANYBODY,
    "client": ANYBODY | {"backend"},
    "client elsewhere": ANYBODY | {"backend"},
    "page": {"backend"} | DNS,
    "backend": {"registry"} | DNS,
    "registry": DNS,
    "training": ANYBODY | {"registry", "scheduler"},
    "watch": ANYBODY | {"registry"},
    "backup": {"registry"} | DNS,
    "scheduler": {"worker"} | DNS,
    "worker": {"scheduler", "worker"} | DNS,
    "helm test": {"page", "backend"} | DNS,
}
JOBS = ("training", "watch", "backup")  # CronJobs, each a pod here
NAMES = {"page": "frontend", "registry": "mlflow", "scheduler": "dask-scheduler", "worker": "dask-worker"}
PORTS = {"page": "8501", "backend": "5000", "registry": "5000", "scheduler": "8786"}
LISTENS = (
    "for name in ('tcp', 'tcp6'):\n"
    "    for line in open('/proc/net/' + name):\n"
    "        if line.split()[3] == '0A': print(int(line.split()[1].split(':')[1], 16))"
)


@dataclass
class Pods:
    """A pod of each kind to connect from, with its namespace, and the address of one to connect to."""

    release: Cluster
    sources: dict[str, tuple[str, str]]
    targets: dict[str, tuple[str, str]]

    def address(self, name: str, namespace: str = NAMESPACE) -> str:
        found: str = self.release.get("pod", name, "--namespace", namespace)["status"]["podIP"]
        return found

    def reached(self, who: str, targets: dict[str, tuple[str, str]]) -> set[str]:
        namespace, name = self.sources[who]
        return self.release.reached(name, targets, namespace)

    def others(self, who: str) -> dict[str, tuple[str, str]]:
        """Every address but the pod's own, which no policy binds.

        Nor is one page asked from another: some networks let it in, for the page's policy lets in anybody.
        """
        namespace, name = self.sources[who]
        own = self.address(name, namespace)
        return {
            target: address
            for target, address in self.targets.items()
            if address[0] != own and (who, target) != ("page", "page")
        }


def waiting_pod(release: Cluster, name: str) -> None:
    """A pod of a CronJob that listens instead of working, and needs none of its volumes."""
    job = release.get("cronjob", name)["spec"]["jobTemplate"]["spec"]["template"]
    pod = job | {"apiVersion": "v1", "kind": "Pod", "metadata": job["metadata"] | {"name": name}}
    listen = ["python", "-c", (SCRIPTS / "listen.py").read_text(), "8000"]
    pod["spec"]["containers"][0] |= {"command": listen, "args": []}
    pod["spec"]["volumes"] = [{"name": volume["name"], "emptyDir": {}} for volume in pod["spec"]["volumes"]]
    release.kubectl("apply", "-f", "-", stdin=json.dumps(pod))


def start_pods(release: Cluster) -> dict[str, tuple[str, str]]:
    """Pods beside those of the release; the named clients last, for they wait until the policies know all."""
    listen = SCRIPTS / "listen.py"
    release.script("stranger", listen, "8000", labels={})
    # labels count in the release's own namespace alone
    release.script("elsewhere", listen, "8000", "53", "5353", labels=part("training"), namespace=ELSEWHERE)
    release.script("helm-test", listen, "8000", labels=part("test"))
    for name in JOBS:
        waiting_pod(release, name)
    started = [f"pod/{name}" for name in ("stranger", "helm-test", *JOBS)]
    release.kubectl("wait", *started, "--for=condition=Ready", "--timeout=60s")
    for namespace in (NAMESPACE, ELSEWHERE):
        release.script("client", SCRIPTS / "wait.py", namespace=namespace)
        release.kubectl("wait", "pod/client", "--namespace", namespace, "--for=condition=Ready", "--timeout=60s")
    return {
        "stranger": (NAMESPACE, "stranger"),
        "elsewhere": (ELSEWHERE, "elsewhere"),
        "client": (NAMESPACE, "client"),
        "client elsewhere": (ELSEWHERE, "client"),
        "helm test": (NAMESPACE, "helm-test"),
        **{name: (NAMESPACE, name) for name in JOBS},
    }


@pytest.fixture(scope="module")
def pods(release: Cluster) -> Iterator[Pods]:
    """The release with Dask, a pod of each CronJob, a pod as `helm test` starts it, strangers and named clients."""
    dask = "dask.enabled=true,dask.workers=2,dask.worker.resources.requests.cpu=50m"
    jobs = "backup.schedule=@yearly,backup.claim=backups,monitoring.webhookSecret=webhook"
    release.helm("upgrade", "crime", CHART, "--wait", "--reuse-values", "--timeout", "180s", "--set", f"{dask},{jobs}")
    pods = Pods(release, start_pods(release), {})
    for name in ("stranger", "elsewhere", "helm test", *JOBS):
        pods.targets[name] = (pods.address(*reversed(pods.sources[name])), "8000")
    for port in ("53", "5353"):
        pods.targets[f"port {port}"] = (pods.targets["elsewhere"][0], port)
    api = release.get("service", "kubernetes", "--namespace", "default")
    pods.targets["API server"] = (api["spec"]["clusterIP"], "443")
    for name in ("page", "backend", "registry", "scheduler", "worker"):
        found = release.pods(NAMES.get(name, name))
        pods.sources[name] = (NAMESPACE, found[0]["metadata"]["name"])
        last = found[-1]["metadata"]["name"]
        port = PORTS.get(name) or release.kubectl("exec", last, "--", "python", "-c", LISTENS).split()[0]
        pods.targets[name] = (pods.address(last), port)
    yield pods
    for namespace, name in pods.sources.values():
        if name in ("stranger", "elsewhere", "client", "helm-test", *JOBS):
            release.kubectl("delete", "pod", name, "--namespace", namespace, "--grace-period=1")
    # with --reuse-values Helm would keep the address of the scheduler that is gone
    off = "dask.enabled=false,backup.schedule=,backup.claim=,monitoring.webhookSecret="
    release.helm("upgrade", "crime", CHART, "--wait", "--reset-then-reuse-values", "--set", off)
    release.until(lambda: release.gone("dask-worker") and not release.pods("dask-worker"))


@pytest.mark.parametrize("who", MAY)
def test_a_pod_reaches_what_it_may_and_nothing_else(who: str, pods: Pods) -> None:
    targets = pods.others(who)
    may = {name for name in MAY[who] if name in targets or name == "names"}
    found = pods.reached(who, targets)
    for _ in range(10):  # a policy takes a moment to let in a new pod
        if found >= may:
            break
        time.sleep(1)
        found = pods.reached(who, targets)
    assert found == may


@pytest.mark.parametrize("who", ["page", "backend", "registry", "scheduler", "worker", "helm test", *JOBS])
def test_what_is_refused_to_others_does_listen(who: str, pods: Pods) -> None:
    """Or a refused connection would tell nothing."""
    namespace, name = pods.sources[who]
    port = pods.targets[who][1]
    if who == "worker":  # each has a port of its own
        port = pods.release.kubectl("exec", name, "--", "python", "-c", LISTENS).split()[0]
    assert who in pods.reached(who, {who: (pods.address(name, namespace), port)})
