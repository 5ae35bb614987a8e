"""Sign-in against a small provider in this process; tests/service/test_sign_in.py has a real one."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.model_names import CATEGORY_MODEL
from crime.core.settings import Settings
from crime.serving.sign_in.provider import ProviderError, RefusedByProviderError, fetch_keys, fetch_userinfo
from crime.serving.sign_in.roles import Role, given_role, needed_role
from crime.serving.sign_in.tokens import TokenError, Tokens
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from memory_registry import MemoryRegistry
from openid import new_key
from reports import SMALLEST_REPORT
from starlette.testclient import TestClient

StartApp = Callable[..., TestClient]
DISCOVERY, KEYS, USERINFO = "/.well-known/openid-configuration", "/keys", "/userinfo"
CLIENT, AUDIENCE = "crime-page", "crime-api"


class SmallProvider:
    """Answers by path: a status, and an object or bytes."""

    def __init__(self, port: int):
        self.issuer = f"http://127.0.0.1:{port}"
        found = {"issuer": self.issuer, "jwks_uri": self.issuer + KEYS, "userinfo_endpoint": self.issuer + USERINFO}
        self.answers: dict[str, tuple[int, Any]] = {DISCOVERY: (200, found)}
        self.asked: list[str] = []  # paths
        self.withdraw_key()

    def withdraw_key(self, name: str = "first") -> None:
        """Sign with a new key, which has the same id as the one before unless a name is given."""
        self.private, self.key = new_key(name)
        public = {name: self.key[name] for name in ("kty", "n", "e", "kid", "use", "alg")}
        self.answers[KEYS] = (200, {"keys": [public]})

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        whole = {"iss": self.issuer, "aud": AUDIENCE, "sub": "job", "iat": now, "exp": now + 600} | claims
        return jwt.encode(whole, self.private, "RS256", headers={"kid": self.key["kid"]})


@pytest.fixture
def provider() -> Iterator[SmallProvider]:
    served: list[SmallProvider] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served[0].asked.append(self.path)
            status, content = served[0].answers.get(self.path, (404, {}))
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Location", served[0].issuer + KEYS)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.append(SmallProvider(server.server_port))
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        yield served[0]
        server.shutdown()
        thread.join()


@pytest.fixture
def closed(
    provider: SmallProvider, start_app: StartApp, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> TestClient:
    registry.register(CATEGORY_MODEL, small_bundle.directory, "champion")
    client = start_app(
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_audience=AUDIENCE,
        oidc_viewer="viewers",
        oidc_analyst="analysts",
        oidc_decider="deciders",
    )
    until = time.monotonic() + 20
    while client.get("/ready").status_code != 200 and time.monotonic() < until:
        time.sleep(0.01)
    return client


def bearer(token: str, access: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} | ({"X-Forwarded-Access-Token": access} if access else {})


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/models", Role.viewer),
        ("HEAD", "/nowhere", Role.viewer),
        ("POST", "/predict", Role.viewer),
        ("POST", "/explain", Role.viewer),
        ("POST", "/predict/batch", Role.analyst),
        ("POST", "/review/decisions", Role.analyst),
        ("POST", "/v2/models/crime-category/infer", Role.analyst),
        ("PUT", "/nowhere", Role.analyst),
        ("POST", "/models/crime-category/promote", Role.decider),
        ("DELETE", "/models/crime-category/challenger", Role.decider),
    ],
)
def test_what_changes_something_needs_a_higher_role(method: str, path: str, role: Role) -> None:
    assert needed_role(method, path) == role


@pytest.mark.parametrize(
    ("claim", "claims", "role"),
    [
        ("groups", {"groups": ["a", "deciders", "viewers"]}, Role.decider),
        ("groups", {"groups": "viewers analysts"}, Role.analyst),
        ("groups", {"groups": ["Deciders", "viewers2"]}, Role.none),
        ("groups", {"groups": [["deciders"], 7, None]}, Role.none),
        ("groups", {"groups": {"deciders": True}}, Role.none),
        ("groups", {}, Role.none),
        ("realm_access.roles", {"realm_access": {"roles": ["analysts"]}}, Role.analyst),
        ("realm_access.roles", {"realm_access": "analysts"}, Role.none),
        ("https://example.org/roles", {"https://example.org/roles": ["viewers"]}, Role.viewer),
    ],
)
def test_roles_come_from_a_claim(claim: str, claims: dict[str, Any], role: Role) -> None:
    values = {"oidc_viewer": "viewers", "oidc_analyst": "analysts", "oidc_decider": "deciders"}
    assert given_role(claims, Settings.model_validate(values | {"oidc_roles_claim": claim})) == role


def test_without_a_viewers_value_all_who_sign_in_are_viewers() -> None:
    assert given_role({}, Settings()) == Role.viewer
    assert given_role({"groups": [""]}, Settings()) == Role.viewer  # no value gives no role


def test_keys_that_nothing_may_be_signed_with_are_left_out(provider: SmallProvider) -> None:
    weak = jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)
    curve = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}
    others = [{**weak, "kid": "weak"}, secret, {**provider.key, "kid": "private"}, {"kty": ["RSA"]}, 7, {"kty": "RSA"}]
    others += [{**provider.answers[KEYS][1]["keys"][0], "kid": "for another use", "use": "enc"}]
    whole = [*provider.answers[KEYS][1]["keys"], {**curve, "kid": "curve"}]
    provider.answers[KEYS] = (200, {"keys": [*others, *whole]})
    found = fetch_keys(provider.issuer)
    assert {name: key.algorithms for name, key in found.keys.items()} == {"first": ("RS256",), "curve": ("ES256",)}
    assert found.userinfo_url == provider.issuer + USERINFO


@pytest.mark.parametrize(
    ("path", "answer", "why"),
    [
        (DISCOVERY, (200, {"issuer": "https://elsewhere.example"}), "expected the provider"),
        (DISCOVERY, (404, {}), "answered 404"),
        (DISCOVERY, (302, {}), "answered 302"),  # a redirect is not followed
        (DISCOVERY, (200, b"<html>"), "no JSON object"),
        (DISCOVERY, (200, b"[" * 100_000), "no JSON object"),
        (DISCOVERY, (200, b"[]"), "no JSON object"),
        (DISCOVERY, (200, b" " * 300_000), "can't be asked"),
        (KEYS, (200, {"keys": {}}), "no list"),
        (KEYS, (200, {"keys": []}), "no key"),
    ],
)
def test_a_provider_that_answers_nonsense_is_an_error(
    path: str, answer: tuple[int, Any], why: str, provider: SmallProvider
) -> None:
    provider.answers[path] = answer
    with pytest.raises(ProviderError, match=why):
        fetch_keys(provider.issuer)


def test_a_provider_that_can_not_be_reached_is_told_with_the_reason() -> None:
    with pytest.raises(ProviderError, match="can't be asked: \\[Errno"):
        fetch_keys("http://127.0.0.1:1")


def test_an_address_that_is_none_is_not_asked(provider: SmallProvider) -> None:
    provider.answers[DISCOVERY][1]["jwks_uri"] = "file:///etc/passwd"
    with pytest.raises(ProviderError, match="jwks_uri is no address"):
        fetch_keys(provider.issuer)


def test_a_refusal_of_the_provider_is_no_outage(provider: SmallProvider) -> None:
    provider.answers[USERINFO] = (401, {})
    with pytest.raises(RefusedByProviderError):
        fetch_userinfo(provider.issuer + USERINFO, "token")


def test_who_is_not_signed_in_gets_nothing_but_probes(closed: TestClient) -> None:
    assert closed.get("/health").status_code == 200
    for headers in ({}, bearer("x"), bearer("a.b.c"), {"Authorization": "Basic eDp5"}, bearer("a" * 9_000 + ".b.c")):
        answer = closed.get("/models", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_program_does_what_its_role_may(closed: TestClient, provider: SmallProvider) -> None:
    job = bearer(provider.token(groups=["viewers"], client_id="nightly-job"))
    me = closed.get("/me", headers=job).json()
    assert (me["name"], me["subject"], me["role"]) == ("nightly-job", "job", "viewer")
    assert closed.post("/predict", json=SMALLEST_REPORT, headers=job).status_code == 200
    refused = closed.post("/predict/batch", json=[SMALLEST_REPORT], headers=job)
    assert refused.status_code == 403
    assert refused.json()["detail"] == "this needs the role analyst; yours is viewer"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": int(time.time()) - 100}, "the session has expired: sign in again"),
        ({"aud": "another"}, "the token is for another application"),
        ({"iat": int(time.time()) + 3_000}, "a clock is wrong"),
        ({"iss": "https://elsewhere.example"}, "not a token of the sign-in provider"),
        ({"events": {}}, "not a token that tells who somebody is"),
        ({"aud": CLIENT, "azp": "another"}, "the token is for another application"),
        ({"aud": CLIENT, "at_hash": "x"}, "the two tokens are not of the same sign-in"),
        ({"aud": CLIENT}, "expected the access token besides"),
    ],
)
def test_each_refusal_tells_why(claims: dict[str, Any], why: str, closed: TestClient, provider: SmallProvider) -> None:
    answer = closed.get("/models", headers=bearer(provider.token(**claims)))
    assert answer.status_code == 401
    assert why in answer.json()["detail"]


def test_a_persons_roles_are_those_that_the_provider_tells_now(closed: TestClient, provider: SmallProvider) -> None:
    token = provider.token(aud=CLIENT, sub="ana", email="ana@example.org", groups=["deciders"])
    provider.answers[USERINFO] = (200, {"sub": "ana", "groups": ["viewers"]})
    assert closed.get("/me", headers=bearer(token, "one")).json()["role"] == "viewer"
    provider.answers[USERINFO] = (200, {"sub": "bea", "groups": ["viewers"]})
    assert closed.get("/me", headers=bearer(token, "two")).status_code == 401
    provider.answers[USERINFO] = (401, {})
    assert closed.get("/me", headers=bearer(token, "three")).status_code == 401
    provider.answers[USERINFO] = (500, {})  # an outage: what the token says holds
    assert closed.get("/me", headers=bearer(token, "four")).json()["role"] == "decider"
    assert closed.get("/me", headers=bearer(token, "one")).json()["role"] == "viewer"  # as it was told before


@pytest.mark.parametrize("status", [400, 413, 414, 431])
def test_an_access_token_that_the_provider_can_not_take_is_no_outage(
    status: int, closed: TestClient, provider: SmallProvider
) -> None:
    """Or somebody whose account was locked would send one that is too long, and keep the role of the ID token."""
    provider.answers[USERINFO] = (status, {})
    token = provider.token(aud=CLIENT, sub="leaver", groups=["deciders"])
    assert closed.get("/me", headers=bearer(token, "x" * 8_000)).status_code == 401


@pytest.mark.parametrize("text", ["a b", "a\u00e9", "a\x01", "=", "a=b"])
def test_an_access_token_on_which_the_provider_might_fail_is_not_sent(
    text: str, closed: TestClient, provider: SmallProvider
) -> None:
    provider.answers[USERINFO] = (500, {})
    headers = bearer(provider.token(aud=CLIENT, sub="leaver", groups=["deciders"]))
    sent = {name: value.encode() for name, value in headers.items()} | {
        "X-Forwarded-Access-Token": text.encode("latin-1")
    }
    assert closed.get("/me", headers=sent).status_code == 401  # type: ignore[arg-type]
    assert USERINFO not in provider.asked


def test_an_address_of_mail_that_was_not_verified_is_no_name(closed: TestClient, provider: SmallProvider) -> None:
    """Where people choose their own, one could take the chief's."""
    claims = {"groups": ["viewers"], "email": "chief@example.org", "preferred_username": "ana"}
    for verified, name in (
        (True, "chief@example.org"),
        ("true", "chief@example.org"),
        (False, "ana"),
        ("false", "ana"),
    ):
        token = provider.token(**claims, email_verified=verified)
        assert closed.get("/me", headers=bearer(token)).json()["name"] == name


def test_who_was_refused_costs_the_provider_one_call(closed: TestClient, provider: SmallProvider) -> None:
    provider.answers[USERINFO] = (401, {})
    headers = bearer(provider.token(aud=CLIENT, sub="leaver", groups=["deciders"]), "one")
    assert [closed.get("/me", headers=headers).status_code for _ in range(20)] == [401] * 20
    assert provider.asked.count(USERINFO) == 1


def test_guesses_of_an_access_token_are_asked_one_at_a_time(
    provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that they keep nobody else waiting for the provider."""
    asking, most = [0], [0]
    answered = threading.Event()

    def fetch_slowly(url: str, access_token: str) -> dict[str, Any]:
        asking[0] += 1
        most[0] = max(most[0], asking[0])
        answered.wait(20)
        asking[0] -= 1
        return {"sub": "ana", "groups": ["viewers"]}

    monkeypatch.setattr("crime.serving.sign_in.tokens.fetch_userinfo", fetch_slowly)
    tokens = Tokens(Settings(oidc_issuer=provider.issuer, oidc_client_id=CLIENT))
    token = provider.token(aud=CLIENT, sub="ana")

    async def guess() -> list[Any]:
        await tokens._renew_keys()
        first = asyncio.create_task(tokens.identify(token, "first"))
        await asyncio.sleep(0)
        guesses = await asyncio.gather(*(tokens.identify(token, f"x{n}") for n in range(50)), return_exceptions=True)
        answered.set()
        return [await first, await tokens.identify(token, "later"), *guesses]

    first, later, *guesses = asyncio.run(guess())
    assert first.subject == later.subject == "ana"
    assert {type(one) for one in guesses} == {ProviderError}
    assert most == [1]


def test_a_wrong_token_costs_the_provider_no_call(closed: TestClient, provider: SmallProvider) -> None:
    asked = len(provider.asked)
    other = jwt.encode({"sub": "x"}, new_key("first")[0], "RS256", headers={"kid": "first"})
    for token in (other, provider.token(aud="another"), provider.token(exp=1), "a.b.c", "x"):
        assert closed.get("/me", headers=bearer(token, "x")).status_code == 401
    assert len(provider.asked) == asked


def test_tokens_of_a_key_that_the_provider_withdrew_are_refused_though_they_were_let_in_before(
    provider: SmallProvider,
) -> None:
    tokens = Tokens(Settings(oidc_issuer=provider.issuer, oidc_audience=AUDIENCE))
    stolen = provider.token(groups=["viewers"])
    asyncio.run(tokens._renew_keys())
    assert asyncio.run(tokens.identify(stolen, "")).role == Role.viewer
    provider.withdraw_key()
    asyncio.run(tokens._renew_keys())
    with pytest.raises((TokenError, ProviderError)):
        asyncio.run(tokens.identify(stolen, ""))
    whole = provider.token(groups=["viewers"])
    assert asyncio.run(tokens.identify(whole, "")).role == Role.viewer
    provider.answers[KEYS] = (503, {})
    asyncio.run(tokens._renew_keys())  # an outage withdraws nothing
    assert asyncio.run(tokens.identify(whole, "")).role == Role.viewer


def test_the_first_token_of_a_new_key_is_let_in(
    closed: TestClient, provider: SmallProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the key, and is not sent away."""
    monkeypatch.setattr("crime.serving.sign_in.tokens.RETRY_SECONDS", 0.0)
    provider.withdraw_key("second")
    answers = [closed.get("/me", headers=bearer(provider.token(groups=["viewers"], n=n))) for n in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    provider.answers[KEYS] = (503, {})
    provider.key["kid"] = "third"
    assert closed.get("/me", headers=bearer(provider.token())).status_code == 503


def test_names_are_one_line(closed: TestClient, provider: SmallProvider) -> None:
    token = provider.token(groups=["viewers"], email="a\n\x1b[31m b\u2028" + "c" * 500, sub="s" * 500)
    me = closed.get("/me", headers=bearer(token)).json()
    assert me["name"].startswith("a [31m b ccc")
    assert len(me["name"]) == len(me["subject"]) == 90


def test_without_a_provider_a_pod_is_not_ready_and_tells_why(
    start_app: StartApp, registry: MemoryRegistry, small_bundle: CategoryBundle
) -> None:
    registry.register(CATEGORY_MODEL, small_bundle.directory, "champion")
    client = start_app(oidc_issuer="http://127.0.0.1:1", oidc_audience=AUDIENCE)
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert "sign-in provider" in ready.json()["why"]
    other, _ = new_key("first")
    now = int(time.time())
    token = jwt.encode({"sub": "x", "iat": now, "exp": now + 9}, other, "RS256", headers={"kid": "first"})
    assert client.get("/models", headers=bearer(token)).status_code == 503


def test_an_issuer_needs_whom_tokens_are_for() -> None:
    with pytest.raises(ValueError, match="CRIME_OIDC_CLIENT_ID"):
        Settings(oidc_issuer="https://login.example")
