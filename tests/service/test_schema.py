"""Requests generated from the OpenAPI document, valid and invalid, are answered as it says."""

import os
import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Backend


@pytest.mark.parametrize("with_token", [True, False])
def test_generated_requests_are_answered_as_documented(
    with_token: bool, start: Callable[..., Backend], tmp_path: Path
) -> None:
    """All of schemathesis' checks; what JSON schema can't say is left out case by case, in `schema_hooks.py`."""
    token = tmp_path / "token"
    token.write_text("a-token-that-nobody-guesses")
    url = start(**({"token_file": token} if with_token else {})).url
    examples = 150 if with_token else 20  # the routes that change something are few
    done = subprocess.run(
        [str(Path(sysconfig.get_path("scripts")) / "schemathesis"), "run", f"{url}/openapi.json",
         "--checks", "all", "--max-examples", str(examples), "--workers", "1", "--seed", "1",
         "--continue-on-failure", "--no-color", "--request-timeout", "30"],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "schema_hooks", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=900,
    )  # fmt: skip
    count = re.search(r"([\d,]+) generated", done.stdout)
    assert count, done.stdout[-3000:] + done.stderr[-1000:]
    print(f"\n{count[1]} requests generated")
    assert done.returncode == 0, done.stdout[-8000:]
    assert int(count[1].replace(",", "")) >= 25 * examples
