"""Publish a model from a process of its own, which gets ready while the model is being trained.

Importing MLflow and creating its store take seconds of Python's lock. A thread would take them from the training.
"""

import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Self

from crime.core.computed_once import ComputedOnce
from crime.core.errors import RegistryError
from crime.core.progress import Progress
from crime.registry.promotion import ModelResult
from crime.registry.protocol import Registry

PROGRAM = "crime.pipelines.publisher"


class ReadyPublishing:
    """Publishes one bundle of the model `name`. At the end of the `with` block the process has ended too."""

    def __init__(self, registry: Registry, name: str):
        self._registry, self._name = registry, name
        self._connection, self._far_end = Pipe()
        self._process: subprocess.Popen[bytes] | None = None
        self._publishing = False
        self._begin, self._answer = ComputedOnce(self._start), ComputedOnce(self._receive)  # by any of several threads

    def _start(self) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 (the process keeps it)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", PROGRAM],  # -P: nothing is imported from the working directory
            stdin=self._far_end.fileno(),
            stdout=self._said,
            stderr=self._said,
            start_new_session=True,  # Ctrl-C reaches this process alone, whose end is seen there
        )
        self._far_end.close()  # the process has it alone, so that its end is seen here
        self._connection.send((self._registry, self._name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if self._process:
            if not self._publishing:  # or else it interrupts itself, and notes in MLflow that the run failed
                self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._said.close()

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

        What MLflow writes meanwhile goes to stderr. Raises `RegistryError`, or the process's error.
        """
        self._begin()
        self._publishing = True
        with suppress(BrokenPipeError):  # it has ended; what it said is still to be read
            self._connection.send(directory)
        result = self._result()
        self._said.seek(0)
        sys.stderr.write(self._said.read())
        return result

    def _result(self) -> ModelResult:
        answer = self._answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _receive(self) -> ModelResult | Exception:
        try:
            answer: ModelResult | Exception = self._connection.recv()
        except (EOFError, ConnectionResetError):
            assert self._process
            code = self._process.wait()
            self._said.seek(0)
            reason = "too little memory, as a rule" if code == -signal.SIGKILL else self._said.read().strip()[-1000:]
            return RegistryError(f"the process that registers the model ended with exit code {code}: {reason}")
        return answer
