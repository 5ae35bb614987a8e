"""Settings, from environment variables that begin with `CRIME_`."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """`model_dir`: a bundle to serve (an image's own); without it the champion in the MLflow store `mlruns`."""

    model_config = SettingsConfigDict(env_prefix="CRIME_", protected_namespaces=())

    model_dir: Path | None = None
    mlruns: Path = Path("mlruns")
    host: str = "0.0.0.0"
    port: int = 5000
    drain_seconds: float = 3.0  # between turning unready and closing the socket
    max_upload_bytes: int = 200 << 20
    max_batch: int = 50_000
    refresh_seconds: float = 5.0  # between looks for another champion
    portal_url: str = "https://data.lacity.org"
    portal_dataset: str = "2nrs-mtv8"
    portal_token: str = ""  # an app token of the portal; without one it serves fewer requests
    portal_page: int = 10_000
