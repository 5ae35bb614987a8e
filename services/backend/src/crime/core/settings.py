"""Settings, from environment variables that begin with `CRIME_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`tracking_uri`: an MLflow server whose champions answer; without one the embedded store `mlruns` is used.

    `model_dir`: an image's own bundles. They answer while the server has no champion, or alone if there is no server.
    """

    model_config = SettingsConfigDict(env_prefix="CRIME_", protected_namespaces=())

    tracking_uri: Annotated[str, Field(pattern="^(https?://[^@]+)?$")] = ""  # no password: it is shown
    model_dir: Path | None = None
    mlruns: Path = Path("mlruns")
    host: str = "0.0.0.0"
    port: int = 5000
    drain_seconds: float = 3.0  # between turning unready and closing the socket
    max_upload_bytes: int = 200 << 20
    max_batch: int = 50_000
    rate_limit: Annotated[float, Field(ge=0)] = 0.0  # requests a second of one client's address; 0 is no limit
    refresh_seconds: Annotated[float, Field(gt=0)] = 5.0  # between looks for another champion
    record_seconds: Annotated[float, Field(gt=0)] = 120.0  # between hand-overs of recorded predictions
    record_share: Annotated[float, Field(ge=0, le=1)] = 1.0  # of predictions; 0 records none
    token_file: Path | None = None  # holds the bearer token of calls that change something; without it they are off
    portal_url: str = "https://data.lacity.org"
    portal_dataset: str = "2nrs-mtv8"
    portal_token: str = ""  # an app token of the portal; without one it serves fewer requests
    portal_page: int = 10_000
