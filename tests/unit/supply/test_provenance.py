"""Provenance names the commit, the base image, the locks and the builder."""

from pathlib import Path

import pytest
from supply.provenance import provenance

ENV = {
    "REPOSITORY": "https://git.example/crime",
    "COMMIT": "c" * 40,
    "VERSION": "0.2.0",
    "STARTED": "2026-01-02T03:04:05Z",
    "BASE_IMAGE": "python@sha256:" + "b" * 64,
    "BASE_DIGEST": "python@sha256:" + "b" * 64,
    "DOCKER_VERSION": "20.10.24",
}
GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_WORKFLOW_REF": "OWNER/crime/.github/workflows/release.yaml@refs/tags/v0.2.0",
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "1",
}


def test_materials_by_digest(tmp_path: Path) -> None:
    lock = tmp_path / "uv.lock"
    lock.write_text("version = 1\n")
    found = provenance(ENV, [lock])
    digests = [material["digest"] for material in found["buildDefinition"]["resolvedDependencies"]]
    assert digests[:2] == [{"gitCommit": "c" * 40}, {"sha256": "b" * 64}]
    assert digests[2] == {"sha256": "dbab12665d98aef021ba64953c61b0ed8a908cfb56a1c01e2fcb4b052b71a2a1"}
    assert found["runDetails"]["builder"]["id"] == "urn:crime-prediction:by-hand"


def test_a_workflow_is_named_as_the_builder() -> None:
    found = provenance(ENV | GITHUB, [])["runDetails"]
    assert found["builder"]["id"] == "https://github.com/" + GITHUB["GITHUB_WORKFLOW_REF"]
    assert found["metadata"]["invocationId"] == "https://git.example/crime/actions/runs/7/attempts/1"


def test_a_build_of_no_commit_is_refused() -> None:
    with pytest.raises(KeyError, match="COMMIT"):
        provenance({name: value for name, value in ENV.items() if name != "COMMIT"}, [])
