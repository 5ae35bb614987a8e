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

from crime import history, models, outlook, portal, promotion, registry, store, tracking
from crime.bundle import Bundle, BundleError
from crime.data import DataError, Reports, Tally, load
from crime.engine import Engine
from crime.forecast import RISK, Forecast
from crime.history import History
from crime.registry import MODEL, Registry
from crime.serving.following import Following
from crime.serving.recording import Recorder
from crime.settings import Settings

EXPERIMENT = "retraining"
Progress = Callable[[str, float], None]


class Busy(ConnectionError):
    """Another run works in the same folder."""


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another retraining runs in {work}") from None
        yield


def retrain(
    settings: Settings, data: Path | None, since: str | None, work: Path, engine: Engine, progress: Progress
) -> dict[str, Any]:
    """Fetch (or take `data`), build features, train both models, judge them; what passes its gates becomes champion.

    Returns the versions and verdicts by model; one that these data can't carry is not made. Raises `Busy`, and what
    fetching, reading and the registry raise.
    """
    with _alone(work):
        if data is None:
            data = work / "reports.csv"
            portal.fetch(settings, data, since, lambda done, total: progress("fetch", done / max(1, total)))
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        models_of = registry.of(settings)
        note = _Run(models_of, digest)
        note(step="features")
        tally = Tally()
        reports = history.read(data, tally)
        for month in store.build(reports, work / "features"):
            progress(f"features {month.path.stem}", 0)
        labelled = cache(partial(_labelled, data))
        note(step="performance", performance=_performance(settings, labelled))
        done: dict[str, Any] = {"data": digest, "run": note.run, "models": {}}
        made: dict[str, Callable[..., tuple[Any, Path]]] = {
            MODEL: partial(_category, labelled, engine),
            RISK: partial(_forecast, reports, tally),
        }
        for name, make in made.items():
            note(step=name)
            place = work / digest[:12] / name / "bundle"
            try:
                version, verdict = _once(models_of, name, digest, partial(make, place, progress))
            except DataError as error:  # too little for this model says nothing against the other
                version, verdict = "none", f"not made: {error}"
            note(**{f"{name}.version": version, f"{name}.verdict": verdict})
            done["models"][name] = {"version": version, "verdict": verdict}
        note(step="done")
        note.end()
    return done


class _Run:
    """The MLflow run of this state of the data, found again if there is one."""

    def __init__(self, models_of: Registry, digest: str):
        self.client = tracking.connect(models_of, EXPERIMENT)
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
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


def _once(models_of: Registry, name: str, digest: str, make: Callable[[], tuple[Any, Path]]) -> tuple[str, str]:
    """The version made of these data: one that is there already, judged if that was cut off, or a new one."""
    try:
        made = [v for v in models_of.versions(name) if v["tags"].get("data.digest") == digest]
    except registry.RegistryError:  # an embedded store that is not made yet
        made = []
    if made:
        version, tags = made[0]["version"], made[0]["tags"]
        if "verdict" in tags and tags.get("promotion") == promotion.BEGUN:
            promotion.complete(models_of, name, version)
        return version, tags.get("verdict") or tracking.decide(models_of, name, version)
    model, directory = make()
    publish = tracking.publish_forecast if name == RISK else tracking.publish
    return publish(model, directory, models_of, {"data.digest": digest})


def _labelled(data: Path) -> tuple[Reports, Tally]:
    tally = Tally()
    return load(data, tally), tally


def _performance(settings: Settings, labelled: Callable[[], tuple[Reports, Tally]]) -> str:
    """How good answers that were given proved to be, now that these labels are known; kept for `GET /drift`."""
    try:
        reports, _ = labelled()
        weeks = Recorder(Following(settings)).judge(reports.fields["dr_no"], reports.label)
    except (DataError, registry.RegistryError) as error:  # says nothing against training anew
        return f"not known: {error}"
    if not weeks:
        return "no answer to these reports was recorded"
    last = weeks[-1]
    return (
        f"week of {last['week']}, version {last['version']}: log loss {last['log_loss']} on {last['reports']} reports"
    )


def _category(
    labelled: Callable[[], tuple[Reports, Tally]], engine: Engine, place: Path, progress: Progress
) -> tuple[Bundle, Path]:
    try:
        model = Bundle(place)
        model.verify()
    except BundleError:  # not trained yet, or cut off
        model, _ = models.train(*labelled(), place, engine=engine, progress=progress)
    return model, place


def _forecast(reports: History, tally: Tally, place: Path, progress: Progress) -> tuple[Forecast, Path]:
    try:
        return Forecast(place), place
    except BundleError:
        return outlook.fit(reports, tally, place, progress), place
