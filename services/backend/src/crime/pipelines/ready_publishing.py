"""Publish a model from a process of its own, which gets ready while the model is being trained.

Importing MLflow and creating its store take seconds of Python's lock. A thread would take them from the training.
"""

import multiprocessing
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Self

from crime.core.computed_once import ComputedOnce
from crime.core.errors import RegistryError
from crime.core.progress import Progress
from crime.registry.kinds import model_kind
from crime.registry.promotion import ModelResult
from crime.registry.protocol import Registry


class ReadyPublishing:
    """Publishes one bundle of the model `name`. At the end of the `with` block the process ends too."""

    def __init__(self, registry: Registry, name: str):
        spawn = multiprocessing.get_context("spawn")
        self._connection, self._far_end = spawn.Pipe()
        self._process = spawn.Process(target=_publish_one, args=(self._far_end, registry, name), daemon=True)
        self._begin, self._answer = ComputedOnce(self._start), ComputedOnce(self._receive)  # by any of several threads

    def _start(self) -> None:
        self._process.start()
        self._far_end.close()  # the process has it alone, so that its end is seen here

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def beside(self, progress: Progress) -> Progress:
        """Wrap a training's `progress`: its first call starts the process, once the table has been accepted.

        Later calls raise the process's error, for example if the store can't be written.
        """

        def progress_and_check(step: str, share: float) -> None:
            self._begin()
            if self._connection.poll():
                self._result()
            progress(step, share)

        return progress_and_check

    def publish(self, directory: Path) -> ModelResult:
        """Log and register the bundle in `directory`, as `crime.pipelines.publishing.publish` does.

        Raises `RegistryError`, or the process's error.
        """
        self._begin()
        with suppress(BrokenPipeError):  # it has ended; what it said is still to be read
            self._connection.send(directory)
        return self._result()

    def _result(self) -> ModelResult:
        answer = self._answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _receive(self) -> ModelResult | Exception:
        try:
            answer: ModelResult | Exception = self._connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            message = (
                "the process that registers the model ended with exit code {}; -9 as a rule means too little memory"
            )
            return RegistryError(message.format(self._process.exitcode))
        return answer


def _publish_one(connection: Connection, registry: Registry, name: str) -> None:
    """Get ready, and publish the bundle whose directory comes. Ends when the other process does."""
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            from crime.pipelines.publishing import get_ready, publish

            get_ready(registry, name)
            directory: Path = connection.recv()
            connection.send(publish(model_kind(name).open(directory), directory, registry))
        except (EOFError, BrokenPipeError):
            raise  # nobody waits for an answer
        except Exception as error:
            error.add_note(traceback.format_exc())
            connection.send(error)
