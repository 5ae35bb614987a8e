"""What all commands share: progress on stderr, errors as one line, the embedded sample by default."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar
from rich.text import Text

from crime.core.progress import Progress

out, err = Console(), Console(stderr=True)


@contextmanager
def readable_errors() -> Iterator[None]:
    """Print errors that a user can act on, such as a full disk, as one line, and exit with the error's code."""
    from sqlite3 import OperationalError

    from crime.core.errors import CrimeError

    try:
        yield
    except (CrimeError, OSError, OperationalError) as error:
        err.print("[red]error:[/]", _one_line(str(error)), highlight=False, soft_wrap=True)
        raise typer.Exit(error.exit_code if isinstance(error, CrimeError) else 1) from None


def print_warning(message: str) -> None:
    err.print("[yellow]warning:[/]", _one_line(message), highlight=False, soft_wrap=True)


def _one_line(text: str) -> Text:
    """The text, which may have names out of files in it, without line ends, terminal codes and markup."""
    return Text("".join(character if character.isprintable() else " " for character in text))


@contextmanager
def table_or_sample(data: Path | None) -> Iterator[Path]:
    """The table that `--data` names, or the embedded sample."""
    from crime.sample import sample_table

    if data is None:
        with sample_table() as path:
            err.print("no --data: reading the embedded sample, 7,888 real reports of 2020 to 2024, drawn at random")
            yield path
    else:
        yield data


def share_of_all(data: Path | None, share: float | None) -> float:
    """The share of all reports that a table is: as the user says, or that of the embedded sample, or else all."""
    from crime.sample import SAMPLE_SHARE

    return share or (SAMPLE_SHARE if data is None else 1.0)


@contextmanager
def progress_bar() -> Iterator[ProgressBar]:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with ProgressBar(*columns, console=err) as bar:
        yield bar


def progress_on(bar: ProgressBar, task: TaskID, prefix: str = "") -> Progress:
    """A callback that shows the present step and its progress on the bar."""
    return lambda step, share: bar.update(task, description=prefix + step, total=1, completed=share)
