"""Requests generated from the OpenAPI document, valid and invalid, are answered as it says."""

import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

from harness import Backend

# JSON schema can't say that a date must exist, so that values it allows may be refused; the `Allow` header names only
# the methods of a path's first route
EXCLUDED_CHECKS = "positive_data_acceptance,allow_header_conformance"


def test_generated_requests_are_answered_as_documented(start: Callable[..., Backend], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-that-nobody-guesses")
    url = start(token_file=token).url
    done = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / "schemathesis"), "run", f"{url}/openapi.json",
         "--checks", "all", "--exclude-checks", EXCLUDED_CHECKS, "--max-examples", "350", "--workers", "2",
         "--seed", "1", "--continue-on-failure", "--no-color", "--request-timeout", "30"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )  # fmt: skip
    count = re.search(r"([\d,]+) generated", done.stdout)
    assert count, done.stdout[-3000:] + done.stderr[-1000:]
    print(f"\n{count[1]} requests generated")
    assert done.returncode == 0, done.stdout[-8000:]
    assert int(count[1].replace(",", "")) >= 10_000
