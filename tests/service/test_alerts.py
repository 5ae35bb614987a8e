"""Alerts and the webhook, for the troubles they are about: real backends, a real MLflow server, a real Prometheus."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from alerts import Prometheus, start_prometheus, until_they_fire
from harness import Backend, Mlflow, Store, publish, start_backend, two_bundles, wait_until
from webhook import webhook


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with start_prometheus(folder, "police") as prometheus:
        yield prometheus


def address(backend: Backend) -> str:
    return backend.url.removeprefix("http://")


def test_alerts_fire_for_the_troubles_they_are_about_and_end_with_them(prometheus: Prometheus, tmp_path: Path) -> None:
    of_image, promoted = two_bundles()
    pods: dict[str, Backend] = {}
    mlflow = Mlflow.start(tmp_path / "mlflow")

    def start(name: str, model_dir: Path = of_image, rate_limit: int = 0) -> None:
        settings = {"model_dir": model_dir, "rate_limit": rate_limit, "refresh_seconds": 1}
        pods[name] = start_backend(None, tracking_uri=mlflow.url, **settings)
        running.callback(pods[name].stop)
        prometheus.watch({name: address(backend) for name, backend in pods.items()})

    with ExitStack() as running:
        running.callback(lambda: mlflow.stop())
        until_they_fire(prometheus, {"CrimeBackendUnseen"})  # nobody is there yet
        publish(mlflow.url, promoted)
        start("a")
        start("b", rate_limit=1)
        until_they_fire(prometheus, set())

        mlflow.stop()
        until_they_fire(prometheus, {"CrimeRegistryGone"})
        wait_until(lambda: prometheus.firing()["CrimeRegistryGone"].endswith("pods that can't reach it: 2."))
        start("c")  # which has its image's model alone
        until_they_fire(prometheus, {"CrimeRegistryGone", "CrimePodsDisagree"})
        start("d", model_dir=tmp_path / "none")  # and no model at all
        until_they_fire(prometheus, {"CrimeRegistryGone", "CrimePodsDisagree", "CrimeNoChampion"})
        assert prometheus.firing()["CrimeNoChampion"].endswith("pods without a champion: 1.")
        mlflow = Mlflow.start(tmp_path / "mlflow", int(mlflow.url.rpartition(":")[2]))
        until_they_fire(prometheus, set())

        answers = [pods["b"].http.get("/codes").status_code for _ in range(50)]
        assert 429 in answers
        until_they_fire(prometheus, {"CrimeRefusals"})


def test_a_webhook_is_told_once_of_what_a_real_registry_holds(tmp_path: Path) -> None:
    first, second = two_bundles()
    store, mlflow, file = Store(tmp_path / "none"), Mlflow.start(tmp_path / "mlflow"), tmp_path / "url"
    with ExitStack() as running, webhook() as hook:
        running.callback(mlflow.stop)
        file.write_text(hook.address)
        environment = {"CRIME_TRACKING_URI": mlflow.url}

        def watch(code: int = 0) -> str:
            done = store.crime("watch", "--webhook-file", file, code=code, environment=environment)
            assert hook.path not in done.stdout + done.stderr
            return done.stdout

        publish(mlflow.url, first)
        assert "crime-category version 1 is champion" in watch()
        assert watch() == "nothing new to tell\n"
        publish(mlflow.url, second)
        store.crime("promote", "crime-category", "2", "--force", "to see it told", environment=environment)
        hook.status = 503
        assert watch(code=1) == ""
        hook.status = 200
        assert "crime-category version 2 is champion" in watch()
        assert watch() == "nothing new to tell\n"
        mlflow.stop()
        assert watch(code=1) == ""
        assert [text.count("is champion") for text in hook.texts] == [1, 1, 1]
