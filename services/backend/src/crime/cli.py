"""The `crime` command: train, evaluate, predict, export, serve."""

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from crime.settings import Settings

if TYPE_CHECKING:
    from crime.data import Tally

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
features_app = typer.Typer(no_args_is_help=True, help="The feature store.")
app.add_typer(features_app, name="features")
out, err = Console(), Console(stderr=True)

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


@contextmanager
def _explained() -> Iterator[None]:
    """Errors a user can act on are a line, not a traceback."""
    from crime.bundle import BundleError
    from crime.data import DataError
    from crime.promotion import Refused
    from crime.registry import RegistryError

    try:
        yield
    except (
        DataError,
        ConnectionError,
        RegistryError,
        BundleError,
        Refused,
        FileNotFoundError,
        IsADirectoryError,
        PermissionError,
    ) as error:
        err.print(f"[red]error:[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


@contextmanager
def _source(data: Path | None) -> Iterator[Path]:
    from crime.data import sample

    if data is None:
        with sample() as path:
            err.print("no --data: reading the embedded sample, 7,888 real reports of 2020 to 2024, drawn at random")
            yield path
    else:
        yield data


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err) as bar:
        yield bar


def _follow(bar: Progress, task: TaskID, prefix: str = "") -> Callable[[str, float], None]:
    """Shows on the bar what is being done and the share of it done."""
    return lambda what, share: bar.update(task, description=prefix + what, total=1, completed=share)


def _show_tally(tally: "Tally") -> None:
    err.print(f"{tally.rows:,} rows read, {tally.rejected_rows:,} rejected, {tally.repaired.total():,} cells repaired")
    for kind, count in tally.repaired.most_common():
        err.print(f"  repaired {count:,}: {kind}", highlight=False)
    for reason, count in tally.rejected.most_common():
        shown = ", ".join(f"row {row}: {cell!r}" for row, cell in tally.examples[reason])
        err.print(f"  rejected {count:,}: {reason} ({shown})", highlight=False, markup=False)


def _show_scores(scores: dict[str, dict[str, float]], title: str) -> None:
    from crime.schema import LEVELS

    table = Table(title=title)
    for column in ("known", "accuracy", "weighted F1", "macro AUC", "log loss", "ECE"):
        table.add_column(column, justify="left" if column == "known" else "right")
    for level, name in {"overall": "reports as they are", **LEVELS}.items():
        table.add_row(name, *(f"{value:.3f}" for value in scores[level].values()))
    out.print(table)


def _show_limits(limits: dict[str, float], scores: dict[str, dict[str, float]]) -> None:
    """Of a simulated table: how close log loss came to what a model that knew the truth would reach."""
    for level, limit in limits.items():
        loss = scores[level]["log_loss"]
        out.print(f"{level}: log loss {loss:.4f}, Bayes limit {limit:.4f}, {loss / limit - 1:+.1%}", highlight=False)


def _summary(
    model: str, version: str, rows: int, tally: "Tally", scores: dict[str, dict[str, float]]
) -> dict[str, Any]:
    return {
        "model": model,
        "version": version,
        "rows": rows,
        "rejected": tally.rejected_rows,
        "overall": scores["overall"],
        "levels": {level: values for level, values in scores.items() if level != "overall"},
    }


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
    from crime import models, registry, twin
    from crime.bundle import Bundle
    from crime.data import Tally, load
    from crime.engine import engine

    with _explained():
        from crime import tracking  # seconds: after the arguments were accepted

        tally, workers, parameters = Tally(rejects), engine(dask), None
        if tuned:
            from crime import tuning

            parameters = tuning.best(registry.of(Settings()))
        with tracking.temporary_bundle() as place, _progress() as bar, _source(data) as path:
            task = bar.add_task(f"read {path.name}", total=None)
            directory = Path(place) / "bundle"
            model, held_out = models.train(
                load(path, tally),
                tally,
                directory,
                seed=seed,
                victim=victim,
                parameters=parameters,
                engine=workers,
                progress=_follow(bar, task, "train: "),
            )
            bar.update(task, description="register in MLflow", total=None)
            version, verdict = tracking.publish(model, directory, registry.of(Settings()))
            model = Bundle(directory, version)
            limits = twin.limits(path, held_out)
        _show_tally(tally)
        _show_scores(model.spec["metrics"], f"{model.name} version {version}: {len(held_out):,} held-out reports")
        _show_limits(limits, model.spec["metrics"])
        out.print(verdict, highlight=False, soft_wrap=True)
        if as_json:
            summary = _summary(model.name, version, len(held_out), tally, model.spec["metrics"])
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
    from crime import registry
    from crime.data import Tally, load
    from crime.engine import engine

    with _explained():
        from crime import tuning

        tally = Tally(rejects)
        with _progress() as bar, _source(data) as path:
            task = bar.add_task(f"read {path.name}", total=None)
            where, workers = registry.of(Settings()), engine(dask)
            found = tuning.tune(load(path, tally), where, workers, trials, seed, _follow(bar, task, "tune: "))
    _show_tally(tally)
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
    from crime import models, twin
    from crime.data import Tally, load
    from crime.registry import champion

    with _explained(), _source(data) as path, _progress() as bar:
        tally = Tally(rejects)
        model = champion(Settings())
        task = bar.add_task(f"read {path.name}", total=None)
        reports = load(path, tally)
        bar.update(task, description="evaluate")
        scores = {level: found.short() for level, found in models.evaluate(model, reports).items()}
        limits = twin.limits(path, reports)
    _show_tally(tally)
    simulated = "SIMULATED: " if tally.simulated else ""
    _show_scores(scores, f"{simulated}{model.name} version {model.version}: {len(reports):,} reports")
    _show_limits(limits, scores)
    if as_json:
        summary = _summary(model.name, model.version, len(reports), tally, scores)
        typer.echo(json.dumps(summary | ({"bayes_log_loss": limits} if limits else {})))


@app.command()
def predict(
    output: Annotated[Path, typer.Option(help="Where to: .csv, .parquet or .ndjson.", dir_okay=False)],
    data: Data = None,
    rejects: Rejects = None,
    as_json: Json = False,
) -> None:
    """Score every report of a table with the champion; the answer's columns come behind the table's own."""
    from crime.data import Tally
    from crime.registry import champion
    from crime.scoring import score_file

    with _explained(), _source(data) as path, _progress() as bar:
        tally = Tally(rejects)
        model = champion(Settings())
        task = bar.add_task(f"score {path.name}", total=None)
        score_file(
            model,
            path,
            output,
            tally,
            lambda rows: bar.update(task, description=f"score {path.name}: {rows:,} rows"),
        )
    _show_tally(tally)
    out.print(f"{output}: scored by {model.name} version {model.version}", highlight=False, soft_wrap=True)
    if as_json:
        summary = {
            "model": model.name,
            "version": model.version,
            "rows": tally.rows,
            "rejected": tally.rejected_rows,
        }
        typer.echo(json.dumps(summary | {"output": str(output)}))


@app.command()
def forecast(
    data: Data = None,
    rejects: Rejects = None,
    horizon: Annotated[int, typer.Option(min=1, max=28, help="Days ahead to show.")] = 28,
    as_json: Json = False,
) -> None:
    """Forecast reports by area and district from a table, try it at past origins, register it in MLflow."""
    import numpy as np

    from crime import history, outlook, registry
    from crime.data import Tally
    from crime.forecast import BOUNDS
    from crime.schema import day_text
    from crime.schema import table as named

    with _explained():
        from crime import tracking

        tally = Tally(rejects)
        with tracking.temporary_bundle() as place, _progress() as bar, _source(data) as path:
            task = bar.add_task(f"read {path.name}", total=None)

            directory = Path(place) / "bundle"
            made = outlook.fit(history.read(path, tally), tally, directory, _follow(bar, task))
            bar.update(task, description="register in MLflow", total=None)
            version, verdict = tracking.publish_forecast(made, directory, registry.of(Settings()))
    _show_tally(tally)
    days = [day_text(made.origin + 1 + at) for at in range(horizon)]
    means = made.expected("area", np.arange(horizon))
    bounds = made.bounds("area", means)
    simulated = "SIMULATED: " if tally.simulated else ""
    shown = Table(title=f"{simulated}{made.name} version {version}: expected reports on {days[0]}, with intervals")
    for column in ("area", "expected", "80 %", "95 %", f"in {horizon} days"):
        shown.add_column(column, justify="left" if column == "area" else "right")
    areas = made.ids("area").tolist()
    for at in np.argsort(-means[:, 0]):
        low80, high80, low95, high95 = bounds[:, at, 0]
        name = f"{named('area').get(str(areas[at]), '')} ({areas[at]})"
        cells = f"{low80:.0f} to {high80:.0f}", f"{low95:.0f} to {high95:.0f}", f"{means[at].sum():.0f}"
        shown.add_row(name, f"{means[at, 0]:.1f}", *cells)
    out.print(shown)
    for by, found in made.spec["backtest"].items():
        out.print(
            f"by {by}: deviance {found['gain']:+.1%} better than the best baseline over {found['origins']} origins"
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
                    | {name: float(bounds[b, at, d]) for b, name in enumerate(BOUNDS)}
                    for d, day in enumerate(days)
                ]
                for at, area in enumerate(areas)
            },
        }
        typer.echo(json.dumps(summary))


class Places(StrEnum):
    area = "area"
    district = "district"


class Every(StrEnum):
    day = "day"
    week = "week"


@app.command()
def backtest(
    data: Data = None,
    rejects: Rejects = None,
    by: Annotated[Places, typer.Option(help="Which places.")] = Places.area,
    every: Annotated[Every, typer.Option(help="How long a step is.")] = Every.day,
    as_json: Json = False,
) -> None:
    """Try forecasts of 28 days at past origins, each from what was known then, against baselines."""
    from crime import backtest, history, risk, twin
    from crime.data import Tally

    with _explained(), _source(data) as path, _progress() as bar:
        tally = Tally(rejects)
        task = bar.add_task(f"read {path.name}", total=None)
        reports = history.read(path, tally)
        backtest.origins(reports)
        forecaster = risk.Forecaster(reports, [by.value])

        found = backtest.summary(
            backtest.trials(forecaster, by.value, every.value, twin.of(path), _follow(bar, task)), by.value, every.value
        )
    _show_tally(tally)
    title = (
        f"{'SIMULATED: ' if tally.simulated else ''}reports by {by.value} and {every.value}, {found['origins']} origins"
    )
    table = Table(title=title)
    shown = ("deviance", "pinball", "hit5", "hit20", "pai20", "pei20", "coverage80", "coverage95")
    for column in ("method", *shown):
        table.add_column(column, justify="left" if column == "method" else "right")
    for name, figures in found["methods"].items():
        table.add_row(name, *(f"{figures[column]:.3f}" for column in shown))
    out.print(table)
    out.print(
        f"deviance {found['gain']:+.1%} better than the best baseline; chosen: {found['chosen']}", highlight=False
    )
    if "reached" in found:
        out.print(f"{found['reached']:.0%} of the way from the best baseline to the truth", highlight=False)
    if as_json:
        typer.echo(json.dumps(found))


@app.command()
def twin(
    output: Annotated[Path, typer.Option(help="Where to: .csv, .csv.gz or .parquet.", dir_okay=False)],
    rows: Annotated[int, typer.Option(min=1, max=9_999_999, help="How many reports, from 2020-01-01 on.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same city.")] = 1,
    drift: Annotated[str | None, typer.Option(help="A day from which its habits are others, as 2021-06-01.")] = None,
) -> None:
    """Write a simulated city's reports, for trials whose truth is known. Every row says that it is simulated."""
    from crime import twin
    from crime.schema import day_number

    if drift:
        try:
            day_number(drift)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--drift") from None
    with _explained(), _progress() as bar:
        task = bar.add_task("build the city", total=rows)
        city = twin.Twin(twin.Settings(seed, rows, drift))
        bar.update(task, description=f"write {output.name}")
        city.write(output, lambda done: bar.update(task, completed=done))
    out.print(f"{output}: {rows:,} simulated reports, seed {seed}", highlight=False, soft_wrap=True)


@features_app.command("build")
def build_features(
    data: Data = None,
    rejects: Rejects = None,
    until: Annotated[str | None, typer.Option(help="Only what was reported by this day, 2020-12-31.")] = None,
    output: Annotated[Path, typer.Option(help="A folder; months that are done stay.", file_okay=False)] = Path(
        "features"
    ),
    as_json: Json = False,
) -> None:
    """Write the history of every windowed feature, a Parquet file for each entity and month."""
    from crime import history, store
    from crime.data import Tally
    from crime.schema import day_number

    try:
        last = day_number(until) if until else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    with _explained(), _source(data) as path, _progress() as bar:
        tally = Tally(rejects)
        task = bar.add_task(f"read {path.name}", total=None)
        written = kept = 0
        for month in store.build(history.read(path, tally), output, last):
            written, kept = written + month.fresh, kept + (not month.fresh)
            bar.update(task, description=str(month.path.relative_to(output)))
    _show_tally(tally)
    out.print(f"{output}: {written} months written, {kept} kept", highlight=False, soft_wrap=True)
    if as_json:
        summary = {"rows": tally.rows, "rejected": tally.rejected_rows, "written": written, "kept": kept}
        typer.echo(json.dumps(summary | {"output": str(output)}))


def _day(text: str | None) -> str | None:
    from crime.schema import day_number

    try:
        if text:
            day_number(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


Since = Annotated[str | None, typer.Option(help="Only what happened from this day on, 2020-01-01.", callback=_day)]


@app.command()
def fetch(
    output: Annotated[
        Path, typer.Option(help="A CSV file; a run that was cut goes on where it stopped.", dir_okay=False)
    ],
    since: Since = None,
) -> None:
    """Fetch LAPD's reports from the city's open-data portal; a second run fetches what was added or changed since."""
    from crime import portal

    with _explained(), _progress() as bar:
        task = bar.add_task("ask the portal", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, description=f"{done:,} of {total:,} reports", total=total, completed=done)

        found = portal.fetch(Settings(), output, since, show)
    out.print(f"{output}: {found.rows:,} reports, {found.fetched:,} fetched now", highlight=False, soft_wrap=True)


@app.command()
def check(data: Data = None, rejects: Rejects = None, as_json: Json = False) -> None:
    """Read a table and say what was repaired and rejected; nothing is trained or scored."""
    from crime.data import Tally, blocks, from_block

    with _explained(), _source(data) as path:
        tally = Tally(rejects)
        for batch in blocks(path, tally):
            from_block(batch, tally)
    _show_tally(tally)
    if as_json:
        typer.echo(json.dumps(tally.as_dict()))


@app.command()
def export(
    output: Annotated[Path, typer.Option(help="A directory; its files of the same names are replaced.")] = Path(
        "services/backend/model"
    ),
) -> None:
    """Copy the champions' bundles, for an image to carry."""
    from crime.bundle import SPEC
    from crime.forecast import RISK
    from crime.registry import MODEL, RegistryError, find, of

    with _explained():
        for name, place in ((MODEL, output), (RISK, output / RISK)):
            try:
                version, directory = find(of(Settings()), name)
            except RegistryError as error:
                if name == MODEL:
                    raise
                err.print(str(error), highlight=False, soft_wrap=True)
                continue
            place.mkdir(parents=True, exist_ok=True)
            for file in directory.iterdir():
                if file.name != SPEC:
                    shutil.copy(file, place / file.name)
            spec = json.loads((directory / SPEC).read_text()) | {"version": version}
            (place / SPEC).write_text(json.dumps(spec, indent=1) + "\n")
            out.print(f"{place}: {name} version {version}", highlight=False, soft_wrap=True)


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
    with _explained():
        from crime import retraining
        from crime.engine import engine

        with _progress() as bar:
            task = bar.add_task("fetch", total=None)
            done = retraining.retrain(Settings(), data, since, work, engine(dask), _follow(bar, task))
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
    from crime import registry
    from crime.data import Tally, load
    from crime.serving.following import Following
    from crime.serving.recording import Recorder

    with _explained():
        following = Following(Settings())
        following.look()
        if following.model is None:
            raise registry.RegistryError(following.trouble[registry.MODEL])
        recorder = Recorder(following)
        found = recorder.look() or {}
        if data:
            labelled = load(data, Tally())
            found["performance"] = recorder.judge(labelled.fields["dr_no"], labelled.label)
    shown = Table(
        title=f"{found['reports']:,} predictions beside {found['model_name']} {found['model_version']}'s data"
    )
    for column in ("of", "reports", "PSI", "JS distance", "p", ""):
        shown.add_column(column, justify="left" if column in ("of", "") else "right")
    for each in found["features"]:
        word = "[red]drifted" if each.drifted else ""
        shown.add_row(each.feature, f"{each.reports:,}", f"{each.psi:.3f}", f"{each.js:.3f}", f"{each.p:.1e}", word)
    out.print(shown)
    for week in found.get("performance", ()):
        out.print(
            f"week of {week['week']}, version {week['version']}: {week['reports']:,} labels, accuracy "
            f"{week['accuracy']:.3f}, log loss {week['log_loss']:.3f}, calibration error {week['ece']:.3f}",
            highlight=False,
        )
    if as_json:
        typer.echo(json.dumps(found | {"features": [asdict(each) for each in found["features"]]}))


Name = Annotated[str, typer.Argument(help="crime-category or crime-risk.")]
By = Annotated[str, typer.Option(envvar="USER", help="Who decides; it is recorded.")]


@app.command()
def promote(
    name: Name,
    version: Annotated[str | None, typer.Argument(help="The version that should answer; else the latest.")] = None,
    force: Annotated[str | None, typer.Option(help="Why, although a gate failed; it is recorded.")] = None,
    by: By = "unknown",
    as_json: Json = False,
) -> None:
    """Make a version champion if it passes the gates against the present one, or by force."""
    from crime import promotion, registry

    with _explained():
        where = registry.of(Settings())
        version = version or promotion.latest(where, name)
        verdict = promotion.promote(where, name, version, by, force)
    for gate in verdict.gates:
        out.print(f"{'passed' if gate.passed else 'FAILED'} {gate.name}: {gate.reason}", highlight=False)
    out.print(f"{name} version {version} is champion", highlight=False)
    if as_json:
        typer.echo(json.dumps({"model": name, "version": version, "gates": [asdict(gate) for gate in verdict.gates]}))


@app.command()
def challenge(
    name: Name,
    version: Annotated[
        str | None, typer.Argument(help="The challenger; without one the present one is withdrawn.")
    ] = None,
    canary: Annotated[float, typer.Option(min=0, max=1, help="Share of predictions that it answers itself.")] = 0.0,
    by: By = "unknown",
) -> None:
    """Let a version score what the champion answers (shadow), and answer a share of the requests itself (canary)."""
    from crime import promotion, registry

    with _explained():
        if version is None:
            promotion.withdraw(registry.of(Settings()), name, by)
        else:
            promotion.challenge(registry.of(Settings()), name, version, canary, by)
    words = f"version {version} challenges, and answers {canary:.0%}" if version else "the challenger is withdrawn"
    out.print(f"{name}: {words}", highlight=False)


@app.command()
def rollback(name: Name, by: By = "unknown") -> None:
    """Make the version that was champion before champion again."""
    from crime import promotion, registry

    with _explained():
        version = promotion.rollback(registry.of(Settings()), name, by)
    out.print(f"{name} version {version} is champion again", highlight=False)


Archive = Annotated[Path, typer.Argument(help="A .tar.gz file.", dir_okay=False)]


@app.command()
def backup(output: Archive, as_json: Json = False) -> None:
    """Write every model version, with its metrics and tags, the aliases, and all recorded predictions and decisions."""
    with _explained():
        from crime import backup, registry

        with _progress() as bar:
            task = bar.add_task("back up", total=None)
            saved = backup.save(registry.of(Settings()), output, _follow(bar, task))
    out.print(f"{output}: {saved.versions} versions, {saved.files} files beside them", highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(asdict(saved)))


@app.command()
def restore(source: Archive, as_json: Json = False) -> None:
    """Put a backup into an empty registry, under the same version numbers; a run that was cut goes on."""
    with _explained():
        from crime import backup, registry

        with _progress() as bar:
            task = bar.add_task("restore", total=None)
            saved = backup.restore(registry.of(Settings()), source, _follow(bar, task))
    out.print(f"{saved.versions} versions and {saved.files} files restored", highlight=False)
    if as_json:
        typer.echo(json.dumps(asdict(saved)))


@app.command()
def codes() -> None:
    """The crime codes and the category each belongs to."""
    from crime.schema import CATEGORY_NAMES, crime_category, table

    rows = ((code, table("crime")[str(code)], CATEGORY_NAMES[at]) for code, at in crime_category().items())
    csv.writer(typer.get_text_stream("stdout")).writerows([("Crm Cd", "Crm Cd Desc", "Category"), *rows])


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(help="TCP port, 5000 unless CRIME_PORT says otherwise.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
) -> None:
    """Serve the champion over HTTP."""
    from crime.serving import run

    given = {"port": port, "host": host}
    run(Settings().model_copy(update={name: value for name, value in given.items() if value is not None}))


if __name__ == "__main__":
    app()
