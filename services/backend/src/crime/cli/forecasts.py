"""Commands of the forecast: make one, backtest the method, write the week as a file."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from crime.cli import rendering
from crime.cli.app import app
from crime.cli.console import out, progress_bar, progress_on, readable_errors, share_of_all, table_or_sample
from crime.cli.options import Data, DayFirst, Json, Rejects, Share, Workers, check_day
from crime.core.settings import Settings


@app.command()
def forecast(
    data: Data = None,
    rejects: Rejects = None,
    day_first: DayFirst = None,
    share: Share = None,
    horizon: Annotated[int, typer.Option(min=1, max=28, help="Days ahead to show.")] = 28,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Forecast reports by area and district from a table, backtest the forecast, register it in MLflow."""
    from crime.core.bundle_files import temporary_bundle
    from crime.core.executors import connect_executor
    from crime.core.model_names import FORECAST_MODEL
    from crime.pipelines.ready_publishing import ReadyPublishing
    from crime.registry.lookup import open_registry
    from crime.reports.history import read_history
    from crime.reports.tally import Tally
    from crime.training.forecaster.feed_end import complete_history
    from crime.training.forecaster.train import train_forecast

    with readable_errors():
        tally, executor = Tally(rejects, day_first), connect_executor(dask)
        with (
            temporary_bundle() as parent,
            progress_bar() as bar,
            table_or_sample(data) as path,
            ReadyPublishing(open_registry(Settings()), FORECAST_MODEL) as publishing,
        ):
            task = bar.add_task(f"read {path.name}", total=None)
            directory = Path(parent) / "bundle"
            history = complete_history(read_history(path, tally), tally)
            progress = publishing.beside(progress_on(bar, task))
            bundle = train_forecast(history, tally, directory, progress, share_of_all(data, share), executor)
            bar.update(task, description="register in MLflow", total=None)
            published = publishing.publish(directory)
    rendering.print_tally(tally)
    rendering.print_forecast(bundle, published.version, horizon, tally)
    out.print(published.verdict, highlight=False, soft_wrap=True)
    if as_json:
        rendering.print_forecast_json(bundle, published.version, horizon, tally)


@app.command()
def backtest(
    data: Data = None,
    rejects: Rejects = None,
    day_first: DayFirst = None,
    by: Annotated[Literal["area", "district"], typer.Option(help="Kind of place.")] = "area",
    every: Annotated[Literal["day", "week"], typer.Option(help="Length of a step.")] = "day",
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Make forecasts of 28 days at past origins, each from the reports known by then, and compare with baselines."""
    from crime.core.executors import connect_executor
    from crime.reports.history import read_history
    from crime.reports.tally import Tally
    from crime.simulation.truth import expected_counts, simulated_city
    from crime.training.forecaster.cross_validation import backtest_needs, cross_validation
    from crime.training.forecaster.feed_end import complete_history
    from crime.training.forecaster.forecaster import Forecaster
    from crime.training.forecaster.scores import summarise

    with readable_errors(), table_or_sample(data) as path, progress_bar() as bar:
        tally, executor = Tally(rejects, day_first), connect_executor(dask)
        task = bar.add_task(f"read {path.name}", total=None)
        history = complete_history(read_history(path, tally), tally)
        city = simulated_city(path)
        truth = partial(expected_counts, city) if city else None
        forecaster = Forecaster(history, [by])
        forecaster.compute(backtest_needs(history, [by]), executor, progress_on(bar, task))
        summary = summarise(cross_validation(forecaster, by, every, truth), by, every)
    rendering.print_tally(tally)
    rendering.print_backtest(summary, tally)
    if as_json:
        typer.echo(json.dumps(summary.as_json()))


@app.command()
def bulletin(
    output: Annotated[Path, typer.Option(help="The HTML file to write.", dir_okay=False)] = Path("bulletin.html"),
    week: Annotated[
        str | None,
        typer.Option(help="A day of the week, such as 2021-01-31; default: the champion's.", callback=check_day),
    ] = None,
) -> None:
    """Write the week as one HTML file: what is unusual, and counts beside the week, month and year before."""
    from crime.core.files import atomic_write
    from crime.pipelines.bulletin import bulletin_html, forecast_of_week
    from crime.registry.lookup import open_registry

    with readable_errors():
        bundle = forecast_of_week(open_registry(Settings()), week)
        with atomic_write(output) as partial:
            partial.write_text(bulletin_html(bundle), encoding="utf-8")
    out.print(f"{output}: {bundle.name} version {bundle.version}, the week to {bundle.spec.data.until}", soft_wrap=True)
