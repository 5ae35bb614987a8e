"""Publish a model from a separate process, which imports MLflow while the model is being trained.

Importing MLflow and creating its store hold Python's global lock for seconds: in a thread they would slow the training.
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
    """Publishes one bundle of the model `name` by a process, the publisher. It has ended when the `with` block ends."""

    def __init__(self, registry: Registry, name: str):
        self._registry, self._name = registry, name
        self._connection, self._far_end = Pipe()
        self._process: subprocess.Popen[bytes] | None = None
        self._publishing = False
        # computed once, as several threads report progress
        self._begin, self._answer = ComputedOnce(self._start), ComputedOnce(self._receive)

    def _start(self) -> None:
        self._output = tempfile.TemporaryFile("a+", errors="replace")  # noqa: SIM115 (the publisher keeps it)
        self._process = subprocess.Popen(
            # -P: nothing is imported from the working directory; -u: MLflow's lines are written before the answer
            [sys.executable, "-P", "-u", "-m", PROGRAM],
            stdin=self._far_end.fileno(),
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,  # Ctrl-C interrupts the command alone; the publisher sees the connection close
        )
        self._far_end.close()  # only the publisher holds it now, so that its end closes the connection
        self._connection.send((self._registry, self._name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        if self._process:
            if not self._publishing:  # from then on it ends by itself, so that MLflow knows how its run ended
                self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._output.close()

    def beside(self, progress: Progress) -> Progress:
        """Wrap a training's `progress`: its first call starts the publisher, once the table has been accepted.

        Later calls raise the publisher's error, for example if the store can't be written.
        """

        def progress_and_check(step: str, share: float) -> None:
            self._begin()
            if self._connection.poll():
                self._result()
            progress(step, share)

        return progress_and_check

    def publish(self, directory: Path) -> ModelResult:
        """Log and register the bundle in `directory`, as `crime.pipelines.publishing.publish` does.

        What MLflow writes meanwhile goes to stderr. Raises `RegistryError`, or the publisher's error.
        """
        self._begin()
        self._publishing = True
        with suppress(BrokenPipeError):  # the publisher has ended; its answer, or why it ended, can still be read
            self._connection.send(directory)
        result = self._result()
        self._output.seek(0)
        sys.stderr.write(self._output.read())
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
            self._output.seek(0)
            reason = "too little memory, as a rule" if code == -signal.SIGKILL else self._output.read().strip()[-1000:]
            return RegistryError(f"the process that registers the model ended with exit code {code}: {reason}")
        return answer
