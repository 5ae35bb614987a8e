"""A pod follows its registry: champions are taken up, decisions are recorded, and trouble changes no answer."""

import json
import resource
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from crime.core.errors import ModelNotFoundError
from crime.registry.served import ServedRegistry
from harness import Backend, Mlflow, Store, free_port, publish, two_bundles, wait_until, write_table
from reports import SMALLEST_REPORT

TOKEN = "a-token-of-this-test"
SIGNED = {"by": "a test", "reason": "to see what follows"}  # of every decision


@dataclass
class Deployment:
    """A backend that follows a registry with the versions of `two_bundles`: 1 is champion, 2 failed its gates."""

    pod: Backend
    registry: Mlflow
    token_file: Path

    @property
    def client(self) -> ServedRegistry:
        return ServedRegistry(self.registry.url)

    def ready(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.pod.http.get("/ready").json()
        return answer

    def predict(self, report: Mapping[str, Any] = SMALLEST_REPORT) -> dict[str, Any]:
        answer: dict[str, Any] = self.pod.http.post("/predict", json=report).raise_for_status().json()
        return answer

    def decide(self, path: str, body: dict[str, Any] | None = None, token: str | None = TOKEN) -> httpx.Response:
        """Call a route that changes something, with the token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.pod.http.post(f"/models/crime-category/{path}", json=body, headers=headers)

    def withdraw_challenger(self) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self.pod.http.delete("/models/crime-category/challenger", headers=headers, params=SIGNED)

    def crime(self, *arguments: str | Path, code: int = 0) -> str:
        store = Store(self.registry.folder / "unused")
        return store.crime(*arguments, code=code, environment={"CRIME_TRACKING_URI": self.registry.url}).stdout


@pytest.fixture(scope="module")
def deployed(start: Callable[..., Backend], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    registry = Mlflow.start(tmp_path_factory.mktemp("mlflow"))
    assert publish(registry.url, *two_bundles()) == ["1", "2"]
    token_file = tmp_path_factory.mktemp("secret") / "token"  # as a Secret is mounted
    pod = start(
        model_dir=two_bundles()[1],
        tracking_uri=registry.url,
        token_file=token_file,
        refresh_seconds=1,
        record_seconds=1,
    )
    deployment = Deployment(pod, registry, token_file)
    yield deployment
    deployment.registry.stop()


@pytest.fixture
def deployment(deployed: Deployment) -> Deployment:
    """The deployment in its first state, whatever the test before left."""
    deployed.token_file.write_text(TOKEN + "\n")
    client = deployed.client
    client.set_alias("crime-category", "champion", "1")
    for alias in ("previous", "challenger"):
        with suppress(ModelNotFoundError):
            client.version("crime-category", alias)
            client.delete_alias("crime-category", alias)
    wait_until(lambda: deployed.ready()["version"] == "1" and "crime-category" not in deployed.ready()["trouble"])
    return deployed


def test_the_image_answers_until_a_first_champion_is_loaded_and_no_request_fails(
    start: Callable[..., Backend], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better, worse = two_bundles()
    registry = Mlflow.start(tmp_path / "mlflow")
    pod = start(model_dir=worse, tracking_uri=registry.url, refresh_seconds=1)
    deployment = Deployment(pod, registry, tmp_path / "none")
    ready = deployment.ready()
    assert (ready["status"], ready["version"]) == ("ready", "image-unregistered")
    assert ready["trouble"].keys() <= {"crime-risk"}  # neither the image nor the registry has one
    stop = threading.Event()
    failed: list[str] = []
    answers: list[dict[str, Any]] = []

    def send() -> None:
        with httpx.Client(base_url=pod.url) as client:
            while not stop.is_set():
                try:
                    answers.append(client.post("/predict", json=SMALLEST_REPORT).raise_for_status().json())
                except httpx.HTTPError as error:
                    failed.append(repr(error))

    clients = [threading.Thread(target=send) for _ in range(4)]
    for client in clients:
        client.start()
    wait_until(lambda: bool(answers))
    assert publish(registry.url, better) == ["1"]
    took = wait_until(lambda: deployment.ready()["version"] == "1")
    wait_until(lambda: answers[-1]["model_version"] == "1")
    stop.set()
    for client in clients:
        client.join()
    registry.stop()
    assert failed == []
    probabilities: dict[str, float] = {}
    for answer in answers:  # one version, one answer: none is a mixture of two
        version, probability = answer["model_version"], answer["probability"]
        assert probabilities.setdefault(version, probability) == probability
    assert set(probabilities) == {"image-unregistered", "1"}
    assert len(set(probabilities.values())) == 2
    with capsys.disabled():
        print(f"\nswapped {took:.1f} s after the alias moved, {len(answers)} requests, none failed")


def test_a_worse_version_is_refused_with_reasons(deployment: Deployment) -> None:
    (listed,) = deployment.pod.http.get("/models").json()["models"]
    assert (listed["latest_version"], listed["aliases"]) == ("2", {"champion": "1"})
    answer = deployment.decide("promote", SIGNED)  # the latest
    assert answer.status_code == 409
    assert "not champion: log loss" in answer.json()["detail"]
    tags = {v.version: v.tags for v in deployment.client.versions("crime-category")}
    assert tags["2"]["gate.log_loss"].startswith("failed: log loss")
    assert tags["2"]["gate.latency"].startswith("passed")
    assert deployment.ready()["version"] == "1"


def test_force_is_recorded_and_rollback_is_one_call(deployment: Deployment) -> None:
    why = "the shares of spring matter more"
    wanted = {"version": 2, "by": "an analyst", "reason": why, "force": True}
    assert deployment.decide("promote", wanted).status_code == 200
    assert deployment.ready()["version"] == "2"
    versions = deployment.pod.http.get("/models/crime-category").json()["versions"]
    forced = next(v for v in versions if v["version"] == "2")
    assert (forced["tags"]["forced_because"], forced["tags"]["promoted_by"]) == (why, "an analyst")
    assert forced["aliases"] == ["champion"]
    assert deployment.decide("rollback", SIGNED).json()["version"] == "1"
    assert deployment.ready()["version"] == "1"
    last, before = deployment.pod.http.get("/audit").json()[:2]
    assert (last["what"], last["version"], last["by"]) == ("rollback", "1", "a test")
    assert (before["what"], before["by"], before["why"]) == ("promote", "an analyst", why)
    assert before["at"] < last["at"]


def test_a_challenger_scores_along_and_answers_its_share(
    deployment: Deployment, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    wanted = {"version": "2", "canary": 0.25, **SIGNED}
    assert deployment.decide("challenger", wanted, None).status_code == 401
    assert deployment.decide("challenger", wanted | {"canary": 1.5}).status_code == 422
    assert deployment.decide("challenger", wanted).status_code == 200
    sent = rows[:400]
    first, again = ([deployment.predict(row)["model_version"] for row in sent] for _ in "ab")
    assert first == again  # the same reports always
    assert set(first) == {"1", "2"}
    assert first.count("2") / len(sent) == pytest.approx(0.25, abs=0.06)
    compared: dict[str, Any] = {}

    def all_shadowed() -> bool:
        compared.update(deployment.pod.http.get("/models/crime-category/challenger").json())
        return bool(compared["shadowed"] == 2 * first.count("1"))

    wait_until(all_shadowed)
    assert compared["answered"] == 2 * first.count("2")
    assert 0.9 < compared["agreement"] <= 1
    assert 0 < compared["difference"] < 0.1
    assert compared["log_loss"] is None
    write_table(tmp_path / "later.csv", sent)
    assert "(shadow)" in deployment.crime("drift", "--data", tmp_path / "later.csv")
    compared = deployment.pod.http.get("/models/crime-category/challenger").json()
    assert 0 < compared["champion_log_loss"] < 1
    assert compared["log_loss"] == pytest.approx(compared["champion_log_loss"], rel=0.2)
    assert 'crime_shadow_predictions_total{agrees="true",version="2"}' in deployment.pod.metrics()
    assert deployment.withdraw_challenger().status_code == 204
    assert {deployment.predict(row)["model_version"] for row in sent[:50]} == {"1"}
    assert deployment.pod.http.get("/models/crime-category/challenger").status_code == 404


def test_a_broken_bundle_changes_nothing(deployment: Deployment) -> None:
    client = deployment.client
    answer = httpx.get(
        f"{deployment.registry.url}/api/2.0/mlflow/model-versions/get-download-uri",
        params={"name": "crime-category", "version": "2"},
    )
    location = answer.json()["artifact_uri"].removeprefix("mlflow-artifacts:/")
    file = deployment.registry.folder / "artifacts" / location / "data" / "bundle" / "report.txt"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    client.forget("crime-category", "2")
    client.set_alias("crime-category", "champion", "2")
    wait_until(lambda: "hash differs" in str(deployment.ready()["trouble"]))
    assert (deployment.ready()["status"], deployment.ready()["version"]) == ("ready", "1")
    assert 'crime_model_trouble{model="crime-category"} 1.0' in deployment.pod.metrics()
    assert deployment.predict()["model_version"] == "1"
    file.write_bytes(whole)
    wait_until(lambda: deployment.ready()["version"] == "2")
    assert "crime-category" not in deployment.ready()["trouble"]


def test_a_registry_that_goes_and_comes_back(deployment: Deployment) -> None:
    deployment.registry.stop()
    wait_until(lambda: "can't be reached" in str(deployment.ready()["trouble"]))
    assert deployment.predict()["model_version"] == "1"
    assert deployment.decide("rollback", SIGNED).status_code == 503
    port = int(deployment.registry.url.rpartition(":")[2])
    deployment.registry = Mlflow.start(deployment.registry.folder, port)
    wait_until(lambda: "crime-category" not in deployment.ready()["trouble"])


@contextmanager
def full_disk(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """No file of the process may grow."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_a_registry_whose_disk_is_full(deployment: Deployment) -> None:
    """Nothing is decided by half, and predictions go on."""

    def all_recorded() -> bool:
        return "crime_predictions_waiting 0.0" in deployment.pod.metrics()

    decisions = deployment.pod.http.get("/audit").json()
    with full_disk(deployment.registry.process):
        answer = deployment.decide("promote", {"version": "2", "force": True, **SIGNED})
        assert answer.status_code == 503, answer.text
        assert deployment.predict()["model_version"] == "1"
        wait_until(lambda: not all_recorded())
    wait_until(all_recorded)
    assert deployment.pod.http.get("/audit").json() == decisions
    assert deployment.decide("challenger", {"version": "2", **SIGNED}).status_code == 200
    assert deployment.withdraw_challenger().status_code == 204
    assert deployment.ready()["version"] == "1"


def test_the_command_promotes_and_rolls_back_too(deployment: Deployment) -> None:
    deployment.client.set_alias("crime-category", "champion", "2")
    promoted = deployment.crime("promote", "crime-category", "1", "--json")
    assert {gate["name"] for gate in json.loads(promoted.splitlines()[-1])["gates"]} == {
        "log_loss", "area", "calibration", "latency", "size",
    }  # fmt: skip
    assert "version 2 is champion again" in deployment.crime("rollback", "crime-category")
    deployment.crime("rollback", "crime-none", code=1)


@pytest.mark.parametrize("trouble", ["garbage", "slow", "error"])
def test_a_start_does_not_wait_for_a_registry_in_trouble(trouble: str, start: Callable[..., Backend]) -> None:
    asked: list[str] = []
    stop = threading.Event()

    class Trouble(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if trouble == "slow":
                stop.wait()
            self.send_response(500 if trouble == "error" else 200)
            self.end_headers()
            self.wfile.write(b"<html>not what you asked for")

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Trouble)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pod = start(model_dir=two_bundles()[0], tracking_uri=f"http://127.0.0.1:{server.server_port}", refresh_seconds=1)
    assert pod.http.get("/ready").json()["status"] == "ready"
    assert trouble != "slow" or len(asked) <= 1  # it would ask for each model and the challenger, 5 s each
    assert pod.http.post("/predict", json=SMALLEST_REPORT).status_code == 200
    wait_until(lambda: "crime-category" in pod.http.get("/ready").json()["trouble"])
    stop.set()
    server.shutdown()
    server.server_close()
