"""Follows the registry: fetches, verifies and swaps in new versions, and keeps the last good one where that fails.

The models come from the image (`model_dir`), from the registry, or from the registry with the image's as a fallback.
"""

import asyncio
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

import structlog
from fastapi.concurrency import run_in_threadpool

from crime.classifier.bundle import CategoryBundle
from crime.core.bundle_files import BundleSpec, read_spec
from crime.core.errors import BundleError, CrimeError, ModelNotFoundError, VersionGoneError
from crime.core.model_names import CATEGORY_MODEL, CHALLENGER_MODEL, FORECAST_MODEL
from crime.core.settings import Settings
from crime.features.definitions import ReportFields
from crime.forecaster.bundle import ForecastBundle
from crime.registry.kinds import CATEGORY, MODEL_KINDS, Model, ModelKind, ModelT, data_until
from crime.registry.protocol import CHALLENGER, CHAMPION, PREVIOUS, Registry
from crime.reports.freshness import days_behind
from crime.serving.metrics import DATA_AGE, REGISTRY_ANSWERS, SERVED, SWAPS, TROUBLE

MAX_PAUSE_SECONDS = 60.0  # longest pause before a broken version is fetched again, or a broken registry asked
MAX_BROKEN = 16  # versions that are remembered as broken
MAX_IMAGE_FILES = 100  # of a bundle whose changes are noticed
MAX_REASON = 1_000  # characters of what is told
FIRST_REFRESH_SECONDS = 3.0  # how long start-up waits for the registry where the image has a model of its own
log = structlog.get_logger()


@dataclass(frozen=True)
class Broken:
    """Why a version could not be loaded, and when it is fetched again (`time.monotonic`, `pause` in seconds)."""

    retry_at: float
    pause: float
    reason: str


@dataclass(frozen=True)
class Challenger:
    """A version on trial beside the champion. `canary`: the share of single predictions that it answers, 0 to 1.

    `since`: when it became challenger, in seconds since 1970.
    """

    model: CategoryBundle
    canary: float
    since: float


def _image_source(directory: Path) -> str:
    """What an image's bundle is told apart by when it changes: its files with their sizes and times."""
    try:
        with os.scandir(directory) as entries:
            files = sorted(
                (entry.name, entry.stat(follow_symlinks=False)) for entry in islice(entries, MAX_IMAGE_FILES)
            )
    except OSError:
        return "image"
    return f"image {[(name, file.st_size, file.st_mtime_ns) for name, file in files]}"


def _reason(error: Exception) -> str:
    """What is told of an error: the project's own say enough, others have their type before what they say."""
    text = str(error) if isinstance(error, CrimeError) else f"{type(error).__name__}: {error}"
    return text[:MAX_REASON]


def _age_in_days(until: str | None) -> float:
    """Days from `until` to the day on which this is asked; NaN if it is no day."""
    behind = days_behind(until or "")
    return float("nan") if behind is None else behind


def _share(text: str) -> float:
    """A share, 0 to 1. Raises `ValueError`."""
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError(f"a canary share of {text[:40]!r}")
    return share


class ModelManager:
    """The models that answer, by name. A request that has begun keeps its model when another is swapped in.

    `trouble[name]` says why the registry's champion does not answer, or why there is no model at all; that of
    `CHALLENGER_MODEL` why there is no trial.
    """

    def __init__(self, settings: Settings, registry: Registry):
        self.settings = settings
        self.registry = registry
        self.serving: dict[str, Model] = {}
        self.challenger: Challenger | None = None
        self.trouble: dict[str, str] = {}
        self._sources: dict[str, str] = {}  # what is loaded, by name: `image FILES` or `registry VERSION`
        self._tried: dict[str, str] = {}  # of an image, by name: what was loaded, or could not be
        self._broken: dict[tuple[str, str], Broken] = {}  # by name and version, the latest last
        self._refreshing = threading.Lock()

    @property
    def category_model(self) -> CategoryBundle | None:
        """The category model that answers."""
        model = self.serving.get(CATEGORY_MODEL)
        return model if isinstance(model, CategoryBundle) else None

    @property
    def forecast(self) -> ForecastBundle | None:
        """The forecast that answers."""
        forecast = self.serving.get(FORECAST_MODEL)
        return forecast if isinstance(forecast, ForecastBundle) else None

    def answering(self, report_number: str, fields: ReportFields) -> CategoryBundle | None:
        """The category model for one report: the challenger for its canary share, else the champion.

        The choice depends on the report alone, so that every pod answers the same report with the same model.
        """
        challenger = self.challenger
        if challenger is not None and challenger.canary:
            key = report_number or repr(sorted((name, str(value)) for name, value in fields.items()))
            if crc32(key.encode()) < challenger.canary * 2**32:
                return challenger.model
        return self.category_model

    async def start(self) -> None:
        """Load the models of the image and the registry.

        A slow registry delays the start only where the image has no model.
        """
        if self.settings.model_dir:
            self._load_image_models(self.settings.model_dir)
        if self.settings.tracking_uri or not self.settings.model_dir:
            refresh = asyncio.create_task(run_in_threadpool(self.refresh))
            await asyncio.wait({refresh}, timeout=FIRST_REFRESH_SECONDS if self.category_model else None)

    async def follow(self) -> None:
        """Refresh every `refresh_seconds`, until cancelled; ever more rarely while the registry makes no sense."""
        pause = self.settings.refresh_seconds
        while True:
            await asyncio.sleep(pause)
            try:
                answered = await run_in_threadpool(self.refresh)
            except Exception:  # a faulty new version must not end the loop: the present one keeps answering
                log.exception("looking for another champion failed")
                answered = False
            usual = self.settings.refresh_seconds
            pause = usual if answered else min(2 * pause, max(MAX_PAUSE_SECONDS, usual))

    def refresh(self) -> bool:
        """Load the present champions and challenger where they changed. Returns whether the registry answered.

        Waits for a refresh that is under way: it may have read the aliases before the caller moved one.
        """
        with self._refreshing:
            if self.settings.model_dir and not self.settings.tracking_uri:
                self._load_image_models(self.settings.model_dir)
                return True
            champions = [self._load_champion(kind) for kind in MODEL_KINDS.values()]
            answered = self._load_challenger() and all(champions)
            REGISTRY_ANSWERS.labels(str(self.registry)).set(answered)
            return answered

    def _load_image_models(self, model_dir: Path) -> None:
        """Load the bundles of the image that have changed since they were tried."""
        for name, kind in MODEL_KINDS.items():
            directory = model_dir / kind.image_folder
            source = _image_source(directory)
            if self._tried.get(name) == source:
                continue
            self._tried[name] = source
            try:
                self._swap(name, kind.open(directory, self._image_version(directory)), source)
                self._mark_healthy(name)
            except Exception as error:  # whatever an image holds, the process lives
                self._mark_failed(name, _reason(error))

    def _image_version(self, directory: Path) -> str | None:
        """Version of an image's bundle, with a prefix where the registry has versions of its own.

        None if it can't be read: loading the bundle says why.
        """
        try:
            version = read_spec(directory, BundleSpec).version
        except BundleError:
            return None
        return f"image-{version}" if self.settings.tracking_uri else version

    def _load_champion(self, kind: ModelKind[Any]) -> bool:
        """Load the registry's champion if it changed; if that fails, the present model keeps answering.

        Returns whether the registry answered.
        """
        name = kind.name
        try:
            version = self.registry.version(name, CHAMPION)
        except VersionGoneError as error:
            self._mark_failed(name, str(error))
            return True
        except ModelNotFoundError as error:
            if name in self.serving:
                self._mark_healthy(name)  # nothing was promoted yet: the image's own model answers
            else:
                self._mark_failed(name, str(error))
            return True
        except Exception as error:  # whatever a registry answers, the present model keeps answering
            self._mark_failed(name, _reason(error))
            return False
        try:
            source = f"registry {version}"
            if self._sources.get(name) != source:
                self._swap(name, self._fetch(kind, version), source)
            self._mark_healthy(name)
        except Exception as error:  # as above
            self._mark_failed(name, _reason(error))
            if name not in self.serving:
                self._load_previous(kind)
        return True

    def _load_previous(self, kind: ModelKind[Any]) -> None:
        """Where nothing answers, as the champion can't be loaded at a start: the champion before it, if it can."""
        with suppress(Exception):  # the champion's trouble is told
            version = self.registry.version(kind.name, PREVIOUS)
            self._swap(kind.name, self._fetch(kind, version), f"registry {version}")

    def _fetch(self, kind: ModelKind[ModelT], version: str) -> ModelT:
        """A version's verified model. A broken version is fetched again after a pause that doubles each time."""
        name = kind.name
        broken = self._broken.get((name, version))
        if broken and time.monotonic() < broken.retry_at:
            raise BundleError(broken.reason)
        try:
            model = kind.open(self.registry.bundle(name, version), version)
        except Exception as error:  # of a registry that makes no sense, too
            pause = min(2 * broken.pause if broken else self.settings.refresh_seconds, MAX_PAUSE_SECONDS)
            self._broken.pop((name, version), None)
            self._broken[name, version] = Broken(time.monotonic() + pause, pause, _reason(error))
            while len(self._broken) > MAX_BROKEN:
                self._broken.pop(next(iter(self._broken)))
            if isinstance(error, BundleError):
                self.registry.forget(name, version)
            raise
        self._broken.pop((name, version), None)
        return model

    def _load_challenger(self) -> bool:
        """Load the registry's challenger; if there is none, or it can't be loaded, the champion answers alone.

        Returns whether the registry answered.
        """
        try:
            version = self.registry.version(CATEGORY_MODEL, CHALLENGER)
        except Exception as error:  # where the registry does not answer, the champion's trouble tells of it
            self._end_trial(_reason(error), in_trouble=isinstance(error, VersionGoneError))
            return isinstance(error, ModelNotFoundError)
        if self.category_model is None or version == self.category_model.version:
            self._end_trial("it is champion" if self.category_model else "there is no champion")
            return True
        try:
            self.challenger = self._challenger(version)
            self._mark_healthy(CHALLENGER_MODEL)
        except Exception as error:  # a trial must not change how the champion answers
            self._end_trial(_reason(error), in_trouble=True)
        return True

    def _challenger(self, version: str) -> Challenger:
        tags = self.registry.tags(CATEGORY_MODEL, version)
        canary, since = _share(tags.get("canary", "0")), self._since(version, tags.get("challenger_at"))
        if self.challenger is not None and self.challenger.model.version == version:
            return Challenger(self.challenger.model, canary, since)
        model = self._fetch(CATEGORY, version)
        log.info("challenger loaded", model=CATEGORY_MODEL, version=version, canary=canary)
        return Challenger(model, canary, since)

    def _since(self, version: str, time: str | None) -> float:
        """When a version became challenger: by its tag, or from now on if the clock went back since."""
        since = datetime.fromisoformat(time).timestamp() if time else 0.0
        now = self.registry.time()
        if since <= now:
            return since
        known = self.challenger
        return known.since if known and known.model.version == version and known.since <= now else now

    def _end_trial(self, why: str, in_trouble: bool = False) -> None:
        if self.challenger is not None:
            log.info("no challenger", model=CATEGORY_MODEL, why=why)
        self.challenger = None
        if in_trouble:
            self._mark_failed(CHALLENGER_MODEL, why)
        else:
            self._mark_healthy(CHALLENGER_MODEL)

    def _swap(self, name: str, model: Model, source: str) -> None:
        replaced = self.serving.get(name)
        self.serving[name], self._sources[name] = model, source
        if replaced:
            SERVED.remove(name, replaced.version)
            SWAPS.labels(name).inc()
        SERVED.labels(name, model.version).set(1)
        DATA_AGE.labels(name).set_function(partial(_age_in_days, data_until(model)))
        log.info("model loaded", model=name, version=model.version)

    def _mark_healthy(self, name: str) -> None:
        self.trouble.pop(name, None)
        TROUBLE.labels(name).set(0)

    def _mark_failed(self, name: str, why: str) -> None:
        if self.trouble.get(name) != why:
            log.error("no new model", model=name, why=why)
        self.trouble[name] = why
        TROUBLE.labels(name).set(1)
