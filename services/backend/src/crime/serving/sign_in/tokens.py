"""Check the tokens that requests carry: signed by the provider, for this application, still valid, and not revoked.

Signatures are checked here, with the provider's public keys, which are kept and renewed. The provider is asked about
somebody at most twice a minute, so that a role that was taken away is gone within a minute. While it can't be asked,
who holds a valid token keeps the roles that were known last.
"""

import asyncio
import base64
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jwt
import structlog
from anyio import CapacityLimiter, to_thread

from crime.core import limits
from crime.core.errors import CrimeError
from crime.core.settings import Settings
from crime.serving.metrics import PROVIDER_UP
from crime.serving.sign_in.identity import Identity
from crime.serving.sign_in.provider import (
    Key,
    ProviderError,
    ProviderKeys,
    RefusedByProviderError,
    fetch_keys,
    fetch_userinfo,
)
from crime.serving.sign_in.roles import given_role

KEYS_SECONDS = 300.0  # after which the provider's keys are fetched again
RENEWAL_SECONDS = 3.0  # for which a token of a key that is not known waits for them
RETRY_SECONDS = 5.0  # after a failure, and between fetches because of a key that is not known
LEEWAY_SECONDS = 30.0  # that clocks may differ
ASKED_SECONDS = 30.0  # after which the provider is asked again, while the answer before still holds
CHECKED_SECONDS = 55.0  # after which the answer before no longer holds
TOKEN_TEXT = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1
NAME_CHARACTERS, SUBJECT_CHARACTERS = 90, 90
log = structlog.get_logger()


class TokenError(CrimeError):
    """A token that is refused."""

    status = 401


@dataclass
class _Known:
    """A token that was checked. `digest`: its own, without the access token. `key_id`, `key`: what it was signed with.
    `asked_at`: when the provider was last asked, by `time.monotonic`; None for never.
    """

    digest: bytes
    key_id: str
    key: Key
    claims: dict[str, Any]
    identity: Identity
    asked_at: float | None = None
    task: asyncio.Task[None] | None = None
    refused: str = ""


class Tokens:
    """Tells whose token it is. `follow` has to run beside it: it renews the provider's keys."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.trouble = "the sign-in provider's keys were not fetched yet"  # empty while they can be renewed
        self._keys: ProviderKeys | None = None
        self._fetched_at = -RETRY_SECONDS
        self._wanted, self._renewed = asyncio.Event(), asyncio.Event()  # `_renewed`: by the next fetch of keys
        self._known: OrderedDict[bytes, _Known] = OrderedDict()  # by the tokens' hash, least recently seen first
        self._asked_about: set[bytes] = set()  # digests of tokens that the provider is asked about now
        self._limit = CapacityLimiter(4)  # threads that wait for the provider
        self._answers = True  # whether the provider answered when it was asked last
        self._asked_in_vain_at = 0.0

    @property
    def ready(self) -> bool:
        """Whether tokens can be checked: the keys were fetched once."""
        return self._keys is not None

    async def follow(self) -> None:
        """Fetch the provider's keys, and again every few minutes or when a token has an unknown one."""
        while True:
            self._wanted.clear()
            await self._renew_keys()
            self._fetched_at = time.monotonic()
            self._renewed.set()
            self._renewed = asyncio.Event()
            wait = RETRY_SECONDS if self.trouble else KEYS_SECONDS
            try:
                await asyncio.wait_for(self._wanted.wait(), wait)
                await asyncio.sleep(max(0.0, self._fetched_at + RETRY_SECONDS - time.monotonic()))
            except TimeoutError:
                pass

    async def _renew_keys(self) -> None:
        try:
            self._keys = await to_thread.run_sync(fetch_keys, self.settings.oidc_issuer, limiter=self._limit)
            self._forget_withdrawn(self._keys)
        except ProviderError as error:
            if self.trouble != str(error):
                log.warning("the sign-in provider's keys can't be fetched", why=str(error))
            self.trouble = str(error)
        else:
            self.trouble = ""
        PROVIDER_UP.set(not self.trouble)

    def _forget_withdrawn(self, keys: ProviderKeys) -> None:
        """Forget what was checked with keys that the provider no longer has: they may have been stolen."""
        for token, known in list(self._known.items()):
            if keys.keys.get(known.key_id) != known.key:
                del self._known[token]

    async def identify(self, token: str, access_token: str) -> Identity:
        """Whose token it is. `access_token`: of the same person, for the provider; blank for a program's token.

        Raises `TokenError`; `ProviderError` before the keys were fetched once, or while they may have changed.
        """
        if len(token) > limits.JWT_BYTES or len(access_token) > limits.JWT_BYTES:
            raise TokenError(f"a token is longer than {limits.JWT_BYTES:,} bytes")
        if access_token and not TOKEN_TEXT.fullmatch(access_token):
            raise TokenError("not an access token")  # on which the provider might fail, as in an outage
        key = hashlib.sha256(f"{token} {access_token}".encode()).digest()
        known = self._known.get(key)
        if known is None:
            try:
                key_id, signed_with, claims = self._verified_claims(token, access_token)
            except ProviderError:
                await self._renewal()
                key_id, signed_with, claims = self._verified_claims(token, access_token)
            digest, identity = hashlib.sha256(token.encode()).digest(), self._identity(claims, claims)
            known = self._known[key] = _Known(digest, key_id, signed_with, claims, identity)
            if len(self._known) > limits.SIGNED_IN:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        if known.identity.expires + LEEWAY_SECONDS < time.time():
            del self._known[key]
            raise TokenError("the session has expired: sign in again")
        if self._is_of_page(known.claims) and self.settings.oidc_userinfo and not known.refused:
            await self._ask_provider(known, access_token)
        if known.refused:
            raise TokenError(known.refused)
        return known.identity

    def _verified_claims(self, token: str, access_token: str) -> tuple[str, Key, dict[str, Any]]:
        """The id of the key that signed a token, the key, and the token's claims."""
        if self._keys is None:
            raise ProviderError(self.trouble)
        audiences = [one for one in (self.settings.oidc_client_id, self.settings.oidc_audience) if one]
        try:
            header = jwt.get_unverified_header(token)
            key_id = str(header.get("kid", ""))
            key = self._keys.keys.get(key_id)
            if key is None:
                self._want_keys()
                raise TokenError("the token's key is none of the provider's")
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=list(key.algorithms),
                audience=audiences,
                issuer=self.settings.oidc_issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenError("the session has expired: sign in again") from None
        except jwt.InvalidAudienceError:
            raise TokenError("the token is for another application") from None
        except jwt.ImmatureSignatureError:
            raise TokenError("the token is of a later time than this: a clock is wrong") from None
        # other errors than its own: RecursionError and others of a token's JSON
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError, OverflowError):
            raise TokenError("not a token of the sign-in provider") from None
        if "events" in claims or not isinstance(claims["sub"], str) or not claims["sub"]:  # a logout token
            raise TokenError("not a token that tells who somebody is")
        if self._is_of_page(claims):
            if claims.get("azp", self.settings.oidc_client_id) != self.settings.oidc_client_id:
                raise TokenError("the token is for another application")
            if "at_hash" in claims and claims["at_hash"] != _access_hash(access_token, header["alg"]):
                raise TokenError("the two tokens are not of the same sign-in")
        return key_id, key, claims

    def _want_keys(self) -> None:
        """Renew the keys soon: the provider may have new ones."""
        if time.monotonic() - self._fetched_at > RETRY_SECONDS:
            self._wanted.set()
            raise ProviderError("the sign-in provider's keys are being renewed: try again in a second")

    async def _renewal(self) -> None:
        """Wait for the fetch of keys that is due. Raises `ProviderError` where it would be in vain."""
        if self.trouble:
            raise ProviderError(self.trouble)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._renewed.wait(), RENEWAL_SECONDS)

    def _is_of_page(self, claims: Mapping[str, Any]) -> bool:
        """Whether claims are of an ID token, for a user of the page; else they are of a program's access token."""
        audience = claims["aud"]
        return self.settings.oidc_client_id in (audience if isinstance(audience, list) else [audience])

    def _identity(self, claims: Mapping[str, Any], current: Mapping[str, Any]) -> Identity:
        """`claims`: of the token. `current`: what the provider says now, of roles."""
        subject = _text(claims["sub"], SUBJECT_CHARACTERS)
        is_verified = str(claims.get("email_verified", True)).lower() == "true"
        told = ("email", "preferred_username", "client_id", "name")[0 if is_verified else 1 :]
        names = (claims.get(name) for name in told)
        name = next((name for name in names if isinstance(name, str) and name.strip()), subject)
        return Identity(_text(name, NAME_CHARACTERS), subject, given_role(current, self.settings), claims["exp"])

    async def _ask_provider(self, known: _Known, access_token: str) -> None:
        """Ask what the provider says now of somebody, unless it was asked just before."""
        if not access_token:
            raise TokenError("expected the access token besides, as X-Forwarded-Access-Token")
        now = time.monotonic()
        age = now - known.asked_at if known.asked_at is not None else float("inf")
        if age < ASKED_SECONDS or self._keys is None or self._keys.userinfo_url is None:
            return
        if known.task is None and (self._answers or now > self._asked_in_vain_at + RETRY_SECONDS):
            if known.digest in self._asked_about:  # with another access token: guesses would keep others waiting
                raise ProviderError("the sign-in provider is being asked about this token: try again in a second")
            self._asked_about.add(known.digest)
            known.task = asyncio.create_task(self._ask(known, self._keys.userinfo_url, access_token))
        if known.task is not None and self._answers and age > CHECKED_SECONDS:
            await asyncio.shield(known.task)

    async def _ask(self, known: _Known, url: str, access_token: str) -> None:
        try:
            told = await to_thread.run_sync(fetch_userinfo, url, access_token, limiter=self._limit)
            if told.get("sub") != known.claims["sub"]:
                known.refused = "the tokens are of two people"
            known.identity = self._identity(known.claims, told)
            known.asked_at, self._answers = time.monotonic(), True
        except RefusedByProviderError as error:
            known.refused, self._answers = str(error), True
        except ProviderError as error:
            log.warning("the sign-in provider can't be asked, so the roles known last hold", why=str(error))
            self._asked_in_vain_at, self._answers = time.monotonic(), False
        finally:
            self._asked_about.discard(known.digest)
            known.task = None


def _access_hash(access_token: str, algorithm: str) -> str:
    """`at_hash` of an ID token (OpenID Connect Core 1.0, 3.1.3.6)."""
    digest = jwt.get_algorithm_by_name(algorithm).compute_hash_digest(access_token.encode())
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


def _text(value: str, most: int) -> str:
    """A name as it is shown and recorded: one line, not endless."""
    return " ".join("".join(one if one.isprintable() else " " for one in value).split())[:most]
