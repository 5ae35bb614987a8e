"""Sign-in by OpenID Connect, with a real provider: who may do what, and whom the record names."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import openid
import pytest
from certificates import Authority
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from harness import Backend, two_versions, wait_until
from openid import AUDIENCE, CLIENT, Provider
from reports import SMALLEST_REPORT

if openid.missing():
    pytest.skip(openid.missing(), allow_module_level=True)

DECISION = {"reason": "the figures are better", "version": "1"}
TABLE = "DATE OCC,TIME OCC,AREA\n2023-01-15,1430,1\n"
CALLS: dict[str, tuple[str, str, dict[str, Any], int]] = {  # of each role that needs it, and the status if it may
    "viewer": ("GET", "/models", {}, 200),
    "viewer, single reports": ("POST", "/predict", {"json": SMALLEST_REPORT}, 200),
    "analyst": ("POST", "/predict/batch", {"content": TABLE, "headers": {"Content-Type": "text/csv"}}, 200),
    "decider": ("POST", "/models/crime-category/promote", {"json": DECISION}, 200),
}
ROLES = ("none", "viewer", "analyst", "decider")


@pytest.fixture(scope="module")
def closed(provider: Provider, start: Callable[..., Backend], tmp_path_factory: pytest.TempPathFactory) -> Backend:
    """A backend with sign-in, and a machine's token."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("a-machine's-token\n")
    store = two_versions().copy(tmp_path_factory.mktemp("closed") / "mlruns")
    backend = start(provider.environment(token.parent), token_file=token, mlruns=store.mlruns)
    wait_until(lambda: backend.http.get("/ready").status_code == 200)
    return backend


def call(backend: Backend, name: str, headers: dict[str, str]) -> httpx.Response:
    method, path, sent, _ = CALLS[name]
    return backend.http.request(method, path, **(sent | {"headers": headers | sent.get("headers", {})}))


def bearer(token: str) -> dict[bytes, bytes]:
    return {b"Authorization": b"Bearer " + token.encode()}


def promote_another(backend: Backend, headers: dict[str, str], **sent: str) -> httpx.Response:
    """Promote the version that does not answer now."""
    other = "1" if backend.http.get("/ready").json()["version"] == "2" else "2"
    wanted = DECISION | sent | {"version": other, "force": True}
    return backend.http.post("/models/crime-category/promote", json=wanted, headers=headers)


def test_without_sign_in_all_calls_stay_open(api: httpx.Client) -> None:
    me = api.get("/me").json()
    assert (me["sign_in"], me["name"]) == (False, None)


@pytest.mark.parametrize("name", CALLS)
def test_nobody_gets_in_without_a_token(name: str, closed: Backend) -> None:
    answer = call(closed, name, {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_probes_are_open_to_all(closed: Backend) -> None:
    assert [closed.http.get(path).status_code for path in ("/health", "/ready", "/metrics")] == [200] * 3


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_those_below_it_may(role: str, name: str, closed: Backend, provider: Provider) -> None:
    person = f"{role}-of-us"
    provider.give(person, "of no meaning", f"{role}s")
    answer = call(closed, name, provider.sign_in(person))
    needed = name.partition(",")[0]
    if ROLES.index(role) >= ROLES.index(needed):
        assert answer.status_code == CALLS[name][3], answer.text
    else:
        assert answer.status_code == 403
        assert answer.json()["detail"] == f"this needs the role {needed}; yours is {role}"


def test_the_record_names_who_was_signed_in_whatever_they_typed(closed: Backend, provider: Provider) -> None:
    provider.give("dana", "deciders")
    answer = promote_another(closed, provider.sign_in("dana"), by="somebody else")
    assert answer.status_code == 200, answer.text
    newest = closed.http.get("/audit", headers=provider.sign_in("dana")).json()[0]
    assert newest["by"] == "dana@example.org (dana)"


def test_reviews_name_who_was_signed_in(closed: Backend, provider: Provider) -> None:
    provider.give("ana", "analysts")
    review = {"number": "200100001", "code": "510", "judgement": "right", "by": "somebody else"}
    answer = closed.http.post("/review/decisions", json=review, headers=provider.sign_in("ana"))
    assert answer.status_code == 201, answer.text
    assert answer.json()["by"] == "ana@example.org (ana)"


def test_programs_sign_in_by_client_credentials(closed: Backend, provider: Provider) -> None:
    provider.give("nightly-job", "analysts")
    job = provider.job()
    assert call(closed, "analyst", job).status_code == 200
    assert call(closed, "decider", job).status_code == 403
    assert closed.http.get("/me", headers=job).json()["name"] == "nightly-job"


def test_a_machines_token_decides_under_the_name_it_gives_marked_as_such(closed: Backend) -> None:
    machine = {"Authorization": "Bearer a-machine's-token"}
    assert promote_another(closed, machine, by="dana@example.org (dana)").status_code == 200
    newest = closed.http.get("/audit", headers=machine).json()[0]
    assert newest["by"] == "dana@example.org (dana) (machine token)"
    anonymous = promote_another(closed, machine)
    assert anonymous.status_code == 422
    assert anonymous.json()["detail"][0]["field"] == "by"


@pytest.mark.parametrize("token", ["another", "a-machine's-token2", "a.b", "é", "Basic eDp5"])
def test_another_machines_token_is_refused(token: str, closed: Backend) -> None:
    answer = closed.http.get("/models", headers=bearer(token))
    assert answer.status_code == 401


NOW = int(time.time())
FORGED: dict[str, dict[str, Any]] = {
    "expired": {"iat": NOW - 700, "exp": NOW - 100},
    "of tomorrow": {"iat": NOW + 86_400, "exp": NOW + 90_000},
    "not valid yet": {"nbf": NOW + 86_400},
    "never expires": {"exp": None},
    "without a time": {"iat": None},
    "of nobody": {"sub": None},
    "of a number": {"sub": 7},
    "of a blank": {"sub": ""},
    "for another application": {"aud": "another"},
    "for none": {"aud": None},
    "for a list of others": {"aud": ["another", "and another"]},
    "of another provider": {"iss": "https://elsewhere.example"},
    "of the provider with a slash": {"iss": "SLASH"},
    "a logout token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "asked by another application": {"aud": CLIENT, "azp": "another"},
    "with another sign-in's access token": {"aud": CLIENT, "at_hash": "x" * 22},
    "expires in text": {"exp": "tomorrow"},
    "expires never at all": {"exp": 1e400},
}


@pytest.mark.parametrize("claims", FORGED.values(), ids=FORGED)
def test_a_token_with_a_claim_that_does_not_fit_is_refused(
    claims: dict[str, Any], closed: Backend, provider: Provider
) -> None:
    if claims.get("iss") == "SLASH":
        claims = {"iss": provider.issuer + "/"}
    token = provider.forge(groups=["deciders"], **claims)
    headers = {"Authorization": f"Bearer {token}", "X-Forwarded-Access-Token": "x"}
    assert closed.http.get("/models", headers=headers).status_code == 401
    whole = {"Authorization": f"Bearer {provider.forge(groups=['deciders'])}"}
    assert closed.http.get("/models", headers=whole).status_code == 200


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned_tokens(provider: Provider) -> dict[str, str]:
    """Tokens that anybody can make."""
    claims = {
        "iss": provider.issuer,
        "aud": AUDIENCE,
        "sub": "x",
        "iat": NOW,
        "exp": NOW + 9_000,
        "groups": ["deciders"],
    }
    public = provider.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secret = base64.urlsafe_b64encode(public).decode()
    signed_input = f"{part({'alg': 'HS256', 'kid': 'first', 'typ': 'JWT'})}.{part(claims)}"
    hs256 = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signed = hs256.sign(signed_input.encode(), public)
    other, _ = openid.new_key("first")
    _, _, signature = provider.forge().split(".")
    header = {"alg": "RS256", "kid": "first"}
    return {
        "none": jwt.encode(claims, "", "none", headers={"kid": "first"}),
        "None": f"{part({'alg': 'None', 'kid': 'first'})}.{part(claims)}.",
        "without an algorithm": f"{part({'kid': 'first'})}.{part(claims)}.{signature}",
        "the public key as a secret": f"{signed_input}.{base64.urlsafe_b64encode(signed).decode()}",
        "that key in base64": jwt.encode(claims, secret, "HS256", headers={"kid": "first"}),
        "another key": jwt.encode(claims, other, "RS256", headers={"kid": "first"}),
        "a key of its own": jwt.encode(claims, other, "RS256", headers={"kid": "first", "jwk": {"kty": "RSA"}}),
        "a key elsewhere": jwt.encode(claims, other, "RS256", headers={"kid": "first", "jku": "http://127.0.0.1:1"}),
        "other claims": f"{part(header)}.{part(claims)}.{signature}",
        "no JSON": "e30.e30.e30",
        "blank": "..",
        "no base64": "é.é.é",
        "deep": f"{part(header)}.{base64.urlsafe_b64encode(b'[' * 4_000).decode()}.{signature}",
        "huge": f"{part(header)}.{'a' * 12_000}.{signature}",
        "critical": f"{part(header | {'crit': ['x'], 'x': 1})}.{part(claims)}.{signature}",
        "a list of keys": f"{part(header | {'kid': ['first']})}.{part(claims)}.{signature}",
    }


UNSIGNED = (
    *("none", "None", "without an algorithm", "the public key as a secret", "that key in base64", "another key"),
    *("a key of its own", "a key elsewhere", "other claims", "no JSON", "blank", "no base64", "deep", "huge"),
    *("critical", "a list of keys"),
)


@pytest.mark.parametrize("kind", UNSIGNED)
def test_a_token_that_the_provider_did_not_sign_is_refused(kind: str, closed: Backend, provider: Provider) -> None:
    tokens = unsigned_tokens(provider)
    assert set(tokens) == set(UNSIGNED)
    answer = closed.http.get("/models", headers=bearer(tokens[kind]))
    assert answer.status_code in (401, 503)  # 503: the keys may have changed, and are being fetched
    assert "Traceback" not in json.dumps(closed.log())


def test_a_persons_id_token_alone_is_not_enough(closed: Backend, provider: Provider) -> None:
    """So that a role that was taken away is noticed."""
    provider.give("ana", "analysts")
    headers = provider.sign_in("ana")
    del headers["X-Forwarded-Access-Token"]
    assert closed.http.get("/models", headers=headers).status_code == 401


def test_the_tokens_of_two_people_do_not_go_together(closed: Backend, provider: Provider) -> None:
    provider.give("dana", "deciders")
    ana, dana = provider.sign_in("ana"), provider.sign_in("dana")
    mixed = ana | {"X-Forwarded-Access-Token": dana["X-Forwarded-Access-Token"]}
    assert closed.http.get("/models", headers=mixed).status_code == 401


def test_a_role_that_was_taken_away_is_gone_within_a_minute(closed: Backend, provider: Provider) -> None:
    for person in ("leaver", "loser"):
        provider.give(person, "deciders")
    leaver, loser = provider.sign_in("leaver"), provider.sign_in("loser")
    assert call(closed, "decider", leaver).status_code == call(closed, "decider", loser).status_code == 200
    provider.lock("leaver")
    provider.give("loser", "viewers")
    began = time.monotonic()
    wait_until(lambda: call(closed, "decider", loser).status_code == 403, 60)
    wait_until(lambda: call(closed, "viewer", leaver).status_code == 401, 60 - (time.monotonic() - began))
    assert call(closed, "viewer", loser).status_code == 200


def test_who_is_signed_in_stays_while_the_provider_is_down(start: Callable[..., Backend], tmp_path: Path) -> None:
    provider = Provider()
    try:
        backend = start(provider.environment(tmp_path))
        wait_until(lambda: backend.http.get("/ready").status_code == 200)
        provider.give("ana", "analysts")
        ana, other = provider.sign_in("ana"), provider.sign_in("ana")
        assert call(backend, "analyst", ana).status_code == 200
        provider.stop()
        assert call(backend, "analyst", ana).status_code == 200
        assert call(backend, "analyst", other).status_code == 200  # this pod sees these tokens for the first time
        late = start(provider.environment(tmp_path))
        not_ready = late.http.get("/ready")
        assert not_ready.status_code == 503
        assert "sign-in provider" in not_ready.json()["why"]
        assert call(late, "analyst", ana).status_code == 503
        provider.start()
        wait_until(lambda: late.http.get("/ready").status_code == 200)
        provider.give("ana", "analysts")
        assert call(late, "analyst", provider.sign_in("ana")).status_code == 200
    finally:
        provider.stop()


def test_new_keys_of_the_provider_are_taken_up(start: Callable[..., Backend], tmp_path: Path) -> None:
    provider = Provider()
    try:
        backend = start(provider.environment(tmp_path))
        wait_until(lambda: backend.http.get("/ready").status_code == 200)
        time.sleep(5)  # keys are fetched again after that at the earliest
        old = {"Authorization": f"Bearer {provider.forge(sub='old')}"}
        provider.rotate()
        new = {"Authorization": f"Bearer {provider.forge(sub='new', groups=['viewers'])}"}
        assert backend.http.get("/models", headers=new).status_code == 200
        assert backend.http.get("/models", headers=old).status_code == 401
        provider.give("ana", "analysts")
        ana = provider.sign_in("ana")
        provider.rotate(keep=True)
        assert call(backend, "analyst", ana).status_code == 200
    finally:
        provider.stop()


def test_certificates_of_the_provider_and_of_its_authority_change_while_people_are_signed_in(
    start: Callable[..., Backend], tmp_path: Path
) -> None:
    first, second = Authority("first"), Authority("second")
    provider = Provider(authority=first)
    trusted = tmp_path / "ca.crt"
    trusted.write_bytes(first.pem)
    try:
        backend = start(provider.environment(tmp_path) | {"SSL_CERT_FILE": str(trusted)})
        wait_until(lambda: backend.http.get("/ready").status_code == 200)

        def sign_in(name: str) -> None:
            """Sign in anew, for which the backend asks the provider."""
            provider.give(name, "analysts")
            me = backend.http.get("/me", headers=provider.sign_in(name)).json()
            assert (me["name"], me["role"]) == (f"{name}@example.org", "analyst")

        sign_in("before")
        provider.renew_certificate(first)
        sign_in("renewed")
        trusted.write_bytes(first.pem + second.pem)
        sign_in("both")
        provider.renew_certificate(second)
        sign_in("new-authority")
        trusted.write_bytes(second.pem)
        sign_in("without-the-first")
        assert "can't be asked" not in json.dumps(backend.log())
        provider.renew_certificate(first)  # which is no longer trusted: an outage
        sign_in("as-the-token-says")
        assert "can't be asked" in json.dumps(backend.log())
    finally:
        provider.stop()


def test_no_token_is_in_the_log(closed: Backend, provider: Provider) -> None:
    provider.give("ana", "analysts")
    ana = provider.sign_in("ana")
    call(closed, "viewer", ana)
    call(closed, "decider", ana)
    call(closed, "viewer", ana | {"X-Forwarded-Access-Token": "another-access-token"})
    log = json.dumps(closed.log())
    for secret in (*ana.values(), "another-access-token", "a-machine's-token"):
        assert secret.removeprefix("Bearer ")[-40:] not in log
