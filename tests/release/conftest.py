"""A release of the commit that is checked out, published to a registry on this machine."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

IMAGES = ("crime-backend", "crime-frontend", "crime-mlflow", "crime-training")
CHART = "charts/crime-prediction"
TOOLS = {
    "docker": "comes with Minikube",
    "docker-registry": "scripts/tools installs it, as root on Debian",
    "cosign": "scripts/tools installs it",
    "crane": "scripts/tools installs it",
    "helm": "scripts/tools installs it",
}
CONFIGURATION = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""


@dataclass
class Release:
    """What was published, the keys, and the commands of people who check it."""

    registry: str
    storage: Path
    keys: Path
    source: Path
    environment: dict[str, str]
    version: str = ""

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """A command in the source's folder; its outcome is the caller's to judge."""
        environment = self.environment | options.pop("env", {})
        return subprocess.run(
            command, cwd=self.source, env=environment, capture_output=True, text=True, timeout=1800, **options
        )

    def output(self, *command: str, **options: Any) -> str:
        done = self.run(*command, **options)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def dist(self, name: str) -> str:
        """A file of those that the release wrote, kept from what later ones write."""
        return (self.keys.parent / "dist" / name).read_text()

    def reference(self, name: str) -> str:
        """An image, or the chart, by the digest that its tag has."""
        repository = f"{self.registry}/{name}"
        return f"{repository}@{self.output('crane', 'digest', f'{repository}:{self.version}').strip()}"

    def verify(self, reference: str, *arguments: str, key: str = "cosign.pub") -> subprocess.CompletedProcess[str]:
        """Check a signature as docs/how-to/release.md says."""
        command = "verify-attestation" if "--type" in arguments else "verify"
        key = str(self.keys / key)
        return self.run("cosign", command, "--key", key, "--insecure-ignore-tlog=true", *arguments, reference)


@pytest.fixture(scope="session")
def cluster_wanted(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--kubeconfig"))


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory, cluster_wanted: bool) -> Iterator[tuple[str, Path]]:
    """A Docker registry; its address, which Docker, cosign and crane take as one without TLS, and its folder."""
    for tool, where in TOOLS.items():
        if not shutil.which(tool):
            pytest.skip(f"no {tool} here: {where}")
    if subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("Docker does not answer: start it, or name another by DOCKER_HOST")
    folder = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"{'0.0.0.0' if cluster_wanted else '127.0.0.1'}:{port}"  # nodes are other hosts
    (folder / "config.yml").write_text(CONFIGURATION.format(folder=folder / "storage", address=address))
    server = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stderr=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"localhost:{port}/crime", folder / "storage"
    server.terminate()
    server.wait(10)
    shutil.rmtree(folder / "storage", ignore_errors=True)  # a gigabyte, and pytest keeps the folders of three runs


@pytest.fixture(scope="session")
def prepared(
    registry: tuple[str, Path], root: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Release:
    """A clone of the commit and a pair of keys: what a release needs."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "keys").mkdir()
    (folder / "others").mkdir()
    environment = os.environ | {
        "COSIGN_PASSWORD": "a-password",
        "COSIGN_KEY": str(folder / "keys/cosign.key"),
        "BASE_IMAGE": str(request.config.getoption("--base-image")),
        "PATH": f"{root / '.tools/bin'}:{os.environ['PATH']}",
        "DOCKER_CONFIG": str(folder),  # logs in nowhere
        "HTTPS_PROXY": "http://127.0.0.1:9",  # nothing outside: no advisory of today decides
    }
    release = Release(*registry, folder / "keys", folder / "source", environment)
    release.source.mkdir()
    release.output("git", "clone", "-q", str(root), ".")
    for name in ("keys", "others"):
        subprocess.run(["cosign", "generate-key-pair"], cwd=folder / name, env=environment, check=True)
    shutil.copy(folder / "others/cosign.pub", folder / "keys/other.pub")
    return release


@pytest.fixture(scope="session")
def release(prepared: Release) -> Release:
    """The release, published; --unaudited, as nothing outside can be reached."""
    printed = prepared.output("scripts/release", prepared.registry, "--unaudited")
    shutil.copytree(prepared.source / "dist", prepared.keys.parent / "dist")
    prepared.version = json.loads(prepared.dist("sbom-crime-backend.json"))["metadata"]["component"]["version"]
    assert f"{prepared.registry}/charts/crime-prediction:{prepared.version}@sha256:" in printed
    return prepared
