"""Train anew from the portal to the champion, in steps that a killed run goes on from: `crime retrain`.

Each step is noted in an MLflow run of the experiment `retraining`, one run for each state of the data. The same data
make the same models, and a version already made of them is not made again: running it twice is running it once.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from crime.classifier.bundle import CategoryBundle
from crime.core.errors import AlreadyRunningError, BundleError, DataError, RegistryError
from crime.core.executors import Executor
from crime.core.model_names import CATEGORY_MODEL, FORECAST_MODEL
from crime.core.progress import Progress
from crime.core.settings import Settings
from crime.features.store import build_feature_store
from crime.forecaster.bundle import ForecastBundle
from crime.monitoring.performance import update_performance
from crime.monitoring.prediction_log import PredictionLog
from crime.monitoring.records import marked_version
from crime.pipelines import publishing
from crime.pipelines.publishing import connect, decide, publish_forecast
from crime.registry.lookup import open_file_store, open_registry
from crime.registry.promotion import BEGUN, complete_promotion
from crime.registry.protocol import Registry
from crime.reports.files import load_reports
from crime.reports.history import EventHistory, read_history
from crime.reports.portal import fetch_reports
from crime.reports.table import Reports
from crime.reports.tally import Tally
from crime.training.classifier.train import train_category_model
from crime.training.forecaster.train import train_forecast

RETRAINING_EXPERIMENT = "retraining"


@contextmanager
def _lock_folder(work: Path) -> Iterator[None]:
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"another retraining runs in {work}") from None
        yield


def retrain(
    settings: Settings, data: Path | None, since: str | None, work: Path, engine: Executor, progress: Progress
) -> dict[str, Any]:
    """Fetch (or take `data`), build features, train both models, judge them; what passes its gates becomes champion.

    Returns the versions and verdicts by model; one that these data can't carry is not made. Raises `Busy`, and what
    fetching, reading and the registry raise.
    """
    with _lock_folder(work):
        if data is None:
            data = work / "reports.csv"
            fetch_reports(settings, data, since, lambda done, total: progress("fetch", done / max(1, total)))
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        models_of = open_registry(settings)
        note = _RetrainingRun(models_of, digest)
        note(step="features")
        tally = Tally()
        reports = read_history(data, tally)
        for month in build_feature_store(reports, work / "features"):
            progress(f"features {month.path.stem}", 0)
        labelled = cache(partial(_labelled, data))
        note(step="performance", performance=_performance(settings, labelled))
        done: dict[str, Any] = {"data": digest, "run": note.run, "models": {}}
        made: dict[str, Callable[..., tuple[Any, Path]]] = {
            CATEGORY_MODEL: partial(_category, labelled, engine),
            FORECAST_MODEL: partial(_forecast, reports, tally),
        }
        for name, make in made.items():
            note(step=name)
            place = work / digest[:12] / name / "bundle"
            try:
                version, verdict = _version_of_data(models_of, name, digest, partial(make, place, progress))
            except DataError as error:  # too little for this model says nothing against the other
                version, verdict = "none", f"not made: {error}"
            note(**{f"{name}.version": version, f"{name}.verdict": verdict})
            done["models"][name] = {"version": version, "verdict": verdict}
        note(step="done")
        note.end()
    return done


class _RetrainingRun:
    """The MLflow run of this state of the data, found again if there is one."""

    def __init__(self, models_of: Registry, digest: str):
        self.client = connect(models_of, RETRAINING_EXPERIMENT)
        experiment = self.client.get_experiment_by_name(RETRAINING_EXPERIMENT)
        assert experiment  # `connect` made it
        found = self.client.search_runs([experiment.experiment_id], f"tags.`data.digest` = '{digest}'", max_results=1)
        tags = {"data.digest": digest}
        self.run: str = (
            found[0].info.run_id
            if found
            else self.client.create_run(experiment.experiment_id, tags=tags, run_name=digest[:12]).info.run_id
        )
        self.client.update_run(self.run, "RUNNING")

    def __call__(self, **tags: str) -> None:
        for key, value in tags.items():
            self.client.set_tag(self.run, key, value[:4000])

    def end(self) -> None:
        self.client.set_terminated(self.run)


def _version_of_data(
    models_of: Registry, name: str, digest: str, make: Callable[[], tuple[Any, Path]]
) -> tuple[str, str]:
    """The version made of these data: one that is there already, judged if that was cut off, or a new one."""
    try:
        made = [v for v in models_of.versions(name) if v.tags.get("data.digest") == digest]
    except RegistryError:  # an embedded store that is not made yet
        made = []
    if made:
        version, tags = made[0].version, made[0].tags
        if "verdict" in tags and tags.get("promotion") == BEGUN:
            complete_promotion(models_of, name, version)
        return version, tags.get("verdict") or decide(models_of, name, version)
    model, directory = make()
    publish = publish_forecast if name == FORECAST_MODEL else publishing.publish
    return publish(model, directory, models_of, {"data.digest": digest})


def _labelled(data: Path) -> tuple[Reports, Tally]:
    tally = Tally()
    return load_reports(data, tally), tally


def _performance(settings: Settings, labelled: Callable[[], tuple[Reports, Tally]]) -> str:
    """How good answers that were given proved to be, now that these labels are known; kept for `GET /drift`."""
    try:
        reports, _ = labelled()
        store = open_file_store(settings)
        recorded = PredictionLog(store).read(shadows=True)
        weeks = update_performance(store, recorded, reports.fields["dr_no"], reports.label)
    except (DataError, RegistryError) as error:  # says nothing against training anew
        return f"not known: {error}"
    if not weeks:
        return "no answer to these reports was recorded"
    last = weeks[-1]
    return (
        f"week of {last.week}, version {marked_version(last.version, last.shadow)}: "
        f"log loss {last.log_loss} on {last.reports} reports"
    )


def _category(
    labelled: Callable[[], tuple[Reports, Tally]], engine: Executor, place: Path, progress: Progress
) -> tuple[CategoryBundle, Path]:
    try:
        model = CategoryBundle(place)
        model.verify()
    except BundleError:  # not trained yet, or cut off
        model, _ = train_category_model(*labelled(), place, executor=engine, progress=progress)
    return model, place


def _forecast(reports: EventHistory, tally: Tally, place: Path, progress: Progress) -> tuple[ForecastBundle, Path]:
    try:
        return ForecastBundle(place), place
    except BundleError:
        return train_forecast(reports, tally, place, progress), place
