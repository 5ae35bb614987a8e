"""The `crime` command: train, evaluate, predict, export, serve."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from crime.cli.app import app
from crime.cli.errors import explained_errors
from crime.cli.options import Json, Since, Workers
from crime.cli.rendering import out, progress_bar, progress_callback
from crime.core.settings import Settings


@app.command()
def retrain(
    work: Annotated[Path, typer.Option(help="A folder; what a killed run left there is used.", file_okay=False)] = Path(
        "work"
    ),
    data: Annotated[
        Path | None, typer.Option(help="A table to train on instead of the portal's.", exists=True, dir_okay=False)
    ] = None,
    since: Since = None,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Fetch, build features, train both models, judge them, promote what passes. Doing it twice is doing it once."""
    with explained_errors():
        from crime.core.executors import connect_executor
        from crime.pipelines import retrain

        with progress_bar() as bar:
            task = bar.add_task("fetch", total=None)
            done = retrain.retrain(Settings(), data, since, work, connect_executor(dask), progress_callback(bar, task))
    for name, found in done["models"].items():
        out.print(f"{name} version {found['version']}: {found['verdict']}", highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(done))


@app.command()
def drift(
    data: Annotated[
        Path | None, typer.Option(help="A later table with crime codes, joined by DR_NO.", exists=True, dir_okay=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Recorded predictions beside what the champion was trained on; with a later table, how good they were."""
    from crime.monitoring.drift_report import drift_report
    from crime.monitoring.performance import read_performance, update_performance
    from crime.monitoring.prediction_log import PredictionLog
    from crime.registry.lookup import load_champion, open_file_store
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally

    with explained_errors():
        settings = Settings()
        store = open_file_store(settings)
        model, predictions = load_champion(settings), PredictionLog(store)
        if data:
            labelled = load_reports(data, Tally())
            recorded = predictions.read(shadows=True)
            update_performance(store, recorded, labelled.fields["dr_no"], labelled.label)
        report = drift_report(model, predictions.read(), read_performance(store))
    shown = Table(title=f"{report.reports:,} predictions beside {report.model_name} {report.model_version}'s data")
    for column in ("of", "reports", "PSI", "JS distance", "p", ""):
        shown.add_column(column, justify="left" if column in ("of", "") else "right")
    for each in report.features:
        word = "[red]drifted" if each.drifted else ""
        shown.add_row(each.feature, f"{each.reports:,}", f"{each.psi:.3f}", f"{each.js:.3f}", f"{each.p:.1e}", word)
    out.print(shown)
    weeks = [week.as_json() for week in report.performance]
    for week in weeks:
        out.print(
            f"week of {week['week']}, version {week['version']}: {week['reports']:,} labels, accuracy "
            f"{week['accuracy']:.3f}, log loss {week['log_loss']:.3f}, calibration error {week['ece']:.3f}",
            highlight=False,
        )
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"performance": weeks}))


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="TCP port, 5000 unless CRIME_PORT says otherwise.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
) -> None:
    """Serve the champion over HTTP."""
    from crime.serving.server import serve

    given = {"port": port, "host": host}
    serve(Settings().model_copy(update={name: value for name, value in given.items() if value is not None}))
