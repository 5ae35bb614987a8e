"""The `crime` command: train, evaluate, predict, export, serve."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from crime.cli.app import app
from crime.cli.errors import explained_errors
from crime.cli.options import Data, Json, Rejects, Workers
from crime.cli.rendering import (
    out,
    progress_bar,
    progress_callback,
    score_summary,
    show_bayes_limits,
    show_scores,
    show_tally,
)
from crime.cli.source import data_source
from crime.core.settings import Settings


@app.command()
def train(
    data: Data = None,
    rejects: Rejects = None,
    seed: Annotated[int, typer.Option(help="Same data and seed, same model.")] = 0,
    victim: Annotated[bool, typer.Option("--victim", help="Use the victim columns too.")] = False,
    tuned: Annotated[bool, typer.Option("--tuned", help="With the best parameters `crime tune` found.")] = False,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Train on the first 80 % of a table by time, evaluate on the rest, register in MLflow."""
    from crime.classifier.bundle import CategoryBundle
    from crime.core.executors import connect_executor
    from crime.pipelines.publishing import publish, temporary_bundle
    from crime.pipelines.tune import best_parameters
    from crime.registry.lookup import open_registry
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally
    from crime.simulation.city import bayes_log_losses
    from crime.training.classifier.train import train_category_model

    with explained_errors():
        from crime.pipelines.publishing import publish, temporary_bundle
        from crime.pipelines.tune import best_parameters
        from crime.registry.lookup import open_registry
        from crime.simulation.city import bayes_log_losses
        from crime.training.classifier.train import train_category_model  # seconds: after the arguments were accepted

        tally, workers, parameters = Tally(rejects), connect_executor(dask), None
        if tuned:
            from crime.pipelines.publishing import publish, temporary_bundle
            from crime.pipelines.tune import best_parameters
            from crime.registry.lookup import open_registry
            from crime.simulation.city import bayes_log_losses
            from crime.training.classifier.train import train_category_model

            parameters = best_parameters(open_registry(Settings()))
        with temporary_bundle() as place, progress_bar() as bar, data_source(data) as path:
            task = bar.add_task(f"read {path.name}", total=None)
            directory = Path(place) / "bundle"
            model, held_out = train_category_model(
                load_reports(path, tally),
                tally,
                directory,
                seed=seed,
                victim=victim,
                parameters=parameters,
                executor=workers,
                progress=progress_callback(bar, task, "train: "),
            )
            bar.update(task, description="register in MLflow", total=None)
            version, verdict = publish(model, directory, open_registry(Settings()))
            model = CategoryBundle(directory, version)
            limits = bayes_log_losses(path, held_out)
        show_tally(tally)
        show_scores(model.spec.metrics, f"{model.name} version {version}: {len(held_out):,} held-out reports")
        show_bayes_limits(limits, model.spec.metrics)
        out.print(verdict, highlight=False, soft_wrap=True)
        if as_json:
            summary = score_summary(model.name, version, len(held_out), tally, model.spec.metrics)
            typer.echo(json.dumps(summary | ({"bayes_log_loss": limits} if limits else {})))


@app.command()
def tune(
    data: Data = None,
    rejects: Rejects = None,
    trials: Annotated[int, typer.Option(min=1, help="How many in all, those of earlier runs included.")] = 30,
    seed: Annotated[int, typer.Option(help="Of the search and of the trees.")] = 0,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Search better parameters for `crime train --tuned`; every trial is a run in MLflow, and a cut search goes on."""
    from crime.core.executors import connect_executor
    from crime.pipelines import tune
    from crime.registry.lookup import open_registry
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally

    with explained_errors():
        from crime.pipelines import tune
        from crime.registry.lookup import open_registry

        tally = Tally(rejects)
        with progress_bar() as bar, data_source(data) as path:
            task = bar.add_task(f"read {path.name}", total=None)
            where, workers = open_registry(Settings()), connect_executor(dask)
            found = tune.tune(
                load_reports(path, tally), where, workers, trials, seed, progress_callback(bar, task, "tune: ")
            )
    show_tally(tally)
    out.print(
        f"log loss {found.loss:.4f}, {found.default:.4f} with the default parameters; "
        f"{found.finished} trials finished, {found.pruned} given up early",
        highlight=False,
    )
    for name, value in found.parameters.items():
        out.print(f"  {name} {value:.4g}", highlight=False)
    if as_json:
        typer.echo(json.dumps(asdict(found)))


@app.command()
def evaluate(data: Data = None, rejects: Rejects = None, as_json: Json = False) -> None:
    """Score the champion on a table whose crime codes are known; on a twin's table, beside what could be known."""
    from crime.registry.lookup import load_champion
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally
    from crime.simulation.city import bayes_log_losses
    from crime.training.classifier.train import evaluate_levels

    with explained_errors(), data_source(data) as path, progress_bar() as bar:
        tally = Tally(rejects)
        model = load_champion(Settings())
        task = bar.add_task(f"read {path.name}", total=None)
        reports = load_reports(path, tally)
        bar.update(task, description="evaluate")
        scores = {level: found.short() for level, found in evaluate_levels(model, reports).items()}
        limits = bayes_log_losses(path, reports)
    show_tally(tally)
    simulated = "SIMULATED: " if tally.simulated else ""
    show_scores(scores, f"{simulated}{model.name} version {model.version}: {len(reports):,} reports")
    show_bayes_limits(limits, scores)
    if as_json:
        summary = score_summary(model.name, model.version, len(reports), tally, scores)
        typer.echo(json.dumps(summary | ({"bayes_log_loss": limits} if limits else {})))


@app.command()
def predict(
    output: Annotated[Path, typer.Option(help="Where to: .csv, .parquet or .ndjson.", dir_okay=False)],
    data: Data = None,
    rejects: Rejects = None,
    as_json: Json = False,
) -> None:
    """Score every report of a table with the champion; the answer's columns come behind the table's own."""
    from crime.pipelines.score_table import score_file
    from crime.registry.lookup import load_champion
    from crime.reports.tally import Tally

    with explained_errors(), data_source(data) as path, progress_bar() as bar:
        tally = Tally(rejects)
        model = load_champion(Settings())
        task = bar.add_task(f"score {path.name}", total=None)
        score_file(
            model,
            path,
            output,
            tally,
            lambda rows: bar.update(task, description=f"score {path.name}: {rows:,} rows"),
        )
    show_tally(tally)
    out.print(f"{output}: scored by {model.name} version {model.version}", highlight=False, soft_wrap=True)
    if as_json:
        summary = {
            "model": model.name,
            "version": model.version,
            "rows": tally.rows,
            "rejected": tally.rejected_rows,
        }
        typer.echo(json.dumps(summary | {"output": str(output)}))
