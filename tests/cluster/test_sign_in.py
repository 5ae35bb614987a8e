"""Sign-in on the cluster: three pods of the page and of the backend, network policies on, and a real provider.

Page and provider are served over HTTPS, with certificates of two authorities.
"""

import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import openid
import pytest
from certificates import Authority, serial, write
from cluster.cluster import CLIENTS, Cluster, address_towards
from openid import AUDIENCE, CLIENT, SECRET, Provider
from playwright.sync_api import Browser, Page, expect

if openid.missing():
    pytest.skip(openid.missing(), allow_module_level=True)

CHART, PREFIX, PORT = "charts/crime-prediction", "closed-", 30002
SLOW = 60_000  # milliseconds
# lines of Python for a pod: the certificate that its page serves, and how many authorities it trusts
SERVED = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 8501)))"
TRUSTED = "print(open('/run/sign-in-ca/ca.crt').read().count('BEGIN'))"


class Closed(NamedTuple):
    """A second release, with sign-in. `url`: of its page. `authority`: of the page's and provider's certificates."""

    cluster: Cluster
    provider: Provider
    url: str
    authority: Authority

    def renew_page(self) -> int:
        """Put a new certificate of the page into its Secret, and tell which one it is."""
        node = self.url.removeprefix("https://").partition(":")[0]
        issued = self.authority.issue(node, f"{PREFIX}frontend-service")
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = write(Path(folder), issued)
            create = ("create", "secret", "tls", "closed-tls", f"--cert={certificate}", f"--key={key}")
            self.cluster.kubectl("apply", "-f", "-", stdin=self.cluster.kubectl(*create, "--dry-run=client", "-o=json"))
        return serial(issued[0])

    def trust(self, *authorities: Authority) -> None:
        """Let backend and page trust these as the provider's."""
        bundle = {"ca.crt": "".join(authority.pem.decode() for authority in authorities)}
        described = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "closed-ca"}, "data": bundle}
        self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(described))

    def printed(self, part: str, code: str) -> set[str]:
        """What a line of Python prints in the pods of a part."""
        return {self.cluster.kubectl("exec", pod, "--", "python", "-c", code).strip() for pod in pods_of(self, part)}

    def starts(self) -> dict[str, int]:
        """How often the container of each pod was started again."""
        labels = "app.kubernetes.io/instance=closed,app.kubernetes.io/name in (frontend, backend)"
        pods = self.cluster.get("pods", "-l", labels)["items"]
        return {pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods}


@pytest.fixture(scope="module")
def closed(release: Cluster, page_url: str) -> Iterator[Closed]:
    node = page_url.removeprefix("http://").partition(":")[0]
    url = f"https://{node}:{PORT}"
    authority = Authority("first")
    provider = Provider(page=url, host=address_towards(node), authority=authority)
    closed = Closed(release, provider, url, authority)
    closed.renew_page()
    closed.trust(authority)
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
            "caConfigMap": "closed-ca",
            "roles": {"viewer": "viewers", "analyst": "analysts", "decider": "deciders"},
        },
    }
    try:
        release.helm(
            *("install", "closed", CHART, "--wait", "--timeout", "150s", "--set-json", f"global={json.dumps(values)}"),
            *("--set", f"frontend.service.nodePort={PORT},frontend.tlsSecret=closed-tls,networkPolicy.enabled=true"),
            *("--set-json", f"networkPolicy.backendFrom={json.dumps(CLIENTS)}"),
        )
        yield closed
    finally:
        provider.stop()
        release.helm("uninstall", "closed", "--wait", "--ignore-not-found")
        release.kubectl("delete", "secret/closed-sign-in", "secret/closed-tls", "configmap/closed-ca")


def new_page(browser: Browser) -> Page:
    context = browser.new_context(viewport={"width": 1360, "height": 1400}, ignore_https_errors=True)
    context.route(re.compile("^https://[^/]*[a-z]"), lambda route: route.abort())  # the provider's form wants fonts
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


def pods_of(closed: Closed, part: str) -> list[str]:
    """Pods of the release that are not being deleted."""
    labels = f"app.kubernetes.io/name={part},app.kubernetes.io/instance=closed"
    pods = closed.cluster.get("pods", "-l", labels)["items"]
    return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def pod_of(closed: Closed, part: str) -> str:
    return pods_of(closed, part)[0]


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

    with cluster.load(4, PREFIX, provider.job(), closed.authority.pem.decode()) as outcome:
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


def test_certificates_of_page_and_provider_and_the_providers_authority_change_and_no_request_fails(
    closed: Closed, browser: Browser
) -> None:
    cluster, provider, first, second = closed.cluster, closed.provider, closed.authority, Authority("second")
    provider.give("nightly-job", "viewers")
    page = new_page(browser)
    sign_in(page, closed, "cleo", "analysts")
    assert all(cookie["secure"] for cookie in page.context.cookies(closed.url))

    def still_signed_in() -> None:
        page.reload()
        expect(page.get_by_text("cleo@example.org, analyst")).to_be_visible(timeout=SLOW)

    def served() -> set[int]:
        return {serial(text.encode()) for text in closed.printed("frontend", SERVED)}

    def trusted() -> set[str]:
        return {text for part in ("frontend", "backend") for text in closed.printed(part, TRUSTED)}

    starts = closed.starts()
    with cluster.load(4, PREFIX, provider.job(), first.pem.decode()) as outcome:
        renewed = closed.renew_page()
        provider.renew_certificate(first)
        closed.trust(first, second)
        sign_in(new_page(browser), closed, "dora", "viewers")
        took = [cluster.until(lambda: served() == {renewed}, 180), cluster.until(lambda: trusted() == {"2"}, 180)]
        still_signed_in()
        provider.renew_certificate(second)
        sign_in(new_page(browser), closed, "emil", "viewers")
        closed.trust(second)
        took.append(cluster.until(lambda: trusted() == {"1"}, 180))
        sign_in(new_page(browser), closed, "fred", "viewers")
        still_signed_in()
        seen = [closed.renew_page(), renewed]
        took.append(cluster.until(lambda: served() == {seen[0]}, 180))
        still_signed_in()
    print(f"\ncertificates: {cluster.summary(outcome)}, by page's certificate {outcome['certificates']}")
    print(f"taken up by all pods after {', '.join(f'{seconds:.0f} s' for seconds in took)}")
    assert outcome["failures"] == []
    assert {f"{one:X}" for one in seen} <= {name.lstrip("0") for name in outcome["certificates"]}
    assert closed.starts() == starts  # no pod was started anew
    backend_log = cluster.kubectl("logs", "-l", "app.kubernetes.io/name=backend,app.kubernetes.io/instance=closed")
    assert "the roles known last hold" not in backend_log
