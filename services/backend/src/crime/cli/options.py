"""The `crime` command: train, evaluate, predict, export, serve."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(help="LAPD table: CSV, gzip, zip or Parquet. Without it the embedded sample.", dir_okay=False),
]
Rejects = Annotated[Path | None, typer.Option(help="Write rejected rows here (CSV), the reason first.")]
Workers = Annotated[
    str | None,
    typer.Option("--dask", envvar="CRIME_DASK", help="A Dask scheduler whose workers do it: tcp://HOST:8786."),
]
Json = Annotated[bool, typer.Option("--json", help="End with one line of JSON.")]
Name = Annotated[str, typer.Argument(help="crime-category or crime-risk.")]
By = Annotated[str, typer.Option(envvar="USER", help="Who decides; it is recorded.")]


def _day(text: str | None) -> str | None:
    from crime.core.days import day_number

    try:
        if text:
            day_number(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


Since = Annotated[str | None, typer.Option(help="Only what happened from this day on, 2020-01-01.", callback=_day)]
Archive = Annotated[Path, typer.Argument(help="A .tar.gz file.", dir_okay=False)]
