"""MLflow's server on PostgreSQL and an S3-compatible store, as `mlflow.backendStoreUri` and `artifactRoot` set it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.registry.lookup import find_version
from crime.registry.served import ServedRegistry
from crime.reports.files import load_reports
from crime.reports.tally import Tally
from crime.training.classifier.train import train_category_model
from harness import Mlflow, early_reports, free_port


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database server of its own, and its address."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    place = tmp_path_factory.mktemp("postgresql")
    port = free_port()
    who: list[str] = []
    if os.getuid() == 0:  # it refuses to run as root
        who = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        for parent in (place, *place.parents[:3]):
            parent.chmod(0o755)
        shutil.chown(place, "postgres", "postgres")
    subprocess.run([*who, found[-1] / "initdb", "-D", place / "data", "-U", "mlflow", "-A", "trust"], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    server = subprocess.Popen(
        [*who, found[-1] / "postgres", "-D", place / "data", "-p", str(port), "-c", f"unix_socket_directories={place}"],
        stderr=subprocess.DEVNULL,
    )
    ready = [str(found[-1] / "pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    for _ in range(100):
        if subprocess.run(ready).returncode == 0:
            break
        time.sleep(0.1)
    yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"
    server.terminate()
    server.wait()


@pytest.fixture
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An S3 gateway over a directory with the bucket `models`; the variables that reach it."""
    gateway = shutil.which("versitygw")
    if not gateway:
        pytest.skip("no versitygw here: scripts/tools")
    place, notes = tmp_path_factory.mktemp("objects"), tmp_path_factory.mktemp("notes")
    (place / "models").mkdir()
    port = free_port()
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_DEFAULT_REGION": "us-east-1"}
    server = subprocess.Popen(
        [gateway, "--access", "key", "--secret", "a-secret", "--port", f"127.0.0.1:{port}",
         "posix", "--sidecar", str(notes), str(place)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield keys | {"MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "PLACE": str(place)}
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
    tally = Tally()
    reports = load_reports(early_reports(), tally)
    bundle, _ = train_category_model(reports, tally, tmp_path / "bundle")
    code = (
        "import sys; from pathlib import Path; from crime.classifier.bundle import CategoryBundle;"
        "from crime.pipelines.publishing import publish; from crime.registry.served import ServedRegistry;"
        "place = Path(sys.argv[2]); print(publish(CategoryBundle(place), place, ServedRegistry(sys.argv[1])).verdict)"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url, str(tmp_path / "bundle")], capture_output=True, text=True
        )
        assert done.stdout.splitlines()[-1:] == ["champion: the first one"], done.stderr
        registry = ServedRegistry(server.url)
        registry.cache_directory = tmp_path / "kept"
        version, place = find_version(registry, "crime-category")
        assert CategoryBundle(place, version).spec.sha256 == bundle.spec.sha256
        assert list((Path(object_store["PLACE"]) / "models" / "crime").rglob("report.txt"))
        registry.save("monitoring/predictions/2026-01-01/a.csv.gz", b"some predictions")
        server.stop()
        server = Mlflow.start(tmp_path / "anew", environment=stores)  # nothing was on its own disk
        registry = ServedRegistry(server.url)
        assert registry.version("crime-category") == version
        assert registry.files("monitoring/predictions") == ["monitoring/predictions/2026-01-01"]
        assert registry.load("monitoring/predictions/2026-01-01/a.csv.gz") == b"some predictions"
        registry.remove("monitoring/predictions/2026-01-01")
        assert registry.files("monitoring/predictions") == []
        assert not (tmp_path / "mlflow" / "mlflow.db").exists()
    finally:
        server.stop()
