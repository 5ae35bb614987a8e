"""A registry over HTTP: pods follow its champion, promotion is a decision, and trouble changes no answer."""

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import BundleError
from crime.registry.served import ServedRegistry
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.training.classifier.train import train_category_model
from harness import LEAST, Backend, Mlflow, free_port

TOKEN = "a-token-of-this-test"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    server = Mlflow.start(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.stop()


def publish(registry: Mlflow, directory: Path, **changes: Any) -> str:
    """Register a bundle as training does, in a process of its own; returns its version."""
    code = (
        "import sys; from pathlib import Path; from crime.classifier.bundle import CategoryBundle;"
        "from crime.pipelines.publishing import publish; from crime.registry.served import ServedRegistry;"
        "place = Path(sys.argv[2]); print(publish(CategoryBundle(place), place, ServedRegistry(sys.argv[1])).version)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, registry.url, str(directory)], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models of the same reports, the first with the lower loss."""
    place = tmp_path_factory.mktemp("bundles")
    with sample_table() as path:
        tally = Tally()
        reports = load_reports(path, tally)
    models = [train_category_model(reports, tally, place / str(seed) / "bundle", seed=seed)[0] for seed in (0, 1)]
    order = sorted((0, 1), key=lambda at: models[at].spec.metrics["overall"]["log_loss"])
    return [place / str(at) / "bundle" for at in order]


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a Secret is mounted."""
    path = tmp_path_factory.mktemp("secret") / "token"
    path.write_text(TOKEN + "\n")
    return path


@pytest.fixture(scope="module")
def pod(registry: Mlflow, bundles: list[Path], start: Callable[..., Backend], token_file: Path) -> Backend:
    """A backend with a model of its own, as in an image, that follows the registry."""
    return start(
        model_dir=bundles[1], tracking_uri=registry.url, token_file=token_file, refresh_seconds=1, record_seconds=1
    )


def crime(registry: Mlflow, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crime.cli", *arguments],
        env={**os.environ, "CRIME_TRACKING_URI": registry.url, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def version(pod: Backend) -> str:
    return str(httpx.get(f"{pod.url}/ready").json()["version"])


def until(true: Callable[[], bool], seconds: float = 15) -> float:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def call(pod: Backend, path: str, body: dict[str, Any], token: str | None = TOKEN) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.post(f"{pod.url}/models/crime-category/{path}", json=body, headers=headers, timeout=60)


def test_the_image_answers_until_something_is_promoted(pod: Backend) -> None:
    ready = httpx.get(f"{pod.url}/ready").json()
    assert (ready["status"], ready["version"]) == ("ready", "image-unregistered")
    assert ready["trouble"].keys() <= {"crime-risk"}  # it has none, and nor has the registry
    assert httpx.post(f"{pod.url}/predict", json=LEAST).json()["model_version"] == "image-unregistered"


def test_a_new_champion_is_taken_up_and_nobody_notices(
    pod: Backend, registry: Mlflow, bundles: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    stop, failed, answers = threading.Event(), [], []
    expected: dict[str, float] = {}

    def ask() -> None:
        with httpx.Client(base_url=pod.url) as client:
            while not stop.is_set():
                try:
                    answers.append(client.post("/predict", json=LEAST).raise_for_status().json())
                except httpx.HTTPError as error:
                    failed.append(repr(error))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    assert publish(registry, bundles[0]) == "1"
    took = until(lambda: version(pod) == "1")
    stop.set()
    for client in clients:
        client.join()
    assert failed == []
    for answer in answers:  # one version, one answer: none is of two
        assert expected.setdefault(answer["model_version"], answer["probability"]) == answer["probability"]
    assert set(expected) == {"image-unregistered", "1"}
    assert len(set(expected.values())) == 2
    with capsys.disabled():
        print(f"\nswapped {took:.1f} s after the alias moved, {len(answers)} requests, none failed")


def test_a_worse_version_is_refused_with_reasons(pod: Backend, registry: Mlflow, bundles: list[Path]) -> None:
    assert publish(registry, bundles[1]) == "2"
    (listed,) = httpx.get(f"{pod.url}/models").json()["models"]
    assert (listed["latest_version"], listed["aliases"]) == ("2", {"champion": "1"})
    answer = call(pod, "promote", {})  # the latest
    assert answer.status_code == 409
    assert "not champion: log loss" in answer.json()["detail"]
    tags = {v.version: v.tags for v in ServedRegistry(registry.url).versions("crime-category")}
    assert tags["2"]["gate.log_loss"].startswith("failed: log loss")
    assert tags["2"]["gate.latency"].startswith("passed")
    assert version(pod) == "1"


def test_force_is_recorded_and_rollback_is_one_call(pod: Backend, registry: Mlflow) -> None:
    answer = call(pod, "promote", {"version": 2, "force": "the shares of spring matter more", "by": "an analyst"})
    assert answer.status_code == 200
    assert version(pod) == "2"
    found = httpx.get(f"{pod.url}/models/crime-category").json()["versions"]
    forced = next(v for v in found if v["version"] == "2")
    assert forced["tags"]["forced_because"] == "the shares of spring matter more"
    assert forced["tags"]["promoted_by"] == "an analyst"
    assert forced["aliases"] == ["champion"]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{pod.url}/models/crime-category/rollback", headers=headers, timeout=60)  # without a body
    assert answer.json()["version"] == "1"
    assert version(pod) == "1"
    last, before = httpx.get(f"{pod.url}/audit").json()[:2]
    assert (last["what"], last["version"], last["by"]) == ("rollback", "1", "api")
    assert (before["what"], before["by"], before["why"]) == (
        "promote",
        "an analyst",
        "the shares of spring matter more",
    )
    assert before["at"] < last["at"]


def test_a_challenger_scores_along_and_answers_its_share(
    pod: Backend, registry: Mlflow, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    assert call(pod, "challenger", {"version": "2", "canary": 0.25, "by": "a test"}, None).status_code == 401
    assert call(pod, "challenger", {"version": "2", "canary": 1.5}).status_code == 422
    assert call(pod, "challenger", {"version": "2", "canary": 0.25, "by": "a test"}).status_code == 200
    asked = rows[:400]
    first, again = ([httpx.post(f"{pod.url}/predict", json=r).json()["model_version"] for r in asked] for _ in "ab")
    assert first == again  # the same reports always
    assert set(first) == {"1", "2"}
    assert first.count("2") / len(asked) == pytest.approx(0.25, abs=0.06)
    found: dict[str, Any] = {}

    def compared() -> bool:
        found.update(httpx.get(f"{pod.url}/models/crime-category/challenger").json())
        return bool(found["shadowed"] == 2 * first.count("1"))

    until(compared, 30)
    assert found["answered"] == 2 * first.count("2")
    assert 0.9 < found["agreement"] <= 1
    assert 0 < found["difference"] < 0.1
    assert found["log_loss"] is None
    later = tmp_path / "later.csv"
    with later.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(asked[0]))
        writer.writeheader()
        writer.writerows(asked)
    assert "(shadow)" in crime(registry, "drift", "--data", str(later)).stdout
    found = httpx.get(f"{pod.url}/models/crime-category/challenger").json()
    assert 0 < found["champion_log_loss"] < 1
    assert found["log_loss"] == pytest.approx(found["champion_log_loss"], rel=0.2)
    assert 'crime_shadow_predictions_total{agrees="true",version="2"}' in httpx.get(f"{pod.url}/metrics").text
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.delete(f"{pod.url}/models/crime-category/challenger", headers=headers).status_code == 204
    assert {httpx.post(f"{pod.url}/predict", json=row).json()["model_version"] for row in asked[:50]} == {"1"}
    assert httpx.get(f"{pod.url}/models/crime-category/challenger").status_code == 404


def test_a_broken_bundle_changes_nothing(pod: Backend, registry: Mlflow) -> None:
    client = ServedRegistry(registry.url)
    where = json.loads(
        httpx.get(
            f"{registry.url}/api/2.0/mlflow/model-versions/get-download-uri",
            params={"name": "crime-category", "version": "2"},
        ).text
    )["artifact_uri"].removeprefix("mlflow-artifacts:/")
    file = registry.place / "artifacts" / where / "data" / "bundle" / "report.txt"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    shutil.rmtree(client.cache_directory, ignore_errors=True)
    client.set_alias("crime-category", "champion", "2")
    until(lambda: "hash differs" in str(httpx.get(f"{pod.url}/ready").json()["trouble"]))
    ready = httpx.get(f"{pod.url}/ready")
    assert (ready.status_code, ready.json()["version"]) == (200, "1")
    assert 'crime_model_trouble{model="crime-category"} 1.0' in httpx.get(f"{pod.url}/metrics").text
    assert httpx.post(f"{pod.url}/predict", json=LEAST).json()["model_version"] == "1"
    file.write_bytes(whole)
    until(lambda: version(pod) == "2")
    assert "crime-category" not in httpx.get(f"{pod.url}/ready").json()["trouble"]


def test_a_registry_that_goes_and_comes_back(pod: Backend, registry: Mlflow) -> None:
    registry.stop()
    until(lambda: "can't be reached" in str(httpx.get(f"{pod.url}/ready").json()["trouble"]))
    answer = httpx.post(f"{pod.url}/predict", json=LEAST)
    assert (answer.status_code, answer.json()["model_version"]) == (200, "2")
    assert call(pod, "rollback", {}).status_code == 503
    again = Mlflow.start(registry.place, port=int(registry.url.rpartition(":")[2]))
    registry.process = again.process
    until(lambda: "crime-category" not in httpx.get(f"{pod.url}/ready").json()["trouble"])


def test_a_registry_whose_disk_is_full(pod: Backend, registry: Mlflow) -> None:
    """No file of its processes may grow: nothing is decided by half, and answers go on."""
    tree = [registry.process.pid]
    for process in tree:
        children = Path(f"/proc/{process}/task/{process}/children").read_text()
        tree += map(int, children.split())
    before = httpx.get(f"{pod.url}/audit").json()
    for process in tree:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    answer = call(pod, "promote", {"version": "1", "force": "a full disk"})
    assert answer.status_code == 503, answer.text
    answer = httpx.post(f"{pod.url}/predict", json=LEAST)
    assert (answer.status_code, answer.json()["model_version"]) == (200, "2")
    lost = 'crime_predictions_unrecorded_total{reason="store"}'
    until(lambda: lost in httpx.get(f"{pod.url}/metrics").text)
    for process in tree:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert httpx.get(f"{pod.url}/audit").json() == before
    assert call(pod, "challenger", {"version": "1", "by": "a test"}).status_code == 200
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.delete(f"{pod.url}/models/crime-category/challenger", headers=headers).status_code == 204
    assert version(pod) == "2"


@pytest.mark.parametrize("how", ["garbage", "slow", "error"])
def test_a_start_does_not_wait_for_a_registry_in_trouble(
    how: str, bundles: list[Path], start: Callable[..., Backend]
) -> None:
    class Trouble(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if how == "slow":
                time.sleep(8)
            self.send_response(500 if how == "error" else 200)
            self.end_headers()
            self.wfile.write(b"<html>not what you asked for")

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Trouble)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    began = time.monotonic()
    pod = start(model_dir=bundles[0], tracking_uri=f"http://127.0.0.1:{server.server_port}", refresh_seconds=1)
    assert httpx.get(f"{pod.url}/ready").json()["status"] == "ready"
    assert time.monotonic() - began < 8
    assert httpx.post(f"{pod.url}/predict", json=LEAST).status_code == 200
    until(lambda: "crime-category" in httpx.get(f"{pod.url}/ready").json()["trouble"])
    server.shutdown()
    server.server_close()


def test_the_registrys_clock_dates_what_is_written_there() -> None:
    behind = 400 * 86400

    class Registry(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() - behind)

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    where = ServedRegistry(f"http://127.0.0.1:{server.server_port}")
    assert where.time() == pytest.approx(time.time(), abs=1)
    assert where.models() == []
    assert where.time() == pytest.approx(time.time() - behind, abs=2)
    server.shutdown()
    server.server_close()


def test_a_bundle_that_answers_otherwise_than_it_did_is_refused(bundles: list[Path], tmp_path: Path) -> None:
    shutil.copytree(bundles[0], tmp_path / "bundle")
    spec = json.loads((tmp_path / "bundle" / "spec.json").read_text())
    spec["golden"][0] = spec["golden"][0][::-1]
    (tmp_path / "bundle" / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(BundleError, match="answers it was stored with"):
        CategoryBundle(tmp_path / "bundle").verify()


def test_the_command_promotes_and_rolls_back_too(registry: Mlflow) -> None:
    done = crime(registry, "promote", "crime-category", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert {gate["name"] for gate in json.loads(done.stdout.splitlines()[-1])["gates"]} == {
        "log_loss", "area", "calibration", "latency", "size",
    }  # fmt: skip
    assert "version 2 is champion again" in crime(registry, "rollback", "crime-category").stdout
    assert crime(registry, "rollback", "crime-none").returncode == 1
