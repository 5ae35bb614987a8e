"""Sign-in on the cluster: three pods of the page and of the backend, network policies on, and a real provider."""

import json
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

import openid
import pytest
from cluster.cluster import CLIENTS, Cluster
from openid import AUDIENCE, CLIENT, SECRET, Provider
from playwright.sync_api import Browser, Page, expect

if openid.missing():
    pytest.skip(openid.missing(), allow_module_level=True)

CHART, PREFIX, PORT = "charts/crime-prediction", "closed-", 30002
SLOW = 60_000  # milliseconds


class Closed(NamedTuple):
    """A second release, with sign-in. `url` is its page's."""

    cluster: Cluster
    provider: Provider
    url: str


def address_towards(host: str) -> str:
    """This machine's address as that host sees it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, 9))
        address: str = probe.getsockname()[0]
    return address


@pytest.fixture(scope="module")
def closed(release: Cluster, page_url: str) -> Iterator[Closed]:
    node = page_url.removeprefix("http://").partition(":")[0]
    url = f"http://{node}:{PORT}"
    provider = Provider(page=url, host=address_towards(node))
    secrets = {"clientSecret": SECRET, "cookieSecret": "a-secret-of-32-characters-or-more"}
    literals = [f"--from-literal={name}={value}" for name, value in secrets.items()]
    release.kubectl("create", "secret", "generic", "closed-sign-in", *literals)
    values = {
        "fullnameOverride": PREFIX.rstrip("-"),
        "signIn": {
            "issuer": provider.issuer,
            "clientId": CLIENT,
            "secret": "closed-sign-in",
            "pageUrl": url,
            "audience": AUDIENCE,
            "roles": {"viewer": "viewers", "analyst": "analysts", "decider": "deciders"},
        },
    }
    release.helm(
        *("install", "closed", CHART, "--wait", "--timeout", "180s", "--set-json", f"global={json.dumps(values)}"),
        *("--set", f"frontend.service.nodePort={PORT},networkPolicy.enabled=true"),
        *("--set-json", f"networkPolicy.backendFrom={json.dumps(CLIENTS)}"),
    )
    yield Closed(release, provider, url)
    provider.stop()
    release.helm("uninstall", "closed", "--wait")
    release.kubectl("delete", "secret", "closed-sign-in")


def new_page(browser: Browser) -> Page:
    context = browser.new_context(viewport={"width": 1360, "height": 1400})
    context.route("https://**", lambda route: route.abort())  # what the provider's form wants from elsewhere
    page = context.new_page()
    page.set_default_timeout(SLOW)
    return page


def sign_in(page: Page, closed: Closed, name: str, *groups: str) -> None:
    closed.provider.give(name, *groups)
    page.goto(closed.url)
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.locator("button[type=submit]").click()
    expect(page.get_by_text(f"{name}@example.org")).to_be_visible(timeout=SLOW)


def pod_of(closed: Closed, part: str) -> str:
    """A pod of the release that is not being deleted."""
    labels = f"app.kubernetes.io/name={part},app.kubernetes.io/instance=closed"
    pods = closed.cluster.get("pods", "-l", labels)["items"]
    name: str = next(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])
    return name


def test_helms_tests_find_both_doors_closed(closed: Closed) -> None:
    log = closed.cluster.helm("test", "closed", "--logs", "--timeout", "120s")
    assert "the API asks for a token" in log
    assert "the page asks who opens it" in log


def test_mlflow_is_closed_to_all_but_the_backend_and_training(closed: Closed) -> None:
    addresses = {"mlflow": (f"{PREFIX}mlflow-service", "5000")}
    pods = {name: pod_of(closed, name) for name in ("backend", "frontend")}
    assert closed.cluster.reached(pods["backend"], addresses) == {"mlflow", "names"}
    assert closed.cluster.reached(pods["frontend"], addresses) == {"names"}


def test_sessions_outlive_pods_upgrades_and_outages_of_the_provider_and_no_request_fails(
    closed: Closed, browser: Browser
) -> None:
    cluster, provider = closed.cluster, closed.provider
    provider.give("nightly-job", "viewers")
    page = new_page(browser)
    sign_in(page, closed, "ana", "analysts")

    def still_signed_in() -> None:
        page.reload()
        expect(page.get_by_text("ana@example.org, analyst")).to_be_visible(timeout=SLOW)

    with cluster.load(4, PREFIX, provider.job()) as outcome:
        for name in ("frontend", "backend"):
            cluster.kubectl("delete", "pod", pod_of(closed, name), "--wait=false")
            still_signed_in()
        for name in ("frontend", "backend"):
            cluster.kubectl("rollout", "status", f"deployment/{PREFIX}{name}-deployment", "--timeout=120s")
        cluster.helm(
            *("upgrade", "closed", CHART, "--reuse-values", "--wait", "--timeout", "180s"),
            *("--set-string", f"frontend.podAnnotations.at={time.time()},backend.podAnnotations.at={time.time()}"),
        )
        still_signed_in()
        provider.rotate(keep=True)
        sign_in(new_page(browser), closed, "bea", "viewers")  # with a token of the new key
        still_signed_in()
        provider.stop()
        still_signed_in()
        other = new_page(browser)
        other.goto(closed.url)
        expect(other.get_by_text("Nobody can sign in now")).to_be_visible(timeout=SLOW)
        time.sleep(10)
        still_signed_in()
        provider.start()
    print(f"\nsign-in: {cluster.summary(outcome)}")
    assert outcome["failures"] == []
