"""The life of a model on a real cluster: training, promotion, loading, rollback, drift and retraining."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from cluster.cluster import CLIENT, SCRIPTS, Cluster, Images, part
from playwright.sync_api import Browser, expect

SECONDS = 15  # from a promotion to every pod
SIGNED = {"by": "a test", "reason": "to see what follows"}  # of every decision


def test_a_training_job_writes_to_the_registry_and_pods_take_it_up(release: Cluster) -> None:
    with release.load() as outcome:
        log = release.job("first", "train")
        took = release.until(lambda: release.serving() == {"1"}, SECONDS)
    assert "champion: the first one" in log
    print(f"\nfirst champion: every pod {took:.1f} s after the job, {release.summary(outcome)}")
    assert outcome["failures"] == []
    assert "1" in outcome["versions"]


def test_a_promotion_reaches_every_pod_and_rollback_too(release: Cluster) -> None:
    log = release.job("second", "train", "--seed", "1")
    version = "1" if "not champion" in log else "2"
    assert release.serving() == {version} or release.until(lambda: release.serving() == {version}, SECONDS)
    other = "2" if version == "1" else "1"
    with release.load() as outcome:
        release.ask("/models/crime-category/promote", {"version": other, **SIGNED, "force": True})
        took = release.until(lambda: release.serving() == {other}, SECONDS)
        time.sleep(1)
        release.ask("/models/crime-category/rollback", SIGNED)
        back = release.until(lambda: release.serving() == {version}, SECONDS)
    print(f"\npromoted: every pod after {took:.1f} s, back after {back:.1f} s, {release.summary(outcome)}")
    assert outcome["failures"] == []
    assert set(outcome["versions"]) == {"1", "2"}
    tags = {v["version"]: v["tags"] for v in release.ask("/models/crime-category")["versions"]}
    assert tags[other]["promoted_by"] == "a test"


def challengers(release: Cluster) -> set[str | None]:
    """The challengers that the backend pods have loaded; None stands for pods without one."""
    versions: set[str | None] = set()
    for pod in release.pods("backend"):
        try:
            answer = release.ask("/models/crime-category/challenger", pod=pod["metadata"]["name"])
            versions.add(answer["version"])
        except AssertionError as error:
            if "HTTP Error 404" not in str(error):
                raise
            versions.add(None)
    return versions


def test_a_challenger_answers_its_share_on_every_pod(release: Cluster) -> None:
    champion = release.champion()
    other = "2" if champion == "1" else "1"
    path = "/models/crime-category/challenger"
    release.ask(path, {"version": other, "canary": 0.25, **SIGNED})
    release.until(lambda: challengers(release) == {other}, SECONDS)
    with release.load() as outcome:
        time.sleep(8)
    found: dict[str, Any] = {}

    def compared() -> bool:
        found.update(release.ask(path))
        return bool(found["shadowed"] >= min(outcome["versions"][champion], 5000))

    release.until(compared, 30)
    print(f"\ncanary at 25 %: {release.summary(outcome)}; beside the champion: {found}")
    assert outcome["failures"] == []
    assert outcome["versions"][other] / outcome["answered"] == pytest.approx(0.25, abs=0.04)
    assert found["agreement"] == 1  # all requests send the same report
    release.ask(f"{path}?{urlencode(SIGNED)}", method="DELETE")
    release.until(lambda: challengers(release) == {None}, SECONDS)
    with release.load() as outcome:
        time.sleep(1)
    assert (set(outcome["versions"]), outcome["failures"]) == ({champion}, [])


def test_the_page_promotes_with_the_token_alone(release: Cluster, browser: Browser, page_url: str) -> None:
    champion = release.champion()
    page = browser.new_page()
    page.goto(f"{page_url}/models?show=versions")
    forms = page.get_by_test_id("stForm")  # told apart by their headings: their boxes are drawn in any order
    promote = forms.filter(has=page.get_by_role("heading", name="Promote"))
    back = forms.filter(has=page.get_by_role("heading", name="Roll back"))
    make_champion = promote.get_by_role("button", name="Make it champion", exact=True)
    expect(make_champion).to_be_enabled(timeout=60_000)
    promote.get_by_label("Who decides").fill("a test")
    promote.get_by_label("Reason").fill("to see it from the page")
    promote.get_by_text("Although a gate fails").click()
    promote.get_by_label("Token").fill("a guess")
    make_champion.click()
    expect(page.get_by_text("expected the bearer token")).to_be_visible(timeout=60_000)
    assert release.serving() == {champion}
    promote.get_by_label("Token").fill(release.token)
    with release.load() as outcome:
        make_champion.click()
        expect(page.get_by_text("is champion.")).to_be_visible(timeout=60_000)
        took = release.until(lambda: release.serving().isdisjoint({champion}) and len(release.serving()) == 1, SECONDS)
        again = back.get_by_role("button", name="Make it champion again")
        expect(again).to_be_enabled(timeout=60_000)
        back.get_by_label("Who decides").fill("a test")
        back.get_by_label("Reason").fill("as it was")
        back.get_by_label("Token").fill(release.token)
        again.click()
        expect(page.get_by_text("is champion again.")).to_be_visible(timeout=60_000)
        returned = release.until(lambda: release.serving() == {champion}, SECONDS)
    page.goto(f"{page_url}/models?show=running")
    expect(page.get_by_text(f"3 pods answer, with version {champion}.")).to_be_visible(timeout=60_000)
    page.close()
    print(f"\nfrom the page: each pod {took:.1f} s after it said so, back {returned:.1f} s, {release.summary(outcome)}")
    assert outcome["failures"] == []


@pytest.mark.parametrize(("how", "expected"), [("slow", "timed out"), ("garbage", "something that is not JSON")])
def test_a_registry_in_trouble_changes_no_answer(how: str, expected: str, release: Cluster) -> None:
    serving = {release.champion()}
    before = release.get("service", "mlflow-service")["spec"]["selector"]
    point = [{"op": "replace", "path": "/spec/selector", "value": {"trouble": "yes"}}]
    release.kubectl("patch", "service", "mlflow-service", "--type=json", "-p", json.dumps(point))
    release.script("trouble", SCRIPTS / "trouble.py", how, labels=part("mlflow") | {"trouble": "yes"})
    release.kubectl("wait", "pod/trouble", "--for=condition=Ready", "--timeout=60s")
    with release.load() as outcome:
        release.until(lambda: expected in release.ask("/ready")["trouble"].get("crime-category", ""), 60)
        victim = release.pods("backend")[0]["metadata"]["name"]
        release.kubectl("delete", "pod", victim, "--wait=false")
        release.until(lambda: victim not in {pod["metadata"]["name"] for pod in release.pods("backend")})
        healed = release.until(lambda: release.ready("backend") == 3)
        versions = release.serving()
    release.kubectl("delete", "pod", "trouble", "--grace-period=1")
    point[0]["value"] = before
    release.kubectl("patch", "service", "mlflow-service", "--type=json", "-p", json.dumps(point))
    back = release.until(lambda: release.serving() == serving, 60)
    print(
        f"\nregistry {how}: three ready {healed:.1f} s after a pod's end, serving {versions}; "
        f"all at {serving} {back:.1f} s after it was well again, {release.summary(outcome)}"
    )
    assert outcome["failures"] == []


def test_a_hostile_champion_changes_no_answer(release: Cluster) -> None:
    """A champion that would end every process that loads it, set by who may write to the registry."""
    good = release.champion()
    registry = ("exec", "deployment/mlflow-deployment", "--", "python", "-c")
    restarts = _restarts(release)
    with release.load() as outcome:
        script = (SCRIPTS / "hostile_champion.py").read_text()
        bad = release.kubectl(*registry, script, timeout=300).split()[-1]
        told = release.until(lambda: "report.txt" in str(release.ask("/ready")["trouble"]), 60)
        time.sleep(10)  # in which it is looked at again
        versions = release.serving()
        assert _restarts(release) == restarts
        victim = release.pods("backend")[0]["metadata"]["name"]
        release.kubectl("delete", "pod", victim, "--wait=false")
        release.until(lambda: victim not in {pod["metadata"]["name"] for pod in release.pods("backend")})
        healed = release.until(lambda: release.ready("backend") == 3)
        back_to = (
            "import mlflow;c=mlflow.MlflowClient('http://127.0.0.1:5000');"
            f"c.set_registered_model_alias('crime-category','champion','{good}');"
            f"c.delete_model_version('crime-category','{bad}')"
        )
        release.kubectl(*registry, back_to, timeout=120)
        back = release.until(lambda: release.serving() == {good} and not release.ask("/ready")["trouble"], 60)
    print(
        f"\nhostile champion {bad}: told after {told:.1f} s, answered by {versions}; three ready {healed:.1f} s after "
        f"a pod's end; all at {good} again after {back:.1f} s, {release.summary(outcome)}"
    )
    assert outcome["failures"] == []
    assert versions == {good}


def _restarts(release: Cluster) -> list[int]:
    return sorted(pod["status"]["containerStatuses"][0]["restartCount"] for pod in release.pods("backend"))


def test_without_its_registry_the_backend_goes_on_and_starts_anew(release: Cluster) -> None:
    serving = {release.champion()}
    release.kubectl("scale", "deployment/mlflow-deployment", "--replicas=0")
    with release.load() as outcome:
        release.until(lambda: release.gone("mlflow") and not release.pods("mlflow"))
        victim = release.pods("backend")[0]["metadata"]["name"]
        release.kubectl("delete", "pod", victim, "--wait=false")
        release.until(lambda: victim not in {pod["metadata"]["name"] for pod in release.pods("backend")})
        healed = release.until(lambda: release.ready("backend") == 3)
        versions = release.serving()
        release.until(lambda: "can't be reached" in str(release.ask("/ready")["trouble"]))
    print(
        f"\nregistry gone: three ready {healed:.1f} s after a pod's end, serving {versions}, {release.summary(outcome)}"
    )
    assert outcome["failures"] == []
    assert serving < versions  # the new pod answers with its image's model
    release.kubectl("scale", "deployment/mlflow-deployment", "--replicas=1")
    back = release.until(lambda: release.serving() == serving, 90)
    print(f"registry back: all pods at {serving} after {back:.1f} s")


def test_without_dns_the_backend_goes_on_and_starts_anew(release: Cluster) -> None:
    """Every backend pod is replaced by one that can't resolve names, and then back."""
    serving = {release.champion()}

    def rolled_out(**names: Any) -> None:
        pods = {"spec": {"template": {"spec": names}}}
        release.kubectl("patch", "deployment", "backend-deployment", "-p", json.dumps(pods))
        release.kubectl("rollout", "status", "deployment/backend-deployment", "--timeout=120s")
        release.until(lambda: release.gone("backend"))

    with release.load() as outcome:
        rolled_out(dnsPolicy="None", dnsConfig={"nameservers": ["192.0.2.1"]})
        versions = release.serving()
        release.until(lambda: "can't be reached" in str(release.ask("/ready")["trouble"]))
        rolled_out(dnsPolicy="ClusterFirst", dnsConfig=None)
        back = release.until(lambda: release.serving() == serving, 60)
    print(f"\nno DNS: new pods serve {versions}; all at {serving} {back:.1f} s after, {release.summary(outcome)}")
    assert outcome["failures"] == []
    assert versions.isdisjoint(serving)  # their images' own


@pytest.fixture
def wrong_clocks(release: Cluster, images: Images) -> Iterator[list[str]]:
    """Two more backend pods, one with its clock 400 days ahead, one 400 days behind."""
    install = "RUN apt-get update -q && apt-get install -qy --no-install-recommends faketime"
    image = images.vary("backend", "faketime", "USER 0", install, "USER 65532:65532")
    images.load(image)
    names = {"ahead": "+400d", "behind": "-400d"}
    for name, shift in names.items():
        pod = release.get("deployment", "backend-deployment")["spec"]["template"]
        pod |= {"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"] | {"name": name}}
        command = ["faketime", "--exclude-monotonic", "-f", shift, "python", "-m", "crime.serving"]
        pod["spec"]["containers"][0] |= {"image": image, "command": command}
        release.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    release.kubectl("wait", *(f"pod/{name}" for name in names), "--for=condition=Ready", "--timeout=60s")
    yield list(names)
    release.kubectl("delete", "pod", *names, "--ignore-not-found")


def test_wrong_clocks_change_no_answer_and_lose_no_record(release: Cluster, wrong_clocks: list[str]) -> None:
    champion = release.champion()
    other = "2" if champion == "1" else "1"
    recorded = release.ask("/drift")["reports"]
    with release.load() as outcome:
        force = {"version": other, "force": True, **SIGNED}
        release.ask("/models/crime-category/promote", force, pod="ahead")
        took = release.until(lambda: release.serving() == {other}, SECONDS)
        release.ask("/models/crime-category/rollback", SIGNED, pod="behind")
        back = release.until(lambda: release.serving() == {champion}, SECONDS)
        time.sleep(5)
        pods = [release.ask("/drift", pod=name) for name in wrong_clocks]
    release.kubectl("delete", "pod", *wrong_clocks)
    after = release.ask("/drift")
    print(
        f"\nclocks 400 days ahead and behind: all five at a promoted version after {took:.1f} s, back after "
        f"{back:.1f} s; {release.summary(outcome)}"
    )
    assert outcome["failures"] == []
    assert all(found["reports"] >= recorded for found in (*pods, after))
    now, day = datetime.now(UTC), timedelta(days=1)
    decided = release.ask("/audit")[:2]
    assert [act["what"] for act in decided] == ["rollback", "promote"]
    dates = [act["at"] for act in decided] + [found["since"] for found in (*pods, after)]
    assert all(abs(now - datetime.fromisoformat(date)) < day for date in dates), dates


def test_mlflow_stays_within_its_budget(release: Cluster) -> None:
    pod = release.pods("mlflow")[0]["metadata"]["name"]
    status = release.kubectl("exec", pod, "--", "cat", "/proc/1/status")
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    print(f"\nMLflow: {kib / 1024:.0f} MB")
    assert kib <= 350 * 1024


@pytest.fixture
def portal(release: Cluster) -> Iterator[Callable[[str], object]]:
    """A pod in place of the city's portal: the training job fetches from it, the test moves its last day."""
    city = ("11", "150000", "2020-07-09", "7")
    release.script(
        "portal", SCRIPTS / "portal.py", *city, image="crime-training:dev", labels=CLIENT | {"portal": "yes"}
    )
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "portal"},
        "spec": {"selector": {"portal": "yes"}, "ports": [{"port": 8000}]},
    }
    release.kubectl("apply", "-f", "-", stdin=json.dumps(service))
    release.kubectl("wait", "pod/portal", "--for=condition=Ready", "--timeout=60s")
    release.until(lambda: "ready" in release.kubectl("logs", "portal"), 120)

    def tell(what: str) -> object:
        code = "import sys,urllib.request as u; print(u.urlopen(u.Request(sys.argv[1], b'')).read().decode())"
        return json.loads(
            release.kubectl("exec", "portal", "--", "python", "-c", code, f"http://127.0.0.1:8000/{what}")
        )

    release.helm(
        "upgrade", "crime", "charts/crime-prediction", "--wait", "--reuse-values", "--timeout", "180s",
        "--set", "training.env.CRIME_PORTAL_URL=http://portal:8000",
        "--set", "training.env.CRIME_PORTAL_DATASET=twin-2020",
    )  # fmt: skip
    yield tell
    release.kubectl("delete", "pod/portal", "service/portal", "--grace-period=1")


def test_drift_appears_and_training_answers_it(release: Cluster, portal: Callable[[str], object]) -> None:
    portal("until?2020-07-08")
    before = release.job("before", timeout=600)
    champion = release.champion()
    if "crime-category version" in before and "not champion" in before:  # a model of real reports stands in the way
        made = before.split("crime-category version ")[1].split(":")[0]
        release.ask("/models/crime-category/promote", {"version": made, "force": True, **SIGNED})
        release.until(lambda: release.serving() == {made}, SECONDS)
        champion = made
    assert portal("feed?1000") == {"answers": 1000}  # as many as are looked at: nothing else is in the window
    time.sleep(5)  # they are recorded after 2 seconds
    release.until(lambda: not release.ask("/drift")["drifted"], 30)
    assert release.ask("/drift")["reports"] == 1000
    began = time.monotonic()
    portal("until?2021-01-01")
    assert portal("feed?1000") == {"answers": 1000}
    noticed = release.until(lambda: release.ask("/drift")["drifted"], 30)
    found = release.ask("/drift")
    assert "premise" in {each["feature"] for each in found["features"] if each["drifted"]}
    with release.load() as outcome:
        after = release.job("after", timeout=600, killed_after=20)  # and a new pod does it all
        new = after.split("crime-category version ")[1].split(":")[0]
        assert f"crime-category version {new}: champion: log loss" in after
        took = release.until(lambda: release.serving() == {new}, SECONDS)
    whole = time.monotonic() - began
    print(
        f"\ndrift seen {noticed:.1f} s after 1,000 drifted reports, none before; trained, judged and promoted version "
        f"{champion} to {new}; every pod {took:.1f} s after the job; {whole:.0f} s in all, {release.summary(outcome)}"
    )
    assert outcome["failures"] == []
