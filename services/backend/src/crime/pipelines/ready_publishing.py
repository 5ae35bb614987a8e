"""Publishing that is made ready beside the training: importing MLflow and making its store take seconds."""

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
    """`publish` of `crime.pipelines.publishing`. A thread imports it and makes the store while a model is trained."""

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
        """`progress` of the training. The thread begins when it is first called: until then the table may be refused.

        It raises what failed in the thread, such as a store that can't be written.
        """

        def progress_and_check(step: str, share: float) -> None:
            if self._ready().done():
                self._ready().result()
            progress(step, share)

        return progress_and_check

    def publish(self, model: Model, directory: Path) -> "ModelResult":
        """As `crime.pipelines.publishing.publish`. Raises `RegistryError`, and what failed in the thread."""
        self._ready().result()
        from crime.pipelines.publishing import publish

        return publish(model, directory, self._registry)
