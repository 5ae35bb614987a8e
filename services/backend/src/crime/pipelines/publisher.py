"""The publisher: a process that publishes one bundle for a command. Its standard input is the connection to it."""

import os
import pickle
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from crime.core.errors import RegistryError
from crime.pipelines.publishing import get_ready, publish
from crime.registry.kinds import model_kind
from crime.registry.promotion import ModelResult

LAST_SECONDS = 5  # for an interrupted publisher to note that its run failed


def publish_one(connection: Connection) -> None:
    """Get ready, receive the bundle's directory, publish it, and send the result or the error.

    Raises `EOFError` or `BrokenPipeError` if the command has ended.
    """
    registry, name = connection.recv()
    try:
        get_ready(registry, name)
    except Exception as error:
        connection.send(_portable(error))
        return
    directory: Path = connection.recv()
    threading.Thread(target=_end_with_command, args=(connection,), daemon=True).start()
    try:
        answer: ModelResult | Exception = publish(model_kind(name).open(directory), directory, registry)
    except Exception as error:
        answer = _portable(error)
    connection.send(answer)


def _end_with_command(connection: Connection) -> None:
    """Interrupt the publisher when the command ends, so that it registers no version afterwards.

    After the directory the command sends nothing more: what can be read is its end.
    """
    connection.poll(None)
    signal.raise_signal(signal.SIGINT)
    time.sleep(LAST_SECONDS)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error, or a `RegistryError` with its text if it can't be pickled. A note holds the traceback."""
    note = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RegistryError(f"{type(error).__name__}: {error}")
    error.add_note(note)
    return error


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's `crime train &` lets it be ignored
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        publish_one(Connection(sys.stdin.fileno()))
        os._exit(0)  # the command waits: Python would take half a second to clear up
