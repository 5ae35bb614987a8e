"""A real OpenID provider for tests (`tests/provider`), whose signing key the tests have: they can forge any token."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from certificates import Authority
from cryptography.hazmat.primitives.asymmetric import rsa
from harness import free_port

HERE = Path(__file__).parent / "provider"
CLIENT, SECRET, AUDIENCE = "crime-page", "page-secret", "crime-api"
COOKIE_SECRET = "a-secret-of-32-characters-or-more"


def missing() -> str:
    """Why the provider can't run here; blank if it can."""
    if not shutil.which("node"):
        return "no Node.js here: scripts/tools installs it"
    return "" if (HERE / "node_modules").is_dir() else "no OpenID provider here: scripts/tools installs it"


def new_key(name: str) -> tuple[rsa.RSAPrivateKey, dict[str, Any]]:
    """A private key, and it as a JSON Web Key."""
    private = rsa.generate_private_key(65537, 2048)
    key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(private, as_dict=True)
    del key["key_ops"]  # published with the public key, it would forbid to verify
    return private, key | {"kid": name, "use": "sig", "alg": "RS256"}


def _certificate(authority: Authority, host: str) -> dict[str, str]:
    certificate, key = authority.issue(host)
    return {"cert": certificate.decode(), "key": key.decode()}


class Provider:
    """A provider as a process. `seconds`: how long its tokens are valid. With an `authority` it is reached by HTTPS."""

    def __init__(
        self,
        seconds: int = 600,
        page: str = "http://127.0.0.1:1",
        host: str = "127.0.0.1",
        authority: Authority | None = None,
    ):
        self.port, self.seconds, self.page, self.host = free_port(), seconds, page, host
        self.issuer = f"{'https' if authority else 'http'}://{host}:{self.port}"
        self.certificate = _certificate(authority, host) if authority else {}
        self.redirect = page + "/oauth2callback"
        self.private, self.key = new_key("first")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, or start it again with the same keys."""
        settings = {
            "issuer": self.issuer,
            "port": self.port,
            "jwks": {"keys": [self.key]},
            "seconds": self.seconds,
            "redirect": self.redirect,
            **self.certificate,
        }
        self.process = subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=HERE,
            env=os.environ | {"PROVIDER": json.dumps(settings)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                self._ask("GET", "/.well-known/openid-configuration").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise TimeoutError("the provider did not start")

    def _ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        return httpx.request(method, self.issuer + path, verify=False, **sent)

    def stop(self) -> None:
        """End it, as in an outage."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def give(self, name: str, *groups: str) -> None:
        """Give somebody these groups alone."""
        self._ask("PUT", f"/accounts/{name}", json={"groups": groups}).raise_for_status()

    def lock(self, name: str) -> None:
        """Lock somebody's account."""
        self._ask("PUT", f"/accounts/{name}", content="null").raise_for_status()

    def rotate(self, keep: bool = False) -> None:
        """Sign with another key from now on, and publish that alone, or with `keep` the one before, too."""
        before = self.key
        self.private, self.key = new_key(f"after {before['kid']}")
        keys = [self.key, before] if keep else [self.key]
        self._ask("PUT", "/keys", json={"keys": keys}).raise_for_status()

    def renew_certificate(self, authority: Authority) -> None:
        """Take a new certificate of this authority."""
        self.certificate = _certificate(authority, self.host)
        self._ask("PUT", "/certificate", json=self.certificate).raise_for_status()

    def environment(self, folder: Path) -> dict[str, str]:
        """Variables of a backend and of its page. `folder`: where the page's secrets are put."""
        (folder / "clientSecret").write_text(SECRET)
        (folder / "cookieSecret").write_text(COOKIE_SECRET)
        return {
            "CRIME_OIDC_ISSUER": self.issuer,
            "CRIME_OIDC_CLIENT_ID": CLIENT,
            "CRIME_OIDC_AUDIENCE": AUDIENCE,
            "CRIME_OIDC_VIEWER": "viewers",
            "CRIME_OIDC_ANALYST": "analysts",
            "CRIME_OIDC_DECIDER": "deciders",
            "CRIME_OIDC_REDIRECT": self.redirect,
            "CRIME_OIDC_SECRETS": str(folder),
        }

    def sign_in(self, name: str) -> dict[str, str]:
        """Headers of a request by somebody who signs in as the page lets them: by an authorization code."""
        asked = {"client_id": CLIENT, "response_type": "code", "redirect_uri": self.redirect}
        with httpx.Client(base_url=self.issuer, verify=False) as browser:
            answer = browser.get("/auth", params=asked | {"scope": "openid email profile"})
            while not answer.headers["location"].startswith(self.redirect):
                answer = browser.get(answer.headers["location"])
                if answer.status_code == 200:  # the form
                    form = {"prompt": "login", "login": name, "password": "any"}
                    answer = browser.post(str(answer.url), data=form)
            code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect}
        tokens = self._ask("POST", "/token", data=form, auth=(CLIENT, SECRET)).raise_for_status().json()
        return {"Authorization": f"Bearer {tokens['id_token']}", "X-Forwarded-Access-Token": tokens["access_token"]}

    def job(self) -> dict[str, str]:
        """Headers of a request by a program, by client credentials."""
        form = {"grant_type": "client_credentials", "scope": "analysts", "resource": "https://crime.example/api"}
        tokens = self._ask("POST", "/token", data=form, auth=("nightly-job", "job-secret"))
        return {"Authorization": f"Bearer {tokens.raise_for_status().json()['access_token']}"}

    def forge(self, **claims: Any) -> str:
        """A token with the provider's own signature, valid but for these claims; None leaves one out."""
        now = int(time.time())
        all_claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": "forged", "iat": now, "exp": now + 600} | claims
        present = {name: value for name, value in all_claims.items() if value is not None}
        return jwt.encode(present, self.private, "RS256", headers={"kid": self.key["kid"]})
