"""Publishing that is made ready beside the training."""

import time
from pathlib import Path

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.pipelines.ready_publishing import ReadyPublishing
from crime.registry.embedded import DATABASE_FILE, EmbeddedRegistry


def test_the_store_is_made_from_the_first_progress_on(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    publishing = ReadyPublishing(registry, small_bundle.name)
    steps: list[tuple[str, float]] = []
    progress = publishing.beside(lambda step, share: steps.append((step, share)))
    assert not registry.mlruns.exists()
    progress("trees", 0.1)
    deadline = time.monotonic() + 60
    while not (registry.mlruns / DATABASE_FILE).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    progress("trees", 0.2)
    assert steps == [("trees", 0.1), ("trees", 0.2)]
    assert publishing.publish(small_bundle, small_bundle.directory).version == "1"
    assert registry.version(small_bundle.name) == "1"


def test_a_store_that_cannot_be_made_ends_the_training(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    publishing = ReadyPublishing(EmbeddedRegistry(tmp_path / "file" / "mlruns"), small_bundle.name)
    progress = publishing.beside(lambda step, share: time.sleep(0.05))

    def train() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            progress("trees", 0.5)

    with pytest.raises(NotADirectoryError):
        train()


def test_publishing_without_progress_makes_the_store_itself(small_bundle: CategoryBundle, tmp_path: Path) -> None:
    registry = EmbeddedRegistry(tmp_path / "mlruns")
    assert ReadyPublishing(registry, small_bundle.name).publish(small_bundle, small_bundle.directory).version == "1"
