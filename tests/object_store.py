"""An S3 gateway over a folder, for tests."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness import free_port


@contextmanager
def object_store(folder: Path, host: str = "127.0.0.1") -> Iterator[dict[str, str]]:
    """A gateway at an address of this machine, with the bucket `models`; the variables that reach it.

    `FOLDER` among them is where its buckets are. Skips where it is missing.
    """
    gateway = shutil.which("versitygw")
    if not gateway:
        pytest.skip("no versitygw here: scripts/tools")
    objects, metadata = folder / "objects", folder / "metadata"
    metadata.mkdir()
    (objects / "models").mkdir(parents=True)
    port = free_port()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [gateway, "--access", "key", "--secret", "a-secret", "--port", f"{host}:{port}"]
    command += ["posix", "--sidecar", str(metadata), str(objects)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield keys | {"MLFLOW_S3_ENDPOINT_URL": f"http://{host}:{port}", "FOLDER": str(objects)}
    server.terminate()
    server.wait()
