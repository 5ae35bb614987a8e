"""The `crime` command: train, evaluate, predict, export, serve."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from crime.cli.rendering import err


@contextmanager
def explained_errors() -> Iterator[None]:
    """Errors a user can act on are a line, not a traceback."""
    from crime.core.errors import CrimeError

    try:
        yield
    except (CrimeError, ConnectionError, FileNotFoundError, IsADirectoryError, PermissionError) as error:
        err.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(error.exit_code if isinstance(error, CrimeError) else 1) from None
