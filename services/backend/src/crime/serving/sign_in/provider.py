"""The OpenID provider, over HTTP: where its parts are, its keys, and what it says of somebody now.

Its answers are bounded in size and time. Each call blocks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.request import Request

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from crime.core import limits
from crime.core.bounded_http import fetch
from crime.core.errors import CrimeError

RSA_BITS = 2048  # of a key at least
REFUSING_STATUSES = (400, 401, 403, 413, 414, 431)  # about the access token itself: wrong, or longer than it takes
# of a key's type and curve: asymmetric ones alone, so that whoever checks a token can't make one
ALGORITHMS = {
    ("RSA", None): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
}


class ProviderError(CrimeError):
    """The provider can't be reached, or its answer makes no sense."""

    status = 503


class RefusedByProviderError(CrimeError):
    """The provider rejects an access token: its owner has signed out, or the account was locked."""

    status = 401


@dataclass(frozen=True)
class Key:
    """A public key of the provider, with the algorithms that it may be used with."""

    key: Any
    algorithms: tuple[str, ...]


@dataclass(frozen=True)
class ProviderKeys:
    """The keys by their id, and where the provider tells what it knows of somebody; None if it does not."""

    keys: Mapping[str, Key]
    userinfo_url: str | None


def fetch_keys(issuer: str) -> ProviderKeys:
    """What the provider publishes. Raises `ProviderError`."""
    found = _fetch_json(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise ProviderError(f"expected the provider {issuer}, not {str(found.get('issuer'))[:200]}")
    documents = _fetch_json(_url(found, "jwks_uri")).get("keys")
    if not isinstance(documents, list):
        raise ProviderError("the provider's keys are no list")
    keys: dict[str, Key] = {}
    for document in documents[: limits.PROVIDER_KEYS]:
        key = _signing_key(document)
        if key:
            keys[str(document.get("kid", ""))] = key
    if not keys:
        raise ProviderError("the provider has no key that tokens may be signed with")
    return ProviderKeys(keys, _url(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None)


def fetch_userinfo(url: str, access_token: str) -> dict[str, Any]:
    """What the provider says of an access token's owner now. Raises `RefusedByProviderError`, `ProviderError`."""
    return _fetch_json(url, {"Authorization": f"Bearer {access_token}"})


def _signing_key(document: Any) -> Key | None:
    """A key of a JSON Web Key Set; None for one that is of no use here."""
    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    try:
        algorithms = ALGORITHMS.get((str(document.get("kty")), document.get("crv")), ())
        if "alg" in document:
            algorithms = tuple(name for name in algorithms if name == document["alg"])
        if not algorithms or "d" in document:
            return None
        key = jwt.PyJWK(document, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return None if isinstance(key, RSAPublicKey) and key.key_size < RSA_BITS else Key(key, algorithms)


def _url(found: Mapping[str, Any], name: str) -> str:
    url = found.get(name)
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        raise ProviderError(f"the provider's {name} is no address")
    return url


def _fetch_json(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    request = Request(url, headers={"Accept": "application/json", **(headers or {})})
    try:
        answer = fetch(request, limits.PROVIDER_ANSWER_BYTES, limits.PROVIDER_SECONDS)
    except OSError as error:
        why = error.reason if isinstance(error, URLError) else error
        raise ProviderError(f"the sign-in provider can't be asked: {str(why)[:200] or type(why).__name__}") from None
    if headers and answer.status in REFUSING_STATUSES:
        raise RefusedByProviderError("no longer signed in: the provider does not know the access token")
    if answer.status != 200:
        raise ProviderError(f"the sign-in provider answered {answer.status}")
    try:
        content = json.loads(answer.content)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ProviderError("the sign-in provider's answer is no JSON object")
    return content
