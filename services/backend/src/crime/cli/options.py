"""Options and arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer


def check_day(text: str | None) -> str | None:
    from crime.core.days import day_number

    try:
        if text:
            day_number(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def parse_share(text: str) -> float:
    """A share of all reports, more than 0 and at most 1. Raises `typer.BadParameter`."""
    from fractions import Fraction

    try:
        share = float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        share = 0.0
    if not 0 < share <= 1:
        raise typer.BadParameter("expected a share such as 1/127 or 0.01")
    return share


Data = Annotated[
    Path | None,
    typer.Option(
        help="LAPD table: CSV, workbook, JSON, Parquet or a folder of it, Feather; packed or not. Default: the sample."
    ),
]
DayFirst = Annotated[
    bool | None,
    typer.Option("--day-first/--month-first", help="Of dates as 01/02/2020, where the table's other rows do not tell."),
]
Rejects = Annotated[Path | None, typer.Option(help="CSV file for rejected rows, each with its reason first.")]
Workers = Annotated[
    str | None,
    typer.Option("--dask", envvar="CRIME_DASK", help="Run on the workers of this Dask scheduler: tcp://HOST:8786."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON at the end.")]
ModelName = Annotated[str, typer.Argument(help="crime-category or crime-risk.")]
DecidedBy = Annotated[str, typer.Option(envvar="USER", help="Who decides; it is recorded.")]
Since = Annotated[
    str | None, typer.Option(help="Only events from this day on, such as 2020-01-01.", callback=check_day)
]
Share = Annotated[
    float | None,
    typer.Option(
        parser=parse_share,
        metavar="SHARE",
        help="The table is a random draw of this share of all reports, such as 1/127: counts are scaled to all.",
    ),
]
Archive = Annotated[str, typer.Argument(help="A .tar.gz file, a folder, or s3://BUCKET/PATH.")]
