"""MLflow's server on PostgreSQL and an S3-compatible store, as `mlflow.backendStoreUri` and `artifactRoot` set it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.registry.lookup import find_version
from crime.registry.served import ServedRegistry
from harness import Mlflow, free_port, publish, two_bundles, wait_until


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database server of its own, and its address."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    folder = tmp_path_factory.mktemp("postgresql")
    port = free_port()
    as_user: list[str] = []
    if os.getuid() == 0:  # it refuses to run as root
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for parent in (folder, *folder.parents[:3]):
            parent.chmod(0o755)
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    initialise = [*as_user, str(programs[-1] / "initdb"), "-D", str(data), "-U", "mlflow", "-A", "trust"]
    subprocess.run(initialise, check=True, stdout=subprocess.DEVNULL)
    server = subprocess.Popen(
        [*as_user, programs[-1] / "postgres", "-D", data, "-p", str(port), "-c", f"unix_socket_directories={folder}"],
        stderr=subprocess.DEVNULL,
    )
    ready = [str(programs[-1] / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    wait_until(lambda: subprocess.run(ready).returncode == 0)
    yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"
    server.terminate()
    server.wait()


def test_models_and_predictions_live_in_a_database_and_an_object_store(
    postgresql: str, object_store: dict[str, str], tmp_path: Path
) -> None:
    stores = {
        "MLFLOW_BACKEND_STORE_URI": postgresql,
        "MLFLOW_ARTIFACTS_DESTINATION": "s3://models/crime",
        **object_store,
    }
    server = Mlflow.start(tmp_path / "mlflow", environment=stores)
    bundle = two_bundles()[0]
    try:
        (version,) = publish(server.url, bundle)
        registry = ServedRegistry(server.url)
        assert registry.tags("crime-category", version)["verdict"] == "champion: the first one"
        registry.cache_directory = tmp_path / "cache"
        champion, directory = find_version(registry, "crime-category")
        assert (champion, CategoryBundle(directory).spec.sha256) == (version, CategoryBundle(bundle).spec.sha256)
        assert list((Path(object_store["FOLDER"]) / "models" / "crime").rglob("report.txt"))
        registry.save("monitoring/predictions/2026-01-01/a.csv.gz", b"some predictions")
        server.stop()
        server = Mlflow.start(tmp_path / "other", environment=stores)  # nothing is on its own disk
        registry = ServedRegistry(server.url)
        assert registry.version("crime-category") == version
        assert registry.files("monitoring/predictions") == ["monitoring/predictions/2026-01-01"]
        assert registry.load("monitoring/predictions/2026-01-01/a.csv.gz") == b"some predictions"
        registry.remove("monitoring/predictions/2026-01-01")
        assert registry.files("monitoring/predictions") == []
        assert not (tmp_path / "mlflow" / "mlflow.db").exists()
    finally:
        server.stop()
