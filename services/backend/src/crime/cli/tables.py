"""Commands of tables: fetch, check, simulate, build features, list codes."""

import csv
import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from crime.cli.app import app, features_app
from crime.cli.console import err, out, progress_bar, readable_errors, table_or_sample
from crime.cli.options import Data, DayFirst, Json, Rejects, Since
from crime.cli.rendering import print_tally
from crime.core.settings import Settings


@app.command()
def fetch(
    output: Annotated[
        Path, typer.Option(help="A CSV file; an interrupted run continues where it stopped.", dir_okay=False)
    ] = Path("reports.csv"),
    since: Since = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Only the dataset with this id on the portal, such as k7nn-b2ep; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch all of LAPD's reports from the city's open-data portal; a second run fetches what was added or changed."""
    from crime.reports.portal import fetch_reports

    with readable_errors(), progress_bar() as bar:
        task = bar.add_task("connect to the portal", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, description=f"{done:,} of {total:,} reports", total=total, completed=done)

        result = fetch_reports(Settings(), output, since, show, dataset or ())
    out.print(f"{output}: {result.rows:,} reports, {result.fetched:,} fetched now", highlight=False, soft_wrap=True)
    for line in result.lines:
        out.print(f"  {line}", highlight=False, soft_wrap=True, markup=False)
    if as_json:
        typer.echo(json.dumps({"output": str(output)} | result.as_json()))


@app.command()
def check(data: Data = None, rejects: Rejects = None, day_first: DayFirst = None, as_json: Json = False) -> None:
    """Read a table: what was repaired and rejected, where its feed begins and ends, how new its reports are."""
    import numpy as np

    from crime.core.errors import DataError
    from crime.reports.files import parse_block, read_blocks
    from crime.reports.freshness import Freshness, newest_by_system
    from crime.reports.history import EventHistory, occurred_and_known
    from crime.reports.tally import Tally
    from crime.training.forecaster.feed_end import feed_bounds

    with readable_errors(), table_or_sample(data) as path:
        tally = Tally(rejects, day_first)
        freshness, days = Freshness({}), []
        for batch in read_blocks(path, tally):
            reports = parse_block(batch, tally)
            freshness = freshness.with_days(newest_by_system(reports))
            days.append(occurred_and_known(reports.take(np.flatnonzero(reports.accepted))))
        occurred, known = (np.concatenate(part) for part in zip(*days, strict=True)) if days else (np.empty(0),) * 2
        feed = feed_bounds(EventHistory.of_days(occurred, known), tally).notes if len(occurred) else ()
    print_tally(tally)
    for line in (*feed, freshness.text):
        err.print(line, highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(tally.as_dict() | freshness.as_json() | {"feed": feed}))
    with readable_errors():
        if not len(occurred):
            raise DataError(tally.no_report)
        tally.check_columns()


@app.command()
def twin(
    output: Annotated[Path, typer.Option(help="Output file: .csv, .csv.gz or .parquet.", dir_okay=False)],
    rows: Annotated[int, typer.Option(min=1, max=9_999_999, help="Number of rows at most.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same city.")] = 1,
    drift: Annotated[
        str | None,
        typer.Option(help="The day, such as 2021-06-01, from which categories and premises have other shares."),
    ] = None,
    system: Annotated[
        Literal["legacy", "nibrs", "both"],
        typer.Option(help="LAPD's own crime codes, NIBRS, or both in one table: areas move to NIBRS one by one."),
    ] = "legacy",
    seam: Annotated[str, typer.Option(help="With both systems: the day from which areas move.")] = "2024-03-07",
    first: Annotated[
        str | None,
        typer.Option(help="The first day; 2020-01-01, of NIBRS 2025-01-01, of both systems 2023-01-01 if not given."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Only what was reported by this day, as a table of that day.")
    ] = None,
) -> None:
    """Write a simulated city's reports, whose true distribution is known. Every row says that it is simulated."""
    from crime.core.days import day_number
    from crime.simulation.city import SimulatedCity
    from crime.simulation.settings import CitySettings
    from crime.simulation.tables import write_city

    for option, day in (("--drift", drift), ("--seam", seam), ("--first", first), ("--until", until)):
        try:
            if day is not None:
                day_number(day)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=option) from None
    with readable_errors(), progress_bar() as bar:
        task = bar.add_task("build the city", total=rows)
        city = SimulatedCity(CitySettings(seed, rows, drift, system, seam, first, until))
        bar.update(task, description=f"write {output.name}")
        written = write_city(city, output, lambda done: bar.update(task, completed=done))
    out.print(f"{output}: {written:,} simulated reports, seed {seed}", highlight=False, soft_wrap=True)


@features_app.command("build")
def build_features(
    data: Data = None,
    rejects: Rejects = None,
    day_first: DayFirst = None,
    until: Annotated[str | None, typer.Option(help="Only what was reported by this day, such as 2020-12-31.")] = None,
    output: Annotated[Path, typer.Option(help="A folder; months up to date are kept.", file_okay=False)] = Path(
        "features"
    ),
    as_json: Json = False,
) -> None:
    """Write the history of every windowed feature, a Parquet file for each entity and month."""
    from crime.core.days import day_number
    from crime.features.store import build_feature_store
    from crime.reports.history import read_history
    from crime.reports.tally import Tally

    try:
        last = day_number(until) if until else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    with readable_errors(), table_or_sample(data) as path, progress_bar() as bar:
        tally = Tally(rejects, day_first)
        task = bar.add_task(f"read {path.name}", total=None)
        written = unchanged = 0
        for month in build_feature_store(read_history(path, tally), output, last):
            written, unchanged = written + month.fresh, unchanged + (not month.fresh)
            bar.update(task, description=str(month.path.relative_to(output)))
    print_tally(tally)
    out.print(f"{output}: {written} months written, {unchanged} kept", highlight=False, soft_wrap=True)
    if as_json:
        summary = {"rows": tally.rows, "rejected": tally.rejected_rows, "written": written, "kept": unchanged}
        typer.echo(json.dumps(summary | {"output": str(output)}))


@app.command()
def codes() -> None:
    """The crime codes of both report systems, the category of each, and whether it is serious: a felony as a rule."""
    from crime.reports.categories import CATEGORY_NAMES, CRIME_CODES

    header = ("Crm Cd", "Crm Cd Desc", "Category", "System", "Serious")
    rows = (
        (crime.code, crime.name, CATEGORY_NAMES[crime.category], crime.system, int(crime.serious))
        for crime in CRIME_CODES
    )
    csv.writer(typer.get_text_stream("stdout")).writerows([header, *rows])
