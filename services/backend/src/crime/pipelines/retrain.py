"""Retraining: from the portal's reports to new champions, in steps that a killed run resumes (`crime retrain`).

Each step is noted in an MLflow run of the experiment `retraining`, one run for each content of the table. The command
is idempotent: the same reports give the same models, and a version that exists is not made again.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlflow.entities import Run

from crime.core.days import day_text
from crime.core.errors import AlreadyRunningError, BundleError, DataError, ModelNotFoundError, RegistryError
from crime.core.executors import Executor
from crime.core.progress import Progress
from crime.core.settings import Settings
from crime.features.store import build_feature_store
from crime.monitoring.performance import update_performance
from crime.monitoring.prediction_log import PredictionLog
from crime.monitoring.records import marked_version
from crime.monitoring.review_decisions import DecisionsByCode, ReviewDecisions, apply_decisions
from crime.pipelines.bulletin import bulletin_html, forecast_of_week
from crime.pipelines.publishing import connect, promote_if_passed, publish
from crime.registry.kinds import CATEGORY, FORECAST, MODEL_KINDS, Model, ModelKind
from crime.registry.lookup import open_file_store, open_registry
from crime.registry.promotion import BEGUN, PROMOTION_TAG, VERDICT_TAG, ModelResult, complete_promotion
from crime.registry.protocol import Registry
from crime.reports.files import load_reports
from crime.reports.history import read_history
from crime.reports.portal import fetch_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.train import train_category_model
from crime.training.forecaster.feed_end import complete_history
from crime.training.forecaster.train import train_forecast

RETRAINING_EXPERIMENT = "retraining"
DIGEST_TAG = "data.digest"  # of runs and versions: SHA-256 of the table they were made from
NO_VERSION = "none"
MAX_TAG_LENGTH = 4_000  # characters; MLflow's databases hold 5,000

LoadReports = Callable[[], tuple[Reports, Tally]]
Trainer = Callable[[Path, Progress], Model]  # trains into a directory


@dataclass(frozen=True)
class GivenTable:
    """A table to train on in place of the portal's reports. `share`: of all reports, where it is a random draw of them.

    `day_first`: whether its dates have the day first; None if its rows tell.
    """

    path: Path
    share: float = 1.0
    day_first: bool | None = None


@dataclass(frozen=True)
class RetrainingResult:
    """`data`: SHA-256 of the table. `run`: MLflow's id of the run that notes the steps. `models`: results by name.

    `until`: the last day of its reports. `fetched`: what the fetch brought, line by line; none if a table was given.
    """

    data: str
    run: str
    models: dict[str, ModelResult]
    until: str
    fetched: tuple[str, ...] = ()


def retrain(
    settings: Settings,
    table: GivenTable | None,
    since: str | None,
    work: Path,
    executor: Executor | None,
    progress: Progress,
    use_decisions: bool = False,
) -> RetrainingResult:
    """Fetch all of LAPD's reports (or take `table`), build features, train both models, promote what passes its gates.

    `executor` does the parts of both trainings; this process if None. `use_decisions`: the category model learns from
    the codes that record review found right. A model for which there are too few reports is left out. Raises
    `AlreadyRunningError`, and what fetching, reading and the registry raise.
    """
    with _lock_folder(work):
        fetched: tuple[str, ...] = ()
        if table is None:
            table = GivenTable(work / "reports.csv")
            found = fetch_reports(
                settings, table.path, since, lambda done, total: progress("fetch", done / max(1, total))
            )
            fetched = tuple(found.lines)
        registry = open_registry(settings)
        decisions = ReviewDecisions(registry).latest() if use_decisions else {}
        digest = _digest(table.path)
        corrected = _digest_corrected(digest, decisions)
        run = _RetrainingRun(registry, corrected)
        run.note(step="features", fetch="\n".join(fetched) or "a table was given")
        history_tally = Tally(day_first=table.day_first)
        history = read_history(table.path, history_tally)
        for month in build_feature_store(history, work / "features"):
            progress(f"features {month.path.stem}", 0)
        load_labelled = _cached_reports(table, decisions)
        run.note(step="performance", performance=_update_performance(settings, load_labelled))
        trainers: dict[str, Trainer] = {
            CATEGORY.name: lambda directory, progress: train_category_model(
                *load_labelled(), directory, share=table.share, executor=executor, progress=progress
            )[0],
            FORECAST.name: lambda directory, progress: train_forecast(
                complete_history(history, history_tally), history_tally, directory, progress, table.share, executor
            ),
        }
        results = {}
        for name, trainer in trainers.items():
            run.note(step=name)
            directory = work / corrected[:12] / name / "bundle"
            content = corrected if name == CATEGORY.name else digest
            result = _make_version(registry, MODEL_KINDS[name], content, directory, trainer, progress)
            run.note(**{f"{name}.version": result.version, f"{name}.verdict": result.verdict})
            results[name] = result
        run.log_bulletin()
        run.note(step="done")
        run.end()
    return RetrainingResult(digest, run.id, results, day_text(history.last), fetched)


def _digest_corrected(digest: str, decisions: DecisionsByCode) -> str:
    """The digest of a table after decisions; that of the table itself where none changes it."""
    wrong = [(*key, decision.right_code) for key, decision in decisions.items() if decision.judgement == "wrong"]
    return hashlib.sha256(f"{digest} {sorted(map(repr, wrong))}".encode()).hexdigest() if wrong else digest


def _digest(path: Path) -> str:
    """SHA-256 of a file; of a folder that of its files, in the order of their names."""
    if path.is_dir():
        parts = (_digest(part) for part in sorted(path.rglob("*")) if part.is_file())
        return hashlib.sha256("".join(parts).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _lock_folder(work: Path) -> Iterator[None]:
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"another retraining runs in {work}") from None
        yield


class _RetrainingRun:
    """The MLflow run that notes the steps for one content of the table; that of a killed retraining is continued."""

    def __init__(self, registry: Registry, digest: str):
        self._registry, self._client = registry, connect(registry, RETRAINING_EXPERIMENT)
        experiment = self._client.get_experiment_by_name(RETRAINING_EXPERIMENT)
        assert experiment  # `connect` made it
        query = f"tags.`{DIGEST_TAG}` = '{digest}'"
        runs = self._client.search_runs([experiment.experiment_id], query, max_results=1)
        run = runs[0] if runs else self._create(experiment.experiment_id, digest)
        self.id: str = run.info.run_id
        self._client.update_run(self.id, "RUNNING")

    def _create(self, experiment: str, digest: str) -> Run:
        return self._client.create_run(experiment, tags={DIGEST_TAG: digest}, run_name=digest[:12])

    def note(self, **tags: str) -> None:
        for key, value in tags.items():
            self._client.set_tag(self.id, key, value[:MAX_TAG_LENGTH])

    def log_bulletin(self) -> None:
        """Keep the week of the forecast that is champion now as the run's file `bulletin.html`, if there is one."""
        with suppress(ModelNotFoundError, BundleError):
            self._client.log_text(self.id, bulletin_html(forecast_of_week(self._registry, None)), "bulletin.html")

    def end(self) -> None:
        self._client.set_terminated(self.id)


def _cached_reports(table: GivenTable, decisions: DecisionsByCode) -> LoadReports:
    """Reads the table with its labels once, when first called, and applies decisions. Raises `DataError` each time."""

    @cache
    def load() -> tuple[Reports, Tally]:
        tally = Tally(day_first=table.day_first)
        return apply_decisions(load_reports(table.path, tally), decisions), tally

    return load


def _update_performance(settings: Settings, load_labelled: LoadReports) -> str:
    """Compare recorded predictions with these labels, for `GET /drift`. Returns the result as a line of text."""
    try:
        reports, _ = load_labelled()
        store = open_file_store(settings)
        recorded = PredictionLog(store).read(shadows=True)
        weeks = update_performance(store, recorded, reports.fields["dr_no"], reports.label)
    except (DataError, RegistryError) as error:  # training does not depend on it
        return f"not known: {error}"
    if not weeks:
        return "no answer to these reports was recorded"
    last = weeks[-1]
    return (
        f"week of {last.week}, version {marked_version(last.version, last.shadow)}: "
        f"log loss {last.log_loss} on {last.reports} reports"
    )


def _make_version(
    registry: Registry, kind: ModelKind[Any], digest: str, directory: Path, trainer: Trainer, progress: Progress
) -> ModelResult:
    """The version made from this table: that of an earlier run, or a new one.

    An interrupted promotion of an earlier run is completed, and its finished bundle in `directory` is used. Raises
    `RegistryError`.
    """
    result = _earlier_version(registry, kind.name, digest)
    if result is not None:
        return result
    try:
        model = _finished_bundle(kind, directory) or trainer(directory, progress)
        return publish(model, directory, registry, {DIGEST_TAG: digest})
    except DataError as error:  # too few reports for this model may be enough for the other
        return ModelResult(NO_VERSION, f"not made: {error}")


def _earlier_version(registry: Registry, name: str, digest: str) -> ModelResult | None:
    try:
        versions = [version for version in registry.versions(name) if version.tags.get(DIGEST_TAG) == digest]
    except RegistryError:  # an embedded store that does not exist yet
        return None
    if not versions:
        return None
    version, tags = versions[0].version, versions[0].tags
    if VERDICT_TAG not in tags:
        return ModelResult(version, promote_if_passed(registry, name, version))
    if tags.get(PROMOTION_TAG) == BEGUN:
        complete_promotion(registry, name, version)
    return ModelResult(version, tags[VERDICT_TAG])


def _finished_bundle(kind: ModelKind[Any], directory: Path) -> Model | None:
    """The bundle in `directory`; None if there is none, or an incomplete one."""
    try:
        bundle: Model = kind.open(directory)
    except BundleError:
        return None
    return bundle
