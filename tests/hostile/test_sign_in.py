"""Wrong tokens, a thousand a second, and a provider that answers nothing: who is signed in notices neither."""

import http.client
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import openid
import pytest
from hostile.pod import Pod
from openid import Provider

if openid.missing():
    pytest.skip(openid.missing(), allow_module_level=True)

WRONG_A_SECOND, SECONDS, CLIENTS = 1_000, 12, 8


@pytest.fixture(scope="module")
def closed(provider: Provider, start_pod: Callable[..., Pod], tmp_path_factory: pytest.TempPathFactory) -> Pod:
    settings = provider.environment(tmp_path_factory.mktemp("secrets"))
    provider.give("nightly-job", "viewers")
    names = {name.removeprefix("CRIME_").lower(): value for name, value in settings.items()}
    return start_pod(provider.job(), **names)


def wrong_tokens(provider: Provider) -> list[str]:
    """Expired, for another application, with another signature, of a key that is not known, and no tokens at all."""
    whole = provider.forge()
    head, claims, signature = whole.split(".")
    known, provider.key["kid"] = provider.key["kid"], "unknown"
    unknown = provider.forge()
    provider.key["kid"] = known
    expired, foreign = provider.forge(exp=int(time.time()) - 900), provider.forge(aud="another")
    return [expired, foreign, unknown, f"{head}.{claims}.{signature[::-1]}", "a.b.c", "x" * 8_000, "x"]


def test_a_thousand_wrong_tokens_a_second_lock_nobody_out(closed: Pod, provider: Provider) -> None:
    tokens = wrong_tokens(provider)
    statuses: dict[int, int] = {}
    lock = threading.Lock()

    def ask(number: int) -> None:
        start = time.monotonic()
        with closing(http.client.HTTPConnection(*closed.address, timeout=30)) as client:
            for turn in range(WRONG_A_SECOND * SECONDS // CLIENTS):
                headers = {"Authorization": f"Bearer {tokens[(turn + number) % len(tokens)]}"}
                client.request("GET", "/models", headers=headers)
                answer = client.getresponse()
                answer.read()
                with lock:
                    statuses[answer.status] = statuses.get(answer.status, 0) + 1
                time.sleep(max(0.0, start + turn * CLIENTS / WRONG_A_SECOND - time.monotonic()))

    start = time.monotonic()
    with closed.attacked("a thousand wrong tokens a second"), ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(ask, range(CLIENTS)))
    took = time.monotonic() - start
    print(f"{sum(statuses.values())} wrong tokens in {took:.1f} s: {statuses}")
    assert set(statuses) <= {401, 503}  # 503: the provider may have a new key, and is being asked
    assert statuses[401] > 0.95 * WRONG_A_SECOND * SECONDS
    closed.check_speed()


def test_a_provider_that_never_answers_holds_nobody_up(start_pod: Callable[..., Pod], tmp_path: Path) -> None:
    provider = Provider()
    try:
        provider.give("nightly-job", "viewers")
        names = {name.removeprefix("CRIME_").lower(): value for name, value in provider.environment(tmp_path).items()}
        pod = start_pod(provider.job(), **names)
        tokens = provider.sign_in("ana")
        provider.stop()
        with socket.create_server(("127.0.0.1", provider.port)), pod.attacked("a provider that never answers"):
            for _ in range(10):  # each asks the provider, or waits for one that does
                pod.backend.http.get("/models", headers=tokens, timeout=30)
        pod.check_speed()
    finally:
        provider.stop()
