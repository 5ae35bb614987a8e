"""An MLflow store with two published versions of the small model, made once per session."""

from dataclasses import dataclass

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.pipelines.publishing import ModelResult, publish
from crime.registry.embedded import EmbeddedRegistry


@dataclass(frozen=True)
class PublishedStore:
    """`first` and `second` are the results of publishing the same bundle twice."""

    registry: EmbeddedRegistry
    first: ModelResult
    second: ModelResult


@pytest.fixture(scope="session")
def published(small_bundle: CategoryBundle, tmp_path_factory: pytest.TempPathFactory) -> PublishedStore:
    registry = EmbeddedRegistry(tmp_path_factory.mktemp("published") / "mlruns")
    first = publish(small_bundle, small_bundle.directory, registry, {"data.digest": "abc"})
    second = publish(small_bundle, small_bundle.directory, registry)
    return PublishedStore(registry, first, second)
