"""Faults under load: no request fails while a ready pod remains, and the release recovers by itself."""

import os
import random
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
from cluster.cluster import Cluster, Images
from playwright.sync_api import Browser, expect

CHART = "charts/crime-prediction"
SLOW = 60_000  # milliseconds


def test_an_image_that_never_is_ready_changes_nothing(release: Cluster, images: Images) -> None:
    images.load(images.vary("backend", "broken", 'CMD ["python", "-c", "import time; time.sleep(1e6)"]'))
    upgrade = ["upgrade", "crime", CHART, "--reuse-values", "--set"]
    release.helm(*upgrade, "backend.image.tag=dev,frontend.image.tag=dev", "--wait", "--timeout", "120s")
    upgrade.append("backend.image.tag=broken")
    before = {pod["metadata"]["name"] for pod in release.pods("backend")}
    with release.load() as outcome:
        with pytest.raises(AssertionError, match="release crime failed, and has been rolled back"):
            release.helm(*upgrade, "--atomic", "--timeout", "25s")
        assert before <= {pod["metadata"]["name"] for pod in release.pods("backend")}  # the old pods kept answering
        atomic = release.until(lambda: release.gone("backend") and release.ready("backend") == 3)
        release.helm(*upgrade)
        time.sleep(5)
        assert release.ready("backend") == 3
        release.helm("rollback", "crime", "--wait", "--timeout", "120s")
        release.until(lambda: before == {pod["metadata"]["name"] for pod in release.pods("backend")})
    print(f"\nnever ready: --atomic was back after {atomic:.1f} s, and so was rollback; {release.summary(outcome)}")
    assert outcome["failures"] == []


def test_a_paused_pod_is_left_out_and_comes_back(release: Cluster) -> None:
    """A stopped process, as on a node that hangs: only probes detect it."""
    pod = release.pods("backend")[0]
    name, address = pod["metadata"]["name"], pod["status"]["podIP"]
    process = _process_of(name)
    if process is None:
        pytest.skip("the node is another machine, or not ours to signal: a one-node cluster on this machine, as root")
    with release.load() as outcome:
        os.kill(process, signal.SIGSTOP)
        try:
            noticed = release.until(lambda: address not in _endpoints(release), 30)
            time.sleep(3)
        finally:
            os.kill(process, signal.SIGCONT)
        back = release.until(lambda: address in _endpoints(release), 30)
    print(f"\npaused: left out after {noticed:.1f} s, back {back:.1f} s after; {release.summary(outcome)}")
    assert outcome["failures"] == []  # its open requests waited


def _process_of(pod: str) -> int | None:
    """Process id of the pod's server on this machine; None if it is not found."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            is_in_pod = f"HOSTNAME={pod}".encode() in (place / "environ").read_bytes().split(b"\0")
            if is_in_pod and b"crime.serving" in (place / "cmdline").read_bytes():
                return int(place.name)
        except OSError:
            continue
    return None


def _endpoints(release: Cluster) -> set[str]:
    slices = release.get("endpointslices", "-l", "kubernetes.io/service-name=backend-service")["items"]
    return {
        address
        for piece in slices
        for endpoint in piece["endpoints"] or []
        if endpoint["conditions"].get("ready")
        for address in endpoint["addresses"]
    }


def test_all_backends_gone_show_on_the_page_which_recovers_by_itself(
    release: Cluster, browser: Browser, page_url: str
) -> None:
    page = browser.new_page()
    page.goto(f"{page_url}/predict?area=Hollywood+(6)&premise=Street+(101)&date=2023-01-15")
    expect(page.get_by_text("sure, from Date, Area, Premise")).to_be_visible(timeout=SLOW)
    release.kubectl("scale", "deployment/backend-deployment", "--replicas=0")
    release.until(lambda: release.gone("backend") and not release.pods("backend"))
    page.get_by_role("combobox", name="Premise").click()
    page.keyboard.type("Park")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The prediction service can't be reached.")).to_be_visible(timeout=SLOW)
    release.kubectl("scale", "deployment/backend-deployment", "--replicas=3")
    back = release.until(lambda: release.ready("backend") == 3)
    began = time.monotonic()
    expect(page.get_by_text("sure, from Date, Area, Premise")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("combobox", name="Area")).to_have_value("Hollywood")
    page.close()
    print(f"\nno backend: three ready {back:.1f} s after, the page well {time.monotonic() - began:.1f} s later")


def test_a_pod_out_of_memory_starts_anew(release: Cluster) -> None:
    name = release.pods("backend")[0]["metadata"]["name"]
    with release.load() as outcome:
        hog = "x = [b'x' * (64 << 20) for _ in range(20)]"
        done = subprocess.run(
            ["kubectl", "--kubeconfig", release.kubeconfig, "-n", "crime-test", "exec", name,
             "--", "python", "-c", hog], capture_output=True, timeout=60,
        )  # fmt: skip
        release.until(lambda: release.ready("backend") == 3)
    (status,) = release.get("pod", name)["status"]["containerStatuses"]
    print(
        f"\nout of memory: the hog ended with {done.returncode}, the server started anew "
        f"{status['restartCount']} times; {release.summary(outcome)}"
    )
    assert done.returncode != 0
    # a server that is killed takes what it was answering with it: at most one request of each client
    assert len(outcome["failures"]) <= 8 * status["restartCount"]


def test_every_pod_killed_in_turn_and_at_random(release: Cluster, request: pytest.FixtureRequest) -> None:
    minutes, least = request.config.getoption("--kill-minutes"), {"backend": 2, "frontend": 2, "mlflow": 1}
    killed = dict.fromkeys(least, 0)

    def kill(name: str, pod: str) -> None:
        release.kubectl("delete", "pod", pod, "--wait=false")
        killed[name] += 1

    def all_ready(name: str) -> bool:
        return release.ready(name) == (1 if name == "mlflow" else 3)

    with release.load() as outcome:
        for name in least:
            for pod in [pod["metadata"]["name"] for pod in release.pods(name)]:
                kill(name, pod)
                release.until(partial(all_ready, name), 120)
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:  # whenever another one is ready
            name = random.choice(list(least))
            if release.ready(name) >= least[name]:
                kill(name, random.choice(release.pods(name))["metadata"]["name"])
            time.sleep(random.uniform(0, 4))
        release.until(lambda: release.ready("backend") == 3 and release.ready("mlflow") == 1, 120)
    print(f"\nkilled {killed}: {release.summary(outcome)}")
    assert outcome["failures"] == []


def test_upgrades_in_a_row(release: Cluster, request: pytest.FixtureRequest) -> None:
    times = request.config.getoption("--upgrades")
    took = []
    with release.load() as outcome:
        for number in range(times):
            began = time.monotonic()
            release.helm(
                "upgrade", "crime", CHART, "--wait", "--reuse-values", "--timeout", "300s",
                "--set", f"backend.podAnnotations.row=n{number}", timeout=320,
            )  # fmt: skip
            took.append(time.monotonic() - began)
        release.until(lambda: release.gone("backend"))
    print(f"\n{times} upgrades, {min(took):.1f} to {max(took):.1f} s each: {release.summary(outcome)}")
    assert outcome["failures"] == []
