"""The models that answer, and how they follow the registry's alias: fetched, verified, swapped, or left as they are."""

import asyncio
import json
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import structlog
from fastapi.concurrency import run_in_threadpool

from crime import registry
from crime.bundle import SPEC, Bundle, BundleError
from crime.features import Fields
from crime.forecast import RISK, Forecast
from crime.promotion import load
from crime.registry import ALIAS, CHALLENGER, MODEL, NoSuchModel, RegistryError, Served
from crime.serving.metrics import SERVED, SWAPS, TROUBLE
from crime.settings import Settings

LONGEST_PAUSE = 60.0  # seconds before a version that proved broken is fetched again
FIRST_LOOK = 3.0  # seconds that a start waits for the registry, where the image's own models could answer
NAMES = (MODEL, RISK)
log = structlog.get_logger()


class Following:
    """What answers now. `serving[name]` is replaced as a whole: a request that began with one model ends with it.

    `trouble[name]` says why the registry's champion is not what answers, or why nothing is.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.registry = registry.of(settings)
        self.serving: dict[str, Any] = {}
        self.challenger: Bundle | None = None
        self.canary = 0.0  # share of single predictions that the challenger answers
        self.since = 0.0  # when it became challenger
        self.trouble: dict[str, str] = {}
        self._loaded: dict[str, Any] = {}
        self._broken: dict[tuple[str, str], tuple[float, float, str]] = {}  # fetch it again when, the pause, and why
        self._looking = threading.Lock()

    @property
    def model(self) -> Bundle | None:
        return self.serving.get(MODEL)

    def answering(self, number: str, fields: Fields) -> Bundle | None:
        """The category model for one report: the challenger for its share, the same reports always, on every pod."""
        challenger = self.challenger
        if challenger is not None and self.canary:
            key = number or repr(sorted((name, str(value)) for name, value in fields.items()))
            if crc32(key.encode()) < self.canary * 2**32:
                return challenger
        return self.model

    async def start(self) -> None:
        """Have something to answer with, if there is anything."""
        if self.settings.model_dir:
            self._look_at_image()
        if self.settings.tracking_uri or not self.settings.model_dir:
            look = asyncio.create_task(run_in_threadpool(self.look))
            await asyncio.wait({look}, timeout=FIRST_LOOK if self.model else None)

    async def follow(self) -> None:
        """Look again and again, whatever happens."""
        while True:
            await asyncio.sleep(self.settings.refresh_seconds)
            try:
                await run_in_threadpool(self.look)
            except Exception:  # whatever a new model does: the one that answers answers on
                log.exception("the look for another champion failed")

    def look(self) -> None:
        """Take up what is champion now, if it is another than what answers. One look at a time."""
        if not self._looking.acquire(blocking=False):
            return
        try:
            if self.settings.model_dir and not self.settings.tracking_uri:
                self._look_at_image()
            else:
                for name in NAMES:
                    self._look_at_registry(name)
                self._look_for_challenger()
        finally:
            self._looking.release()

    def _look_at_image(self) -> None:
        assert self.settings.model_dir
        for name in NAMES:
            directory = self.settings.model_dir / ("" if name == MODEL else name)
            try:
                spec = directory / SPEC
                changed = spec.stat().st_mtime_ns if spec.exists() else 0
                if self._loaded.get(name) != changed:
                    self._swap(name, load(name, directory, self._name_of(spec)), changed)
                self._settle(name)
            except BundleError as error:
                self._complain(name, str(error))

    def _name_of(self, spec: Path) -> str | None:
        """Its version; where a registry numbers others, one that can't be mistaken for its."""
        try:
            version = json.loads(spec.read_text())["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return None  # loading will say it better
        return f"image-{version}" if self.settings.tracking_uri else version

    def _look_at_registry(self, name: str) -> None:
        try:
            version = self.registry.version(name, ALIAS)
            if self._loaded.get(name) != (version,):
                self._swap(name, self._fetched(name, version), (version,))
            self._settle(name)
        except NoSuchModel as error:
            if name in self.serving:
                self._settle(name)  # nothing was promoted yet: the image's own answers
            else:
                self._complain(name, str(error))
        except (RegistryError, BundleError) as error:
            self._complain(name, str(error))

    def _fetched(self, name: str, version: str) -> Bundle | Forecast:
        """A version's verified model. One that proves broken is forgotten, and each time left alone twice as long."""
        again, pause, why = self._broken.get((name, version), (0.0, self.settings.refresh_seconds / 2, ""))
        if time.monotonic() < again:
            raise BundleError(why)
        try:
            found = load(name, self.registry.bundle(name, version), version)
        except BundleError as error:
            pause = min(2 * pause, LONGEST_PAUSE)
            self._broken[name, version] = time.monotonic() + pause, pause, str(error)
            if isinstance(self.registry, Served):
                self.registry.forget(name, version)
            raise
        self._broken.pop((name, version), None)
        return found

    def _look_for_challenger(self) -> None:
        """A challenger that can't be had is none: what the champion answers does not depend on it."""
        try:
            version = self.registry.version(MODEL, CHALLENGER)
            if self.model is None or version == self.model.version:
                raise NoSuchModel(f"{MODEL}@{CHALLENGER}", str(self.registry))
            tags = self.registry.tags(MODEL, version)
            canary = float(tags.get("canary", "0"))
            since = datetime.fromisoformat(tags["challenger_at"]).timestamp() if "challenger_at" in tags else 0.0
            if self.challenger is None or self.challenger.version != version:
                found = self._fetched(MODEL, version)
                self.challenger = found if isinstance(found, Bundle) else None
                log.info("challenger loaded", model=MODEL, version=version, canary=canary)
            self.canary, self.since = canary, since
        except (RegistryError, BundleError, ValueError) as error:
            if self.challenger is not None:
                log.info("no challenger", model=MODEL, why=str(error))
            self.challenger, self.canary = None, 0.0

    def _swap(self, name: str, model: Any, loaded: Any) -> None:
        old = self.serving.get(name)
        self.serving[name], self._loaded[name] = model, loaded
        if old:
            SERVED.remove(name, old.version)
            SWAPS.labels(name).inc()
        SERVED.labels(name, model.version).set(1)
        log.info("model loaded", model=name, version=model.version)

    def _settle(self, name: str) -> None:
        self.trouble.pop(name, None)
        TROUBLE.labels(name).set(0)

    def _complain(self, name: str, why: str) -> None:
        if self.trouble.get(name) != why:
            log.error("no new model", model=name, why=why)
        self.trouble[name] = why
        TROUBLE.labels(name).set(1)
