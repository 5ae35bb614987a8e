"""A real browser for the tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright


def launch() -> Iterator[Browser]:
    """Headless Chromium, the system's own or Playwright's; skips where there is none."""
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        if not system and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium here: scripts/tools installs it")
        browser = playwright.chromium.launch(
            executable_path=system, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()
