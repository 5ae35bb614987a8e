"""Commands that run the service: retrain, drift, watch, serve."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from crime.cli import rendering
from crime.cli.app import app
from crime.cli.console import out, print_warning, progress_bar, progress_on, readable_errors
from crime.cli.options import DayFirst, Json, Share, Since, Workers
from crime.core.settings import Settings


@app.command()
def retrain(
    work: Annotated[
        Path, typer.Option(help="Working folder; an interrupted run continues from it.", file_okay=False)
    ] = Path("work"),
    data: Annotated[
        Path | None, typer.Option(help="Train on this table, not on the portal's reports.", exists=True)
    ] = None,
    since: Since = None,
    share: Share = None,
    day_first: DayFirst = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Use what record review found: right codes, and wrong records left out.")
    ] = False,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Fetch, build features, train both models, promote those that pass their gates. A second run changes nothing."""
    if share and data is None:
        raise typer.BadParameter("only with --data: the portal's reports are all", param_hint="--share")
    with readable_errors():
        from crime.core.executors import connect_executor
        from crime.pipelines import retrain
        from crime.reports.freshness import freshness_text

        with progress_bar() as bar:
            show = progress_on(bar, bar.add_task("fetch", total=None))
            table = retrain.GivenTable(data, share or 1.0, day_first) if data else None
            result = retrain.retrain(Settings(), table, since, work, connect_executor(dask), show, decisions)
    for line in result.fetched or (freshness_text(result.until),):  # the last line of a fetch tells the same
        out.print(line, highlight=False, soft_wrap=True, markup=False)
    for name, model in result.models.items():
        out.print(f"{name} version {model.version}: {model.verdict}", highlight=False, soft_wrap=True)
    if as_json:
        told = asdict(result)
        del told["fetched"]  # a second run fetches less, and is otherwise the same
        typer.echo(json.dumps(told))


@app.command()
def drift(
    data: Annotated[
        Path | None, typer.Option(help="A later table with crime codes, joined by DR_NO.", exists=True)
    ] = None,
    day_first: DayFirst = None,
    as_json: Json = False,
) -> None:
    """Compare recorded predictions with the champion's training data; with a later table, show how good they were."""
    from crime.monitoring.drift_report import drift_report
    from crime.monitoring.performance import read_performance, update_performance
    from crime.monitoring.prediction_log import PredictionLog
    from crime.registry.lookup import load_champion, open_file_store
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally

    with readable_errors():
        settings = Settings()
        store = open_file_store(settings)
        model, predictions = load_champion(settings), PredictionLog(store)
        if data:
            labelled = load_reports(data, Tally(day_first=day_first))
            recorded = predictions.read(shadows=True)
            update_performance(store, recorded, labelled.fields["dr_no"], labelled.label)
        unreadable: list[str] = []
        recorded = predictions.read(unreadable=unreadable)
        report = drift_report(model, recorded, read_performance(store, unreadable), len(unreadable))
    rendering.print_drift(report)
    for path in unreadable:
        print_warning(f"{path} can't be read, and is left out")
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"performance": [week.as_json() for week in report.performance]}))


@app.command()
def watch(
    webhook_file: Annotated[Path, typer.Option(help="File with the webhook's address, which is a secret.")],
) -> None:
    """Tell a Slack-like webhook of drift, new champions and stale data, each event once.

    What could not be told, or not be found out, is tried again by the next run, and the exit code is 1.
    """
    with readable_errors():
        from crime.pipelines.watch import watch
        from crime.pipelines.webhook import read_address

        watched = watch(Settings(), read_address(webhook_file))
    for text in watched.told or ["nothing new to tell"]:
        out.print(text, highlight=False, soft_wrap=True, markup=False)
    for problem in watched.problems:
        print_warning(problem)
    if watched.problems:
        raise typer.Exit(1)


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="TCP port; by default CRIME_PORT or 5000.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
) -> None:
    """Serve the champion over HTTP."""
    from crime.serving.server import serve

    options = {"port": port, "host": host}
    serve(Settings().model_copy(update={name: value for name, value in options.items() if value is not None}))
