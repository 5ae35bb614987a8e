"""The release as users install, inspect and upgrade it, and its recovery from deleted pods."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from cluster.cluster import SCRIPTS, Cluster, Images
from crime.core.bundle_files import write_spec
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.sample import sample_table
from crime.training.classifier.train import train_category_model
from playwright.sync_api import Browser, Page, expect

VALUES = ("--reuse-values",)

SLOW = 60_000  # milliseconds


@pytest.fixture
def page(browser: Browser, page_url: str) -> Iterator[Page]:
    """A browser on the page, with a report half filled in."""
    page = browser.new_page()
    page.goto(f"{page_url}/predict?area=Hollywood+(6)&premise=Street+(101)&date=2023-01-15")
    shows_the_report(page)
    yield page
    page.close()


def shows_the_report(page: Page) -> None:
    expect(page.get_by_text("sure, from Date, Area, Premise")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("combobox", name="Area")).to_have_value("Hollywood", timeout=SLOW)
    expect(page.get_by_role("combobox", name="Premise")).to_have_value("Street (101)", timeout=SLOW)
    assert "Traceback" not in page.inner_text("body")


def test_it_stands_as_documented(release: Cluster) -> None:
    pods = release.kubectl("get", "pods", "-o", "wide")
    assert pods.count("backend-deployment-") == pods.count("frontend-deployment-") == 3
    deployments = release.kubectl("get", "deployments")
    assert deployments.count("3/3") == 2
    services = release.kubectl("get", "svc")
    assert "8501:30001/TCP" in services
    assert "ClusterIP" in next(line for line in services.splitlines() if line.startswith("backend-service"))
    described = release.kubectl("describe", "pod", release.pods("backend")[0]["metadata"]["name"])
    assert "Ready             True" in described or "Ready  True" in " ".join(described.split())
    assert '"event":"model loaded"' in release.kubectl("logs", "deployment/backend-deployment")


def test_port_forward_shows_the_docs(release: Cluster) -> None:
    command = ["kubectl", "--kubeconfig", release.kubeconfig, "-n", "crime-test", "port-forward"]
    with subprocess.Popen([*command, "service/backend-service", "15000:5000"], stdout=subprocess.PIPE) as forward:
        try:
            assert forward.stdout
            forward.stdout.readline()
            with urllib.request.urlopen("http://127.0.0.1:15000/docs", timeout=20) as response:
                assert b"swagger" in response.read().lower()
        finally:
            forward.kill()


def test_helm_test_predicts_through_both_services(release: Cluster) -> None:
    output = release.helm("test", "crime", "--logs")
    assert output.count("Phase:          Succeeded") == 2
    assert "crime-category version" in output
    assert "sure, from Date, Time, Area, Premise" in output
    assert "reports expected in Hollywood" in output


def test_a_prediction_in_the_browser(page: Page) -> None:
    shows_the_report(page)


def test_twenty_uploads_through_three_pods_are_taken(release: Cluster) -> None:
    names = [f"upload-{index}" for index in range(5)]  # five addresses, so several frontend pods
    for name in names:
        release.script(name, SCRIPTS / "upload.py", "4", image="crime-frontend:dev")

    def has_ended(name: str) -> bool:
        return release.get("pod", name)["status"]["phase"] in ("Succeeded", "Failed")

    uploads, refused = 0, []
    for name in names:
        release.until(partial(has_ended, name), 120)
        outcome = json.loads(release.kubectl("logs", name).splitlines()[-1])
        uploads += outcome["uploads"]
        refused += outcome["refused"]
    release.kubectl("delete", "pod", *names, "--grace-period=1")
    assert (uploads, refused) == (20, [])


@pytest.mark.parametrize("name", ["backend", "frontend"])
def test_a_killed_pod_comes_back_and_no_request_fails(name: str, release: Cluster, page: Page) -> None:
    with release.load() as outcome:
        victim = release.pods(name)[0]["metadata"]["name"]
        release.kubectl("delete", "pod", victim, "--wait=false")
        release.until(lambda: victim not in {pod["metadata"]["name"] for pod in release.pods(name)})
        healed = release.until(lambda: release.ready(name) == 3)
        shows_the_report(page)
        release.until(lambda: release.gone(name))
    print(f"\n{name} pod deleted: three ready after {healed:.1f} s, {release.summary(outcome)}")
    assert outcome["failures"] == []
    assert outcome["answered"] > 100


def new_image(release: Cluster, images: Images) -> Callable[[], None]:
    images.load(
        images.vary("backend", "next", "ENV CRIME_TEST=next"), images.vary("frontend", "next", "ENV CRIME_TEST=next")
    )

    def upgrade() -> None:
        release.helm(
            "upgrade", "crime", "charts/crime-prediction", "--wait", "--timeout", "300s",
            *VALUES, "--set", "backend.image.tag=next,frontend.image.tag=next", timeout=320,
        )  # fmt: skip

    return upgrade


def new_model(release: Cluster, images: Images, place: Path) -> Callable[[], None]:
    with sample_table() as path:
        tally = Tally()
        bundle, _ = train_category_model(load_reports(path, tally), tally, place / "model", seed=7)
    write_spec(place / "model", bundle.spec.model_copy(update={"version": "next"}))
    image = images.vary("backend", "model", "USER 0", "COPY model /app/model", "USER 65532:65532", context=place)
    images.load(image)

    def upgrade() -> None:
        release.helm(
            "upgrade", "crime", "charts/crime-prediction", "--wait", "--timeout", "300s",
            *VALUES, "--set", "backend.image.tag=model,frontend.image.tag=next", timeout=320,
        )  # fmt: skip

    return upgrade


def set_image(release: Cluster, images: Images) -> Callable[[], None]:
    def upgrade() -> None:
        release.kubectl("set", "image", "deployment/backend-deployment", "backend=crime-backend:dev")
        release.kubectl("set", "image", "deployment/frontend-deployment", "frontend=crime-frontend:dev")
        for name in ("backend", "frontend"):
            release.kubectl("rollout", "status", f"deployment/{name}-deployment", "--timeout=240s", timeout=260)

    return upgrade


@pytest.mark.parametrize("how", ["new image", "new model", "kubectl set image"])
def test_an_upgrade_under_load_loses_no_request_and_no_state(
    how: str, release: Cluster, images: Images, page: Page, tmp_path: Path
) -> None:
    upgrade = {
        "new image": lambda: new_image(release, images),
        "new model": lambda: new_model(release, images, tmp_path),
        "kubectl set image": lambda: set_image(release, images),
    }[how]()
    before = {pod["metadata"]["name"] for pod in release.pods("backend")}
    with release.load() as outcome:
        start = time.monotonic()
        upgrade()
        took = time.monotonic() - start
        release.until(lambda: release.gone("backend") and release.gone("frontend"))
        shows_the_report(page)
    print(f"\n{how}: {took:.1f} s, {release.summary(outcome)}")
    assert outcome["failures"] == []
    assert outcome["answered"] > 200
    assert not before & {pod["metadata"]["name"] for pod in release.pods("backend")}
    assert len(outcome["versions"]) == (1 if how == "new image" else 2)
    assert ("image-next" in outcome["versions"]) == (how != "new image")


def test_pods_stay_small(release: Cluster) -> None:
    for pod in release.pods("backend"):
        status = release.kubectl("exec", pod["metadata"]["name"], "--", "cat", "/proc/1/status")
        kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        assert kib < 200 * 1024
