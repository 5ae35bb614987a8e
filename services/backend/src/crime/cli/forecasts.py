"""The `crime` command: train, evaluate, predict, export, serve."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from crime.cli.app import app
from crime.cli.errors import explained_errors
from crime.cli.options import Data, Json, Rejects
from crime.cli.rendering import out, progress_bar, progress_callback, show_tally
from crime.cli.source import data_source
from crime.core.settings import Settings


@app.command()
def forecast(
    data: Data = None,
    rejects: Rejects = None,
    horizon: Annotated[int, typer.Option(min=1, max=28, help="Days ahead to show.")] = 28,
    as_json: Json = False,
) -> None:
    """Forecast reports by area and district from a table, try it at past origins, register it in MLflow."""
    import numpy as np

    from crime.core.days import day_text
    from crime.forecaster.bundle import INTERVAL_BOUNDS
    from crime.pipelines.publishing import publish_forecast, temporary_bundle
    from crime.registry.lookup import open_registry
    from crime.reports.codes import code_names as named
    from crime.reports.history import read_history
    from crime.reports.tally import Tally
    from crime.training.forecaster.train import train_forecast

    with explained_errors():
        from crime.pipelines.publishing import publish_forecast, temporary_bundle
        from crime.registry.lookup import open_registry
        from crime.reports.history import read_history
        from crime.training.forecaster.train import train_forecast

        tally = Tally(rejects)
        with temporary_bundle() as place, progress_bar() as bar, data_source(data) as path:
            task = bar.add_task(f"read {path.name}", total=None)

            directory = Path(place) / "bundle"
            made = train_forecast(read_history(path, tally), tally, directory, progress_callback(bar, task))
            bar.update(task, description="register in MLflow", total=None)
            version, verdict = publish_forecast(made, directory, open_registry(Settings()))
    show_tally(tally)
    days = [day_text(made.origin + 1 + at) for at in range(horizon)]
    means = made.expected("area", np.arange(horizon))
    bounds = made.bounds("area", means)
    simulated = "SIMULATED: " if tally.simulated else ""
    shown = Table(title=f"{simulated}{made.name} version {version}: expected reports on {days[0]}, with intervals")
    for column in ("area", "expected", "80 %", "95 %", f"in {horizon} days"):
        shown.add_column(column, justify="left" if column == "area" else "right")
    areas = made.places["area"].ids.tolist()
    for at in np.argsort(-means[:, 0]):
        low80, high80, low95, high95 = bounds[:, at, 0]
        name = f"{named('area').get(str(areas[at]), '')} ({areas[at]})"
        cells = f"{low80:.0f} to {high80:.0f}", f"{low95:.0f} to {high95:.0f}", f"{means[at].sum():.0f}"
        shown.add_row(name, f"{means[at, 0]:.1f}", *cells)
    out.print(shown)
    for by, backtest in made.spec.backtest.items():
        out.print(
            f"by {by}: deviance {backtest.gain:+.1%} better than the best baseline over {backtest.origins} origins"
        )
    out.print(verdict, highlight=False, soft_wrap=True)
    if as_json:
        summary = {
            "model": made.name,
            "version": version,
            "rows": tally.rows,
            "rejected": tally.rejected_rows,
            "simulated": bool(tally.simulated),
            "made_at": day_text(made.origin),
            "horizon": horizon,
            "areas": {
                str(area): [
                    {"date": day, "mean": round(float(means[at, d]), 4)}
                    | {name: float(bounds[b, at, d]) for b, name in enumerate(INTERVAL_BOUNDS)}
                    for d, day in enumerate(days)
                ]
                for at, area in enumerate(areas)
            },
        }
        typer.echo(json.dumps(summary))


@app.command()
def backtest(
    data: Data = None,
    rejects: Rejects = None,
    by: Annotated[Literal["area", "district"], typer.Option(help="Which places.")] = "area",
    every: Annotated[Literal["day", "week"], typer.Option(help="How long a step is.")] = "day",
    as_json: Json = False,
) -> None:
    """Try forecasts of 28 days at past origins, each from what was known then, against baselines."""
    from crime.reports.history import read_history
    from crime.reports.tally import Tally
    from crime.simulation.city import city_of
    from crime.training.forecaster.cross_validation import backtest_origins, cross_validation
    from crime.training.forecaster.forecaster import Forecaster
    from crime.training.forecaster.scores import summarise

    with explained_errors(), data_source(data) as path, progress_bar() as bar:
        tally = Tally(rejects)
        task = bar.add_task(f"read {path.name}", total=None)
        reports = read_history(path, tally)
        backtest_origins(reports)
        forecaster = Forecaster(reports, [by])
        city = city_of(path)
        truth = city.truth if city else None
        trials = cross_validation(forecaster, by, every, truth, progress=progress_callback(bar, task))
        summary = summarise(trials, by, every)
    show_tally(tally)
    simulated = "SIMULATED: " if tally.simulated else ""
    title = f"{simulated}reports by {by} and {every}, {summary.origins} origins"
    table = Table(title=title)
    shown = ("deviance", "pinball", "hit5", "hit20", "pai20", "pei20", "coverage80", "coverage95")
    for column in ("method", *shown):
        table.add_column(column, justify="left" if column == "method" else "right")
    for name, scores in summary.methods.items():
        table.add_row(name, *(f"{getattr(scores, column):.3f}" for column in shown))
    out.print(table)
    out.print(f"deviance {summary.gain:+.1%} better than the best baseline; chosen: {summary.chosen}", highlight=False)
    if summary.reached is not None:
        out.print(f"{summary.reached:.0%} of the way from the best baseline to the truth", highlight=False)
    if as_json:
        typer.echo(json.dumps(summary.as_json()))
