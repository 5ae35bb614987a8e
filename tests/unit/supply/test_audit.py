"""A report tells that nothing was found only where everything was looked up."""

import json
from datetime import UTC, datetime

from supply.audit import UNCHECKED, VULNERABLE, Findings, read_findings, report

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SAFE = {"name": "numpy", "version": "2.4.0", "vulns": []}
# what pip-audit writes, with exit code 0 and "No known vulnerabilities found", where PyPI's advisories are out of reach
SKIPPED = {"name": "mlflow", "skip_reason": "Dependency not found on PyPI and could not be audited: mlflow (3.1)"}
WEAK = {
    "name": "pillow", "version": "9.0",
    "vulns": [{"id": "PYSEC-2023-1", "fix_versions": ["9.1"], "aliases": [], "description": ""}],
}  # fmt: skip


def findings(*packages: object) -> Findings:
    return read_findings(json.dumps({"dependencies": packages}), "")


def test_all_looked_up_and_nothing_found() -> None:
    text, code = report(findings(SAFE), [], NOW)
    assert code == 0
    assert "**No known vulnerability.**" in text
    assert "2026-01-02 03:04 UTC: 1 packages looked up, 0 not" in text


def test_a_package_that_was_not_looked_up_is_told_loudly() -> None:
    text, code = report(findings(SAFE, SKIPPED), [], NOW)
    assert code == UNCHECKED
    assert "**NOT CHECKED" in text
    assert "No known vulnerability" not in text
    assert "mlflow: Dependency not found" in text


def test_a_vulnerability_counts_before_what_was_not_looked_up() -> None:
    text, code = report(findings(SKIPPED, WEAK), ["--ignore-vuln", "PYSEC-2022-9"], NOW)
    assert code == VULNERABLE
    assert "could not be looked up" in text
    assert "- VULNERABLE pillow 9.0: PYSEC-2023-1, fixed in 9.1" in text
    assert "`--ignore-vuln PYSEC-2022-9`" in text


def test_no_answer_at_all_is_not_a_pass() -> None:
    for output in ("", "[]", '{"dependencies": []}', "Traceback"):
        text, code = report(read_findings(output, "first\nConnectionError: no route\n"), [], NOW)
        assert code == UNCHECKED, output
        assert "**NOT CHECKED" in text
