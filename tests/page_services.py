"""The page and its backend as real processes."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
from harness import Backend, free_port, start_backend, trained_store, wait_for
from openid import Provider

TOKEN = "a-token-for-the-page"


@dataclass
class PageServices:
    """`url` is the page's, `output` what it has written."""

    url: str
    page: subprocess.Popen[bytes]
    output: IO[bytes]
    backend: Backend
    token_file: Path

    @classmethod
    def start(
        cls, root: Path, token_file: Path, base_path: str = "", port: int = 0, provider: Provider | None = None
    ) -> "PageServices":
        """Both on the session's trained store, the page below a path; decisions take the token `TOKEN`.

        With a `provider`, people sign in, and the page is at the `port` that the provider knows.
        """
        token_file.write_text(TOKEN)
        sign_in = provider.environment(token_file.parent) if provider else {}
        backend = start_backend(sign_in, mlruns=trained_store().mlruns, token_file=token_file)
        port = port or free_port()
        log = tempfile.TemporaryFile("a+b")  # noqa: SIM115 (the process keeps it)
        page = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "src/crime_ui/server.py", f"--server.port={port}"],
            cwd=root / "services/frontend",
            env={**os.environ, "BACKEND_URL": backend.url, "STREAMLIT_SERVER_BASE_URL_PATH": base_path, **sign_in},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}{base_path}"
        wait_for(f"{url}/_stcore/health", page, log)
        return cls(url, page, log, backend, token_file)

    def stop(self) -> None:
        self.page.kill()
        self.page.wait()
        self.output.close()
        self.backend.stop()

    def restart_backend(self) -> None:
        """Start a stopped backend again, at the same address."""
        port = self.backend.url.rsplit(":", 1)[1]
        self.backend = start_backend(mlruns=trained_store().mlruns, port=port, token_file=self.token_file)

    def ask(self, path: str) -> Any:
        """The backend's own answer to GET, to compare the page with."""
        return httpx.get(f"{self.backend.url}{path}", timeout=60).raise_for_status().json()

    def aliases(self) -> dict[str, str]:
        """Versions of the category model by alias."""
        models = {model["name"]: model for model in self.ask("/models")["models"]}
        aliases: dict[str, str] = models["crime-category"]["aliases"]
        return aliases
