"""Where an image comes from, as a SLSA 1 predicate: the commit, the builder, and what the build takes from outside.

    python -m supply.provenance FILE...

FILE is a lock that images install from, relative to the working directory. The rest is in the environment: COMMIT,
REPOSITORY, VERSION, STARTED (RFC 3339), BASE_IMAGE, BASE_DIGEST, DOCKER_VERSION, and on GitHub its GITHUB_ variables.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BUILD_TYPE = "urn:crime-prediction:scripts/release:v1"  # docs/how-to/release.md says what its parameters mean
BY_HAND = "urn:crime-prediction:by-hand"


def provenance(env: Mapping[str, str], files: list[Path]) -> dict[str, Any]:
    """The predicate. Raises KeyError if the environment lacks a variable."""
    repository, commit = env["REPOSITORY"], env["COMMIT"]
    materials = [
        {"uri": f"git+{repository}", "digest": {"gitCommit": commit}},
        {"uri": f"docker://{env['BASE_IMAGE']}", "digest": {"sha256": env["BASE_DIGEST"].rpartition("sha256:")[2]}},
    ]
    materials += [
        {"uri": f"git+{repository}#{file}", "digest": {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}}
        for file in files
    ]
    run = {"startedOn": env["STARTED"]}
    builder = BY_HAND
    if "GITHUB_WORKFLOW_REF" in env:
        builder = f"{env['GITHUB_SERVER_URL']}/{env['GITHUB_WORKFLOW_REF']}"
        run["invocationId"] = f"{repository}/actions/runs/{env['GITHUB_RUN_ID']}/attempts/{env['GITHUB_RUN_ATTEMPT']}"
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"commit": commit, "version": env["VERSION"], "baseImage": env["BASE_IMAGE"]},
            "internalParameters": {"docker": env["DOCKER_VERSION"]},
            "resolvedDependencies": materials,
        },
        "runDetails": {"builder": {"id": builder}, "metadata": run},
    }


if __name__ == "__main__":
    print(json.dumps(provenance(os.environ, [Path(name) for name in sys.argv[1:]]), indent=1))
