"""Tells a webhook what people want to know without looking: drift, a new champion, stale data (`crime watch`).

What was told is kept beside the models, so that each event is told once, and again if it ended and came back.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from crime.core.errors import BundleError, ModelNotFoundError, RegistryError, UnreadableFileError
from crime.core.file_store import FileStore
from crime.core.json_memory import check_parsed_memory
from crime.core.model_names import CATEGORY_MODEL
from crime.core.settings import Settings
from crime.monitoring.drift_report import drift_report
from crime.monitoring.prediction_log import PredictionLog
from crime.pipelines.webhook import post
from crime.registry.kinds import MODEL_KINDS, ModelKind, data_until
from crime.registry.lookup import open_registry
from crime.registry.protocol import Registry
from crime.reports.freshness import STALE_DAYS, days_behind

TOLD_FILE = "monitoring/watch.json"  # what was told last by subject, such as {"champion of crime-category": "3"}
_TOLD = TypeAdapter(dict[str, str])


@dataclass(frozen=True)
class Event:
    """`state`: what must differ for the event to be told again, such as the champion's version."""

    state: str
    text: str


@dataclass
class Watched:
    """What was `told`, and `problems`: what could not be found out."""

    told: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def watch(settings: Settings, address: str) -> Watched:
    """Post what is new to the webhook at `address`, in one message.

    Raises `RegistryError`; `WebhookError` if the message did not arrive, and then the next call posts it.
    """
    registry, watched = open_registry(settings), Watched()
    told = _read_told(registry, watched.problems)
    events = _events(registry, watched.problems)
    new = {subject: event for subject, event in events.items() if event and told.get(subject) != event.state}
    kept = {subject: state for subject, state in told.items() if events.get(subject, True)}
    if new or kept != told:
        # before the post: what ended is told when it comes back, and a store that is full is no reason to tell twice
        _save_told(registry, kept)
    if new:
        watched.told = [event.text for event in new.values()]
        post(address, "\n".join(watched.told))
        _save_told(registry, kept | {subject: event.state for subject, event in new.items()})
    return watched


def _events(registry: Registry, problems: list[str]) -> dict[str, Event | None]:
    """Events by subject, None where all is well. A subject that could not be looked at is left out.

    Raises `RegistryError` if the registry can't be reached.
    """
    events: dict[str, Event | None] = {}
    for name, kind in MODEL_KINDS.items():
        try:
            version = registry.version(name)
        except ModelNotFoundError:
            events |= dict.fromkeys((f"champion of {name}", f"age of {name}", f"drift of {name}"))
            continue
        events[f"champion of {name}"] = Event(version, f"{name} version {version} is champion")
        try:
            events |= _events_of(registry, kind, version)
        except (BundleError, RegistryError) as error:
            problems.append(f"{name} version {version}: {error}")
    return events


def _events_of(registry: Registry, kind: ModelKind[Any], version: str) -> dict[str, Event | None]:
    """Stale data, and of the category model drift. Raises `BundleError`, `RegistryError`."""
    name = kind.name
    model = kind.open(registry.bundle(name, version), version)
    until = data_until(model) or ""
    days = days_behind(until)
    stale = f"{name} version {version} was made from reports up to {until}, {days} days ago: time to retrain"
    events = {f"age of {name}": Event(until, stale) if days is not None and days > STALE_DAYS else None}
    if name == CATEGORY_MODEL:
        report = drift_report(model, PredictionLog(registry).read(), [])
        drifted = ", ".join(f"{drift.feature} (PSI {drift.psi:.2f})" for drift in report.features if drift.drifted)
        text = f"the latest {report.reports} reports are not like those that {name} version {version} learned from"
        events[f"drift of {name}"] = Event(version, f"{text}: {drifted}") if report.drifted else None
    return events


def _read_told(store: FileStore, problems: list[str]) -> dict[str, str]:
    """What was told last, by subject. Where it can't be read, all is told again. Raises `RegistryError`."""
    if TOLD_FILE not in store.files(TOLD_FILE.rpartition("/")[0]):
        return {}
    try:
        content = store.load(TOLD_FILE)
        check_parsed_memory(content)
        return _TOLD.validate_json(content)
    except (UnreadableFileError, ValueError):
        problems.append(f"{TOLD_FILE} can't be read: what was told before is told again")
        return {}


def _save_told(store: FileStore, told: dict[str, str]) -> None:
    store.save(TOLD_FILE, json.dumps(told).encode())
