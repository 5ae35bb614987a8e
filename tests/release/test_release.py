"""A release that can be trusted: signed, described, the same when built again, refused when it was changed."""

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import yaml
from release.conftest import CHART, IMAGES, Release

LIST_PYTHON = "from importlib.metadata import distributions as d; print(*{f'{x.name}@{x.version}' for x in d()})"


def predicate(release: Release, name: str, kind: str) -> dict[str, Any]:
    """The statement of a kind that is signed for an image."""
    done = release.verify(release.reference(name), "--type", kind)
    assert done.returncode == 0, done.stderr
    statement = json.loads(base64.b64decode(json.loads(done.stdout.splitlines()[0])["payload"]))
    [subject] = statement["subject"]
    assert "sha256:" + subject["digest"]["sha256"] == release.reference(name).split("@")[1]
    found: dict[str, Any] = statement["predicate"]
    return found


def packages(release: Release, name: str) -> tuple[set[str], set[str]]:
    """What Python and dpkg say that is installed, in a container of the published image."""
    reference = release.reference(name)
    command = f'/opt/venv/bin/python -I -c "{LIST_PYTHON}"; echo; dpkg-query -Wf "\\${{Package}} "'
    container = ("docker", "run", "--rm", "--network", "none", "--entrypoint", "", reference, "sh", "-c", command)
    release.output("docker", "pull", "-q", reference)
    try:
        python, debian = release.output(*container).split("\n\n")
    finally:
        release.output("docker", "rmi", reference)
    return set(python.split()), set(debian.split())


@pytest.mark.parametrize("name", [*IMAGES, CHART])
def test_each_part_is_signed_by_our_key_and_no_other(release: Release, name: str) -> None:
    reference = release.reference(name)
    assert release.verify(reference).returncode == 0
    refused = release.verify(reference, key="other.pub")
    assert refused.returncode != 0
    assert (release.keys / "cosign.pub").read_text() == release.dist("cosign.pub")


@pytest.mark.parametrize("name", IMAGES)
def test_the_bill_of_materials_names_what_is_in_the_image(release: Release, name: str) -> None:
    signed = predicate(release, name, "cyclonedx")
    purls = [component["purl"] for component in signed["components"]]
    ours, debian = packages(release, name)
    normal = {
        f"{re.sub('[-_.]+', '-', name).lower()}@{version}" for name, version in (each.split("@") for each in ours)
    }
    assert normal <= {unquote(purl.removeprefix("pkg:pypi/")) for purl in purls}
    assert debian == {unquote(purl.split("/")[2].split("@")[0]) for purl in purls if ":deb/" in purl}
    assert signed == json.loads(release.dist(f"sbom-{name}.json"))


@pytest.mark.parametrize("name", [*IMAGES, CHART])
def test_provenance_names_commit_base_and_locks(release: Release, name: str) -> None:
    build = predicate(release, name, "slsaprovenance1")["buildDefinition"]
    materials = {material["uri"].split("#")[-1]: material["digest"] for material in build["resolvedDependencies"]}
    commit = release.output("git", "rev-parse", "HEAD").strip()
    assert {"gitCommit": commit} in materials.values()
    lock = hashlib.sha256((release.source / "services/backend/requirements.txt").read_bytes()).hexdigest()
    assert materials["services/backend/requirements.txt"] == {"sha256": lock}
    base = release.output(
        "docker", "image", "inspect", "-f", "{{.Id}} {{.RepoDigests}}", release.environment["BASE_IMAGE"]
    )
    [digest] = [value["sha256"] for uri, value in materials.items() if uri.startswith("docker://")]
    assert digest in base


def test_an_image_that_is_built_again_has_the_same_digest(release: Release, tmp_path: Path) -> None:
    shutil.copytree(release.source / "services/mlflow", tmp_path / "mlflow")  # other folder, other times of files
    (tmp_path / "mlflow/serve").touch()
    base = f"BASE_IMAGE={release.environment['BASE_IMAGE']}"
    command = ("docker", "build", "-q", "--no-cache", "--network", "host", "--build-arg", base)
    built = release.output(*command, "-t", "crime-mlflow:again", str(tmp_path / "mlflow")).strip()
    published = f"crime-mlflow:{release.version}"
    assert built != release.output("docker", "image", "inspect", "-f", "{{.Id}}", published).strip()
    release.output("docker", "save", "crime-mlflow:again", "-o", str(tmp_path / "saved.tar"))
    epoch = release.output("git", "log", "-1", "--format=%ct").strip()
    commit = release.output("git", "rev-parse", "HEAD").strip()
    labels = [f"org.opencontainers.image.{name}" for name in (f"revision={commit}", f"version={release.version}")]
    layers = release.output(
        "docker", "image", "inspect", "-f", "{{json .RootFS.Layers}}", release.environment["BASE_IMAGE"]
    )
    files = [str(tmp_path / "saved.tar"), str(tmp_path / "again.tar")]
    release.output("python", "-m", "supply.image", *files, epoch, layers, *labels, env={"PYTHONPATH": "scripts"})
    again = release.output("crane", "digest", "--tarball", files[1]).strip()
    for file in files:
        Path(file).unlink()  # pytest keeps the folders of three runs
    assert again == release.reference("crime-mlflow").split("@")[1]


def test_the_chart_installs_the_signed_images(release: Release, tmp_path: Path) -> None:
    command = ("helm", "pull", f"oci://{release.registry}/{CHART}", "--version", release.version, "--plain-http")
    release.output(*command, "--untar", "-d", str(tmp_path))
    chart = tmp_path / "crime-prediction"
    template = ("helm", "template", str(chart), "--kube-version", "1.34.0")
    every = "training.schedule=@weekly,backup.schedule=@daily,backup.claim=backups,dask.enabled=true"
    rendered = release.output(*template, "-f", str(chart / "digests.yaml"), "--set", every)
    images = {line.split(": ", 1)[1].strip('"') for line in rendered.splitlines() if line.strip().startswith("image: ")}
    assert images == {release.reference(name) for name in IMAGES}
    assert release.dist("digests.yaml") == (chart / "digests.yaml").read_text()
    by_tag = release.output(*template)
    assert f"{release.registry}/crime-backend:{release.version}" in by_tag


def test_a_version_is_published_once(release: Release) -> None:
    before = release.reference("crime-backend")
    release.output(
        "git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "--allow-empty", "-m", "x"
    )
    try:
        refused = release.run("scripts/release", release.registry, "--unaudited")
    finally:
        release.output("git", "reset", "-q", "--hard", "HEAD~")
    assert refused.returncode != 0
    assert "is there already" in refused.stderr
    assert release.reference("crime-backend") == before


def test_packages_that_could_not_be_looked_up_stop_a_release(release: Release) -> None:
    assert "**NOT CHECKED" in release.dist("vulnerabilities.md")
    refused = release.run("scripts/release", release.registry)
    assert refused.returncode != 0
    assert "dist/vulnerabilities.md says why not" in refused.stderr


def test_a_tree_with_changes_is_not_released(prepared: Release) -> None:
    (prepared.source / "services/mlflow/serve").write_text("#!/bin/sh\n")
    refused = prepared.run("scripts/release", prepared.registry, "--unaudited")
    prepared.output("git", "checkout", "-q", "services/mlflow/serve")
    assert refused.returncode != 0
    assert "not committed" in refused.stderr


def test_another_image_under_the_tag_is_refused(release: Release) -> None:
    image = f"{release.registry}/crime-mlflow"
    changed = f"{image}:changed"
    release.output("crane", "mutate", release.reference("crime-mlflow"), "--entrypoint", "sh,-c,id", "-t", changed)
    digest = release.output("crane", "digest", changed).strip()
    assert release.verify(f"{image}@{digest}").returncode != 0
    assert release.verify(changed).returncode != 0


def test_a_layer_changed_in_the_registry_is_not_taken(release: Release) -> None:
    """Last of the tests of images: what the registry keeps of one is damaged from then on."""
    reference = release.reference("crime-mlflow")
    manifest = json.loads(release.output("crane", "manifest", reference))
    release.output("crane", "validate", "--remote", reference)
    digest = manifest["layers"][-1]["digest"].removeprefix("sha256:")
    [blob] = release.storage.glob(f"docker/registry/v2/blobs/sha256/*/{digest}/data")
    kept = blob.read_bytes()
    blob.write_bytes(kept[:-9] + bytes([kept[-9] ^ 1]) + kept[-8:])
    try:
        assert release.run("crane", "validate", "--remote", reference).returncode != 0
    finally:
        blob.write_bytes(kept)


def test_a_changed_bill_of_materials_is_refused(release: Release) -> None:
    """Who may push rewrites the bill that is attached: the signature is not of it any more."""
    image = release.reference("crime-frontend")
    assert release.verify(image, "--type", "cyclonedx").returncode == 0
    repository, digest = f"{release.registry}/crime-frontend", image.split("@")[1]
    host, _, path = repository.partition("/")
    tag = digest.replace(":", "-")  # where attached things are listed, in a registry without the referrers API
    index = json.loads(release.output("crane", "manifest", f"{repository}:{tag}"))
    with httpx.Client(base_url=f"http://{host}/v2/{path}") as client:

        def put_blob(content: bytes) -> dict[str, Any]:
            name = "sha256:" + hashlib.sha256(content).hexdigest()
            upload = client.post("/blobs/uploads/").headers["location"]
            assert client.put(f"{upload}&digest={name}", content=content).status_code == 201
            return {"digest": name, "size": len(content)}

        def put_manifest(name: str, manifest: dict[str, Any]) -> dict[str, Any]:
            content = json.dumps(manifest).encode()
            name = name or "sha256:" + hashlib.sha256(content).hexdigest()
            headers = {"Content-Type": manifest["mediaType"]}
            assert client.put(f"/manifests/{name}", content=content, headers=headers).status_code == 201
            return {"digest": name, "size": len(content)}

        def rewritten(entry: dict[str, Any]) -> dict[str, Any]:
            manifest = json.loads(release.output("crane", "manifest", f"{repository}@{entry['digest']}"))
            [layer] = manifest["layers"]
            bundle = json.loads(release.output("crane", "blob", f"{repository}@{layer['digest']}"))
            payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
            changed = payload.replace(b"pkg:pypi/streamlit@", b"pkg:pypi/streamlit@9")
            bundle["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()
            manifest["layers"] = [layer | put_blob(json.dumps(bundle).encode())]
            return entry | put_manifest("", manifest)

        put_manifest(tag, index | {"manifests": [rewritten(entry) for entry in index["manifests"]]})
        try:
            assert release.verify(image, "--type", "cyclonedx").returncode != 0
        finally:
            put_manifest(tag, index)
    assert release.verify(image, "--type", "cyclonedx").returncode == 0


def test_a_mirrored_release_keeps_its_signatures(release: Release) -> None:
    mirror = release.registry.replace("/crime", "/mirror")
    release.output("crane", "copy", "-a", f"{release.registry}/crime-backend", f"{mirror}/crime-backend")
    there = release.reference("crime-backend").replace(release.registry, mirror)
    assert release.verify(there).returncode == 0
    assert release.verify(there, "--type", "cyclonedx").returncode == 0
    assert release.verify(there, key="other.pub").returncode != 0


def test_the_values_that_are_printed_hold_every_part(release: Release) -> None:
    values = yaml.safe_load(release.dist("digests.yaml"))
    assert values.pop("global") == {"imageRegistry": release.registry}
    wanted = {"backend", "frontend", "mlflow", "training", "backup", "dask"}
    assert values.keys() == wanted
    for part, value in values.items():
        name = part if part in ("backend", "frontend", "mlflow") else "training"
        assert release.reference(f"crime-{name}").endswith("@" + value["image"]["digest"])
