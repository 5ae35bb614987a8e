"""Time and memory of whole commands as their table grows, on simulated reports with all 28 columns.

Up to a million they are a random draw of a million, which are 4.5 years of a city; more are more years.
A command is left out of a size at which it would take more than an hour, if its time grows with the rows.
"""

import json
import sys
import tempfile
from pathlib import Path
from random import Random

from rich.console import Console
from rich.table import Table

from benchmarks.commands import run

COMMANDS = {
    "crime check": ("check", "--data", "{table}"),
    "crime features build": ("features", "build", "--data", "{table}", "--output", "{folder}/features"),
    "crime backtest": ("backtest", "--data", "{table}"),
    "crime forecast": ("forecast", "--data", "{table}"),
    "crime review": ("review", "--data", "{table}", "--output", "{folder}/review.parquet"),
    "crime train": ("train", "--data", "{table}"),
    "crime predict": ("predict", "--data", "{table}", "--output", "{folder}/answers.parquet"),
}
CRIME = (sys.executable, "-m", "crime.cli")
WHOLE_CITY = 1_000_000
LONGEST_SECONDS = 3_600
PLOT = Path("docs/growth.svg")

Figures = dict[str, dict[int, tuple[float, float]]]  # seconds, and MB at most, by command and rows


def draw_rows(source: Path, table: Path, share: float) -> None:
    """Write a random draw of the rows of a table."""
    random = Random(1)
    with source.open() as lines, table.open("w") as drawn:
        drawn.write(next(lines))
        drawn.writelines(line for line in lines if random.random() < share)


def measure(rows: int, folder: Path, figures: Figures) -> None:
    """Add each command's figures on a table of so many rows."""
    table = folder / "reports.csv"
    city = table if rows >= WHOLE_CITY else folder / "city.csv"
    run([*CRIME, "twin", "--rows", str(max(rows, WHOLE_CITY)), "--output", str(city)], folder / "mlruns")
    if rows < WHOLE_CITY:
        draw_rows(city, table, rows / WHOLE_CITY)
    for name, words in COMMANDS.items():
        of_command = figures.setdefault(name, {})
        largest = max(of_command, default=0)
        if largest and of_command[largest][0] / largest * rows > LONGEST_SECONDS:
            continue
        arguments = [word.format(table=table, folder=folder) for word in words]
        of_command[rows] = run([*CRIME, *arguments], folder / "mlruns")


def draw(figures: Figures) -> None:
    """Seconds and MB over the rows, both logarithmic: what is linear is a line at 45 degrees."""
    from matplotlib import pyplot  # a command's peak memory begins with that of this process

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    for name, by_rows in figures.items():
        rows = sorted(by_rows)
        for panel, position in zip(panels, (0, 1), strict=True):
            panel.plot(rows, [by_rows[count][position] for count in rows], marker="o", markersize=4, label=name)
    for panel, title in zip(panels, ("seconds", "MB at most"), strict=True):
        panel.set(xscale="log", yscale="log", xlabel="reports", title=title)
        panel.grid(alpha=0.3)
    least, most = (choose(figures["crime check"]) for choose in (min, max))
    panels[0].plot([least, most], [100 * least / most, 100], color="grey", linestyle=":", label="linear")
    panels[0].legend(fontsize=8)
    figure.savefig(PLOT, metadata={"Date": None})


def main(sizes: list[int]) -> None:
    figures: Figures = {}
    for rows in sizes:
        with tempfile.TemporaryDirectory() as name:
            measure(rows, Path(name), figures)
        table = Table("command", *(f"{count:,}" for count in sizes))
        for command, by_rows in figures.items():
            table.add_row(command, *(_cell(*by_rows[count]) if count in by_rows else "" for count in sizes))
        Console().print(table)
        Path("benchmark-growth.json").write_text(json.dumps(figures, indent=1) + "\n")
        draw(figures)


def _cell(seconds: float, megabytes: float) -> str:
    return f"{seconds:,.1f} s, {megabytes:,.0f} MB"


if __name__ == "__main__":
    main([int(rows) for rows in sys.argv[1:]])
