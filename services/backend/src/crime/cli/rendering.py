"""The `crime` command: train, evaluate, predict, export, serve."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from crime.reports.tally import Tally


out, err = Console(), Console(stderr=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err) as bar:
        yield bar


def progress_callback(bar: Progress, task: TaskID, prefix: str = "") -> Callable[[str, float], None]:
    """Shows on the bar what is being done and the share of it done."""
    return lambda what, share: bar.update(task, description=prefix + what, total=1, completed=share)


def show_tally(tally: "Tally") -> None:
    err.print(f"{tally.rows:,} rows read, {tally.rejected_rows:,} rejected, {tally.repaired.total():,} cells repaired")
    for kind, count in tally.repaired.most_common():
        err.print(f"  repaired {count:,}: {kind}", highlight=False)
    for reason, count in tally.rejected.most_common():
        shown = ", ".join(f"row {row}: {cell!r}" for row, cell in tally.examples[reason])
        err.print(f"  rejected {count:,}: {reason} ({shown})", highlight=False, markup=False)


def show_scores(scores: dict[str, dict[str, float]], title: str) -> None:
    from crime.reports.schema import DETAIL_LEVELS

    table = Table(title=title)
    for column in ("known", "accuracy", "weighted F1", "macro AUC", "log loss", "ECE"):
        table.add_column(column, justify="left" if column == "known" else "right")
    for level, name in {"overall": "reports as they are", **DETAIL_LEVELS}.items():
        table.add_row(name, *(f"{value:.3f}" for value in scores[level].values()))
    out.print(table)


def show_bayes_limits(limits: dict[str, float], scores: dict[str, dict[str, float]]) -> None:
    """Of a simulated table: how close log loss came to what a model that knew the truth would reach."""
    for level, limit in limits.items():
        loss = scores[level]["log_loss"]
        out.print(f"{level}: log loss {loss:.4f}, Bayes limit {limit:.4f}, {loss / limit - 1:+.1%}", highlight=False)


def score_summary(
    model: str, version: str, rows: int, tally: "Tally", scores: dict[str, dict[str, float]]
) -> dict[str, Any]:
    return {
        "model": model,
        "version": version,
        "rows": rows,
        "rejected": tally.rejected_rows,
        "overall": scores["overall"],
        "levels": {level: values for level, values in scores.items() if level != "overall"},
    }
