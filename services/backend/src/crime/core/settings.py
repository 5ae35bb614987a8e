"""Settings, read from environment variables with the prefix `CRIME_`."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from crime.core import limits


class Settings(BaseSettings):
    """`tracking_uri`: an MLflow server whose champions are served; if empty, the embedded store `mlruns` is used.

    `model_dir`: the bundles in an image. They are served while the server has no champion, or if there is no server.
    """

    model_config = SettingsConfigDict(env_prefix="CRIME_", protected_namespaces=())

    tracking_uri: Annotated[str, Field(pattern="^(https?://[^@]+)?$")] = ""  # without a password: it is shown
    model_dir: Path | None = None
    mlruns: Path = Path("mlruns")
    host: str = "0.0.0.0"
    port: int = 5000
    drain_seconds: float = 3.0  # between failing readiness and closing the socket
    max_upload_bytes: int = limits.UPLOAD_BYTES
    max_batch: int = limits.LIST_REPORTS
    rate_limit: Annotated[float, Field(ge=0)] = 0.0  # requests per second and client address; 0: no limit
    refresh_seconds: Annotated[float, Field(gt=0)] = 5.0  # between checks for a new champion
    record_seconds: Annotated[float, Field(gt=0)] = 120.0  # between writes of recorded predictions
    record_share: Annotated[float, Field(ge=0, le=1)] = 1.0  # of predictions that are recorded
    token_file: Path | None = None  # the bearer token of changing calls, which are off without it
    oidc_issuer: Annotated[str, Field(pattern="^(https?://[^@?#]+)?$")] = ""  # of sign-in; empty: who asks is not asked
    oidc_client_id: str = ""  # of the page, whose users send their ID token
    oidc_audience: str = ""  # of the access tokens of programs, by client credentials; empty: none are taken
    oidc_roles_claim: str = "groups"
    oidc_viewer: str = ""  # value of the claim; empty: everybody who is signed in
    oidc_analyst: str = ""
    oidc_decider: str = ""
    oidc_userinfo: bool = True  # ask the provider each half minute; False where its userinfo has no roles
    portal_url: str = "https://data.lacity.org"
    portal_dataset: str = ""  # ids of the datasets to fetch, with blanks or commas between; empty: all of LAPD's
    portal_token: str = ""  # Socrata app token; requests without one are throttled sooner
    portal_page: int = 10_000  # rows per request

    @model_validator(mode="after")
    def _check_sign_in(self) -> Self:
        if self.oidc_issuer and not (self.oidc_client_id or self.oidc_audience):
            raise ValueError("CRIME_OIDC_ISSUER: expected CRIME_OIDC_CLIENT_ID or CRIME_OIDC_AUDIENCE, too")
        return self
