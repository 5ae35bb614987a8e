"""Commands on the cluster that tests run on, and the images they put there."""

import json
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMESPACE = "crime-test"
ELSEWHERE = "crime-test-elsewhere"
SCRIPTS = Path(__file__).parent
CLIENT = {"client": "yes"}
CLIENTS = [
    {"podSelector": {"matchLabels": CLIENT}},
    {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ELSEWHERE}},
        "podSelector": {"matchLabels": CLIENT},
    },
]
VALUES = (
    "--set", "backend.tokenSecret=crime-token,backend.env.CRIME_RECORD_SECONDS=2,networkPolicy.enabled=true",
    "--set-json", f"networkPolicy.backendFrom={json.dumps(CLIENTS)}",
)  # fmt: skip


def part(name: str, release: str = "crime") -> dict[str, str]:
    """The labels that policies know a part of a release by."""
    own = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": release}
    return own | {"app.kubernetes.io/part-of": "crime-prediction"}


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a Service sends requests to the pod."""
    conditions = pod["status"].get("conditions", ())
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def address_towards(host: str) -> str:
    """This machine's address as that host sees it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        address: str = probe.getsockname()[0]
    return address


@dataclass
class Cluster:
    """Commands on the cluster that was named, all in one of the tests' namespaces."""

    kubeconfig: str
    root: Path
    token: str = "a-token-for-the-cluster"
    namespace: str = NAMESPACE

    def run(self, *command: str, stdin: str | None = None, timeout: float = 180) -> str:
        done = subprocess.run(command, cwd=self.root, input=stdin, capture_output=True, text=True, timeout=timeout)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def kubectl(self, *arguments: str, **options: Any) -> str:
        return self.run(
            "kubectl", "--kubeconfig", self.kubeconfig, "--namespace", self.namespace, *arguments, **options
        )

    def helm(self, *arguments: str, **options: Any) -> str:
        return self.run("helm", "--kubeconfig", self.kubeconfig, "--namespace", self.namespace, *arguments, **options)

    def get(self, kind: str, *arguments: str) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.kubectl("get", kind, *arguments, "-o", "json"))
        return result

    def pods(self, name: str) -> list[dict[str, Any]]:
        """Pods of a service that are not being deleted."""
        pods = self.get("pods", "-l", f"app.kubernetes.io/name={name}")["items"]
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def gone(self, name: str) -> bool:
        """Whether every deleted pod has ended."""
        pods = self.get("pods", "-l", f"app.kubernetes.io/name={name}")["items"]
        return len(pods) == len(self.pods(name))

    def ready(self, name: str) -> int:
        return sum(map(is_ready, self.pods(name)))

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> float:
        """Wait until something holds; returns the seconds it took."""
        start = time.monotonic()
        while not condition():
            assert time.monotonic() - start < seconds, f"still not so after {seconds} s"
            time.sleep(0.3)
        return time.monotonic() - start

    @contextmanager
    def load(
        self, clients: int = 8, prefix: str = "", headers: dict[str, str] | None = None, authority: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Load from a pod: clients ask for predictions, and one for the page. At the end the dict has the outcome.

        `prefix`: of the names of the release's services. `authority`: in PEM, where the page is served over HTTPS.
        """
        self.kubectl("delete", "pod", "load", "--ignore-not-found", "--grace-period=1")
        self.script("load", SCRIPTS / "load.py", str(clients), prefix, json.dumps(headers or {}), authority)
        self.kubectl("wait", "pod/load", "--for=condition=Ready", "--timeout=60s")
        time.sleep(1)
        outcome: dict[str, Any] = {}
        yield outcome
        time.sleep(1)
        self.kubectl("exec", "load", "--", "touch", "/tmp/stop")
        self.until(lambda: self.get("pod", "load")["status"]["phase"] != "Running")
        outcome |= json.loads(self.kubectl("logs", "load").splitlines()[-1])
        assert outcome["mixed"] == []

    @contextmanager
    def killing(self, name: str, after: float) -> Iterator[dict[str, Any]]:
        """Kill one of a service's pods after some seconds; the dict names it."""
        victim: dict[str, Any] = {"pod": self.pods(name)[0]["metadata"]["name"]}

        def kill() -> None:
            time.sleep(after)
            self.kubectl("delete", "pod", victim["pod"], "--grace-period=0", "--force", "--wait=false")

        killer = threading.Thread(target=kill)
        killer.start()
        yield victim
        killer.join()

    @staticmethod
    def summary(outcome: dict[str, Any]) -> str:
        return (
            f"{outcome['answered']} requests and {outcome['pages']} pages, {len(outcome['failures'])} failed, "
            f"slowest {outcome['slowest']} s, by model version {outcome['versions']}"
        )

    def ask(
        self, path: str, body: Any = None, pod: str = "deployment/backend-deployment", method: str | None = None
    ) -> Any:
        """A backend pod's answer to a request from inside it; with a body it is a POST. The token is sent."""
        code = (
            "import json,sys,urllib.request as u\n"
            "body=json.loads(sys.argv[2])\n"
            "q=u.Request('http://127.0.0.1:5000'+sys.argv[1],None if body is None else json.dumps(body).encode(),"
            "{'Content-Type':'application/json','Authorization':'Bearer '+sys.argv[3]},method=sys.argv[4] or None)\n"
            "print(u.urlopen(q,timeout=60).read().decode() or 'null')"
        )
        return json.loads(
            self.kubectl("exec", pod, "--", "python", "-c", code, path, json.dumps(body), self.token, method or "")
        )

    def reached(self, pod: str, addresses: dict[str, tuple[str, str]], namespace: str = NAMESPACE) -> set[str]:
        """Which of some addresses take a connection from a pod; `names` if it resolves names."""
        probe = ("python", "-c", (SCRIPTS / "reach.py").read_text(), json.dumps(addresses))
        return set(json.loads(self.kubectl("exec", "--namespace", namespace, pod, "--", *probe)))

    def serving(self, name: str = "crime-category") -> set[str]:
        """The versions that the ready backend pods answer with."""
        ready = [self.ask("/ready", pod=pod["metadata"]["name"]) for pod in self.pods("backend") if is_ready(pod)]
        return {found["serving"][name] for found in ready}

    def champion(self) -> str:
        """The version that all ready backend pods answer with, once they agree: a new pod begins with its image's."""
        self.until(lambda: len(self.serving()) == 1, 15)
        (version,) = self.serving()
        return version

    def job(
        self, name: str, *arguments: str, cronjob: str = "training", timeout: float = 300, killed_after: float = 0
    ) -> str:
        """Run the job of one of the chart's CronJobs, with other arguments if given; returns its log.

        With `killed_after` its first pod is killed after so many seconds.
        """
        job = json.loads(
            self.kubectl("create", "job", name, f"--from=cronjob/{cronjob}", "--dry-run=client", "-o", "json")
        )
        if arguments:
            job["spec"]["template"]["spec"]["containers"][0]["args"] = list(arguments)
        self.kubectl("apply", "-f", "-", stdin=json.dumps(job))
        if killed_after:
            time.sleep(killed_after)
            self.kubectl("delete", "pod", "-l", f"job-name={name}", "--grace-period=0", "--force", "--wait=false")

        def ended() -> bool:
            status = self.get("job", name)["status"]
            failed = {"type": "Failed", "status": "True"}.items()
            assert not any(failed <= each.items() for each in status.get("conditions", ())), self.kubectl(
                "logs", f"job/{name}"
            )
            return bool(status.get("succeeded"))

        self.until(ended, timeout)
        return self.kubectl("logs", f"job/{name}")

    def script(
        self,
        name: str,
        script: Path,
        *arguments: str,
        image: str = "crime-backend:dev",
        labels: dict[str, str] = CLIENT,
        namespace: str = NAMESPACE,
    ) -> None:
        """Start a script in a pod of its own; a client's starts once it reaches the backend."""
        container = {
            "name": name,
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "ports": [{"name": "http", "containerPort": 5000}],
            "command": ["python", "-c", script.read_text(), *arguments],
            "env": [{"name": "CRIME_TRACKING_URI", "value": "http://mlflow-service:5000"}],
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
        wait = {"name": "wait", "command": ["python", "-c", (SCRIPTS / "let_in.py").read_text(), NAMESPACE]}
        is_client = labels.items() >= CLIENT.items()
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels},
            "spec": {
                "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                    # so that a script may listen where DNS does
                    "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
                },
                "initContainers": [container | wait] if is_client else [],
                "containers": [container],
            },
        }
        self.kubectl("apply", "--namespace", namespace, "-f", "-", stdin=json.dumps(pod))


def last_object(log: str) -> dict[str, Any]:
    """The JSON object that a container's log ends with; lines of stderr may stand behind it."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found


@dataclass
class Images:
    """Builds images and hands them to the cluster."""

    root: Path
    base: str
    loader: str

    def build(self, service: str, *arguments: str, tag: str = "") -> None:
        base = f"BASE_IMAGE={self.base}"
        self._docker("--build-arg", base, *arguments, "-t", f"crime-{tag or service}:dev", f"services/{service}")

    def vary(self, service: str, tag: str, *lines: str, context: Path | None = None) -> str:
        """A further image, made from `:dev` by some lines of a Dockerfile."""
        dockerfile = "\n".join([f"FROM crime-{service}:dev", *lines])
        self._docker("-t", f"crime-{service}:{tag}", "-f", "-", str(context or SCRIPTS), stdin=dockerfile)
        return f"crime-{service}:{tag}"

    def load(self, *images: str) -> None:
        for image in images:
            subprocess.run([*shlex.split(self.loader), image], cwd=self.root, check=True, timeout=300)

    def _docker(self, *arguments: str, stdin: str | None = None) -> None:
        done = subprocess.run(
            ["docker", "build", "-q", "--network", "host", *arguments],
            cwd=self.root,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
