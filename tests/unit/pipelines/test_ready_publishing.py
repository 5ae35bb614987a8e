"""Publishing by a process that gets ready beside the training."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import BundleError, DataError, ModelNotFoundError, RegistryError
from crime.core.progress import no_progress
from crime.pipelines.ready_publishing import PROGRAM, ReadyPublishing
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry

SECONDS = 60


def publishers() -> list[psutil.Process]:
    """The processes that publish for this one."""
    return [child for child in psutil.Process().children() if PROGRAM in child.cmdline()]


def test_the_store_is_made_from_the_first_progress_on(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    steps: list[tuple[str, float]] = []
    with ReadyPublishing(registry, small_bundle.name) as publishing:
        progress = publishing.beside(lambda step, share: steps.append((step, share)))
        assert not registry.mlruns.exists()
        progress("trees", 0.1)
        deadline = time.monotonic() + SECONDS
        while not (registry.mlruns / DATABASE_FILE).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        progress("trees", 0.2)
        assert steps == [("trees", 0.1), ("trees", 0.2)]
        assert publishing.publish(small_bundle.directory).version == "1"
    assert registry.version(small_bundle.name) == "1"


def test_a_store_that_cannot_be_made_ends_the_training(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    registry = EmbeddedRegistry(tmp_path / "file" / "mlruns")
    with ReadyPublishing(registry, small_bundle.name) as publishing:
        progress = publishing.beside(lambda step, share: time.sleep(0.05))

        def train() -> None:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                progress("trees", 0.5)

        with pytest.raises(NotADirectoryError):
            train()


def test_publishing_without_progress_starts_the_process(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    with ReadyPublishing(EmbeddedRegistry(tmp_path / "mlruns"), small_bundle.name) as publishing:
        assert publishing.publish(small_bundle.directory).verdict == "champion: the first one"


def test_an_error_of_publishing_is_raised_as_it_is(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    with (
        ReadyPublishing(EmbeddedRegistry(tmp_path / "mlruns"), small_bundle.name) as publishing,
        pytest.raises(BundleError, match=r"spec\.json"),
    ):
        publishing.publish(tmp_path)


def test_a_process_that_is_killed_is_told(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    with ReadyPublishing(EmbeddedRegistry(tmp_path / "mlruns"), small_bundle.name) as publishing:
        publishing.beside(no_progress)("trees", 0.1)
        (process,) = publishers()
        process.kill()
        with pytest.raises(RegistryError, match="exit code -9: too little memory"):
            publishing.publish(small_bundle.directory)


def test_the_process_ends_with_a_training_that_fails(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    def train() -> None:
        with ReadyPublishing(EmbeddedRegistry(tmp_path / "mlruns"), small_bundle.name) as publishing:
            publishing.beside(no_progress)("trees", 0.1)
            assert publishers()
            raise DataError("too few reports")

    with pytest.raises(DataError):
        train()
    assert not publishers()


def test_a_command_that_is_killed_while_it_publishes_registers_nothing(
    small_bundle: CategoryBundle, tmp_path: Path
) -> None:
    """The command ignores SIGINT, as one that a script starts with `&` does."""
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    code = (
        "import sys; from pathlib import Path; from crime.registry.embedded import EmbeddedRegistry;"
        "from crime.pipelines.ready_publishing import ReadyPublishing; mlruns, name, directory = sys.argv[1:];"
        "ReadyPublishing(EmbeddedRegistry(Path(mlruns)), name).publish(Path(directory))"
    )
    arguments = [sys.executable, "-c", code, str(registry.mlruns), small_bundle.name, str(small_bundle.directory)]
    with subprocess.Popen(["sh", "-c", 'trap "" INT; exec "$@"', "sh", *arguments]) as command:
        deadline = time.monotonic() + SECONDS
        while not any(registry.mlruns.glob("artifacts/*/artifacts/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        (publisher,) = psutil.Process(command.pid).children()
        command.kill()
    publisher.wait(SECONDS)
    with pytest.raises(ModelNotFoundError):
        registry.version(small_bundle.name)
