"""Prepare to publish a model while it is being trained: importing MLflow and creating its store take seconds."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from crime.core.computed_once import ComputedOnce
from crime.core.progress import Progress
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.kinds import Model
from crime.registry.protocol import Registry

if TYPE_CHECKING:
    from crime.pipelines.publishing import ModelResult


class ReadyPublishing:
    """Publishes a model. A thread imports MLflow and creates the store while the model is being trained."""

    def __init__(self, registry: Registry, experiment: str):
        self._registry, self._experiment = registry, experiment
        self._ready = ComputedOnce(self._begin)

    def _begin(self) -> "Future[None]":
        pool = ThreadPoolExecutor(1)
        ready = pool.submit(self._prepare)
        pool.shutdown(wait=False)
        return ready

    def _prepare(self) -> None:
        from crime.pipelines.publishing import connect

        if isinstance(self._registry, EmbeddedRegistry):
            connect(self._registry, self._experiment)

    def beside(self, progress: Progress) -> Progress:
        """Wrap a training's `progress`: its first call starts the thread, once the table has been accepted.

        Later calls raise the thread's error, for example if the store can't be written.
        """

        def progress_and_check(step: str, share: float) -> None:
            if self._ready().done():
                self._ready().result()
            progress(step, share)

        return progress_and_check

    def publish(self, model: Model, directory: Path) -> "ModelResult":
        """Log and register the model, as `crime.pipelines.publishing.publish` does.

        Raises `RegistryError`, or the thread's error.
        """
        self._ready().result()
        from crime.pipelines.publishing import publish

        return publish(model, directory, self._registry)
