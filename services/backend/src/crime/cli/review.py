"""The command that reviews recorded crime codes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from crime.cli import rendering
from crime.cli.app import app
from crime.cli.console import out, progress_bar, progress_on, readable_errors, table_or_sample
from crime.cli.options import Data, DayFirst, Json, Rejects, Workers


@app.command()
def review(
    output: Annotated[Path, typer.Option(help="Output file: .csv, .parquet or .ndjson.", dir_okay=False)],
    data: Data = None,
    rejects: Rejects = None,
    day_first: DayFirst = None,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Rank the records of a table by how much their fields speak for another crime code than the recorded one."""
    from crime.core.executors import connect_executor
    from crime.pipelines.review import review_file
    from crime.reports.tally import Tally

    with readable_errors(), table_or_sample(data) as path, progress_bar() as bar:
        tally, executor = Tally(rejects, day_first), connect_executor(dask)
        task = bar.add_task(f"read {path.name}", total=None)

        def show(rows: int) -> None:
            bar.update(task, description=f"read {path.name}: {rows:,} rows")

        summary = review_file(path, output, tally, progress_on(bar, task), show, executor)
    rendering.print_tally(tally)
    rendering.print_review(summary, tally)
    out.print(f"{output}: {summary.reviewed:,} records ranked", highlight=False, soft_wrap=True)
    if as_json:
        counts = {"rows": tally.rows, "rejected": tally.rejected_rows, "simulated": bool(tally.simulated)}
        typer.echo(json.dumps(counts | asdict(summary) | {"output": str(output)}))
