"""Commands of the category model: train, tune, evaluate, predict."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from crime.cli import rendering
from crime.cli.app import app
from crime.cli.console import out, progress_bar, progress_on, readable_errors, share_of_all, table_or_sample
from crime.cli.options import Data, DayFirst, Json, Rejects, Share, Workers
from crime.core.settings import Settings
from crime.registry.protocol import Registry


@app.command()
def train(
    data: Data = None,
    rejects: Rejects = None,
    day_first: DayFirst = None,
    share: Share = None,
    seed: Annotated[int, typer.Option(help="The same data and seed give the same model.")] = 0,
    victim: Annotated[bool, typer.Option("--victim", help="Use the victim columns too.")] = False,
    tuned: Annotated[bool, typer.Option("--tuned", help="Use the best parameters that `crime tune` found.")] = False,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Judge a model of the first 80 % of a table by time on the rest, train on all of it, register in MLflow."""
    from crime.classifier.bundle import CategoryBundle
    from crime.core.bundle_files import temporary_bundle
    from crime.core.executors import connect_executor
    from crime.core.model_names import CATEGORY_MODEL
    from crime.pipelines.ready_publishing import ReadyPublishing
    from crime.registry.lookup import open_registry
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally
    from crime.simulation.truth import bayes_log_losses
    from crime.training.classifier.train import train_category_model

    with readable_errors():
        tally, executor, registry = Tally(rejects, day_first), connect_executor(dask), open_registry(Settings())
        parameters = _tuned_parameters(registry) if tuned else None
        with (
            temporary_bundle() as parent,
            progress_bar() as bar,
            table_or_sample(data) as path,
            ReadyPublishing(registry, CATEGORY_MODEL) as publishing,
        ):
            task = bar.add_task(f"read {path.name}", total=None)
            directory = Path(parent) / "bundle"
            model, held_out = train_category_model(
                load_reports(path, tally),
                tally,
                directory,
                share=share_of_all(data, share),
                seed=seed,
                victim=victim,
                parameters=parameters,
                executor=executor,
                progress=publishing.beside(progress_on(bar, task, "train: ")),
            )
            bar.update(task, description="register in MLflow", total=None)
            published = publishing.publish(directory)
            model = CategoryBundle(directory, published.version)
            limits = bayes_log_losses(path, held_out)
    scores = model.spec.metrics
    rendering.print_tally(tally)
    rendering.print_scores(scores, f"{model.name} version {published.version}: {len(held_out):,} held-out reports")
    rendering.print_scores_by_system(model.spec.by_system)
    rendering.print_bayes_limits(limits, scores)
    out.print(published.verdict, highlight=False, soft_wrap=True)
    if as_json:
        rendering.print_score_json(model, len(held_out), tally, scores, model.spec.by_system, limits)


def _tuned_parameters(registry: Registry) -> dict[str, int | float]:
    from crime.pipelines.tune import best_parameters

    return best_parameters(registry)


@app.command()
def tune(
    data: Data = None,
    rejects: Rejects = None,
    day_first: DayFirst = None,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials in all, including those of earlier runs.")] = 30,
    seed: Annotated[int, typer.Option(help="Seed of the search and of the trees.")] = 0,
    dask: Workers = None,
    as_json: Json = False,
) -> None:
    """Search better parameters for `crime train --tuned`; each trial is an MLflow run; a stopped search continues."""
    from crime.core.executors import connect_executor
    from crime.pipelines import tune
    from crime.registry.lookup import open_registry
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally

    with readable_errors(), progress_bar() as bar, table_or_sample(data) as path:
        tally = Tally(rejects, day_first)
        task = bar.add_task(f"read {path.name}", total=None)
        registry, executor = open_registry(Settings()), connect_executor(dask)
        result = tune.tune(
            load_reports(path, tally), registry, executor, trials, seed, progress_on(bar, task, "tune: ")
        )
    rendering.print_tally(tally)
    rendering.print_tuning(result)
    if as_json:
        typer.echo(json.dumps(asdict(result)))


@app.command()
def evaluate(data: Data = None, rejects: Rejects = None, day_first: DayFirst = None, as_json: Json = False) -> None:
    """Evaluate the champion on a table with crime codes; on a simulated table also show the Bayes limit."""
    from crime.registry.lookup import load_champion
    from crime.reports.files import load_reports
    from crime.reports.tally import Tally
    from crime.simulation.truth import bayes_log_losses
    from crime.training.classifier.train import evaluate_levels, scores_by_system

    with readable_errors(), table_or_sample(data) as path, progress_bar() as bar:
        tally = Tally(rejects, day_first)
        model = load_champion(Settings())
        task = bar.add_task(f"read {path.name}", total=None)
        reports = load_reports(path, tally)
        bar.update(task, description="evaluate")
        scores = {level: score.short() for level, score in evaluate_levels(model, reports).items()}
        by_system = scores_by_system(model, reports)
        limits = bayes_log_losses(path, reports)
    rendering.print_tally(tally)
    title = f"{rendering.simulated(tally)}{model.name} version {model.version}: {len(reports):,} reports"
    rendering.print_scores(scores, title)
    rendering.print_scores_by_system(by_system)
    rendering.print_bayes_limits(limits, scores)
    rendering.print_seen(model, reports)
    if as_json:
        rendering.print_score_json(model, len(reports), tally, scores, by_system, limits)


@app.command()
def predict(
    output: Annotated[Path, typer.Option(help="Output file: .csv, .parquet or .ndjson.", dir_okay=False)],
    data: Data = None,
    rejects: Rejects = None,
    day_first: DayFirst = None,
    as_json: Json = False,
) -> None:
    """Score every report of a table with the champion; the table's own columns are followed by the prediction's."""
    from crime.pipelines.score_table import score_file
    from crime.registry.lookup import load_champion
    from crime.reports.tally import Tally

    with readable_errors(), table_or_sample(data) as path, progress_bar() as bar:
        tally = Tally(rejects, day_first)
        model = load_champion(Settings())
        task = bar.add_task(f"score {path.name}", total=None)

        def show(rows: int) -> None:
            bar.update(task, description=f"score {path.name}: {rows:,} rows")

        score_file(model, path, output, tally, show)
    rendering.print_tally(tally)
    out.print(f"{output}: scored by {model.name} version {model.version}", highlight=False, soft_wrap=True)
    if as_json:
        summary = {"model": model.name, "version": model.version, "rows": tally.rows, "rejected": tally.rejected_rows}
        typer.echo(json.dumps(summary | {"output": str(output)}))
