"""Known vulnerabilities of what the images install, as a report in Markdown.

    python -m supply.audit REPORT [PIP-AUDIT ARGUMENTS...]

Exits with 1 if a package is vulnerable, with 2 if one could not be looked up: that nothing was found is only told
where everything was looked up. `pip-audit` itself exits with 0 then.
"""

import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COMMAND = "uvx -q pip-audit@2.10.1 --disable-pip --require-hashes --progress-spinner off --format json"
VULNERABLE, UNCHECKED = 1, 2  # exit codes


@dataclass
class Findings:
    """What pip-audit said: packages with their versions, and why some were not looked up."""

    checked: list[str] = field(default_factory=list)
    vulnerable: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


def read_findings(output: str, errors: str) -> Findings:
    """Sort pip-audit's JSON by what is known of each package; without JSON nothing is."""
    findings = Findings()
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reason = (errors.strip().splitlines() or ["pip-audit said nothing"])[-1]
        findings.unchecked.append(f"every package: {reason}")
        return findings
    for package in packages:
        if "skip_reason" in package:
            findings.unchecked.append(f"{package['name']}: {package['skip_reason']}")
            continue
        name = f"{package['name']} {package['version']}"
        findings.checked.append(name)
        for vulnerability in package["vulns"]:
            fixes = ", ".join(vulnerability["fix_versions"]) or "no release yet"
            findings.vulnerable.append(f"{name}: {vulnerability['id']}, fixed in {fixes}")
    if not packages:
        findings.unchecked.append("every package: pip-audit named none")
    return findings


def report(findings: Findings, arguments: list[str], now: datetime) -> tuple[str, int]:
    """The report and the exit code."""
    if findings.vulnerable:
        verdict, code = "VULNERABLE", VULNERABLE
    elif findings.unchecked:
        verdict, code = "NOT CHECKED", UNCHECKED
    else:
        verdict, code = "No known vulnerability", 0
    lines = ["# Vulnerabilities", "", f"**{verdict}.**", ""]
    if findings.unchecked:
        lines += ["Packages could not be looked up: this report does not say that they have no vulnerability.", ""]
    lines += [
        f"{now:%Y-%m-%d %H:%M} UTC: {len(findings.checked)} packages looked up, {len(findings.unchecked)} not, "
        f"{len(findings.vulnerable)} vulnerabilities."
    ]
    if arguments:
        lines += ["", f"Arguments of pip-audit, such as advisories that are accepted: `{shlex.join(arguments)}`."]
    lines += [""]
    lines += [f"- VULNERABLE {text}" for text in findings.vulnerable]
    lines += [f"- NOT CHECKED {text}" for text in findings.unchecked]
    lines += [f"- looked up: {text}" for text in findings.checked]
    return "\n".join(lines) + "\n", code


def main(target: Path, arguments: list[str]) -> int:
    """Audit what the images install, and write the report; returns the exit code."""
    locks = sorted(Path().glob("services/*/requirements*.txt"))
    chosen = [word for lock in locks for word in ("-r", str(lock))]
    done = subprocess.run([*COMMAND.split(), *arguments, *chosen], capture_output=True, text=True)
    text, code = report(read_findings(done.stdout, done.stderr), arguments, datetime.now(UTC))
    target.parent.mkdir(exist_ok=True, parents=True)
    target.write_text(text)
    print(text.split("\n- ")[0], f"See {target}.", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
