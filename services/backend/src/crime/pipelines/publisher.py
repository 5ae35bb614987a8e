"""The process that publishes one bundle for `crime.pipelines.ready_publishing`: its standard input connects them."""

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

LAST_SECONDS = 5  # in which an interrupted process notes that its run failed


def publish_one(connection: Connection) -> None:
    """Get ready, and publish the bundle whose directory comes. Ends when the other process does."""
    registry, name = connection.recv()
    try:
        get_ready(registry, name)
        directory: Path = connection.recv()
        threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
        connection.send(publish(model_kind(name).open(directory), directory, registry))
    except (EOFError, BrokenPipeError):
        raise  # nobody waits for an answer
    except Exception as error:
        error.add_note(traceback.format_exc())
        connection.send(_portable(error))


def _end_with(connection: Connection) -> None:
    """Interrupt this process when the other one ends, which sends nothing more: what is killed registers nothing."""
    connection.poll(None)
    signal.raise_signal(signal.SIGINT)
    time.sleep(LAST_SECONDS)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error, or a `RegistryError` that says the same where it can't go to another process as it is."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RegistryError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        publish_one(Connection(sys.stdin.fileno()))
        sys.stderr.flush()
        os._exit(0)  # the other process waits: Python would take half a second to clear up
