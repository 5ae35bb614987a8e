"""The models that answer, and how they follow the registry's alias: fetched, verified, swapped, or left as they are."""

import asyncio
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import structlog
from fastapi.concurrency import run_in_threadpool

from crime.classifier.bundle import CategoryBundle
from crime.core.bundle_files import SPEC_FILE, BundleSpec, read_spec
from crime.core.errors import BundleError, ModelNotFoundError, RegistryError
from crime.core.model_names import CATEGORY_MODEL
from crime.core.settings import Settings
from crime.features.definitions import ReportFields
from crime.registry.kinds import CATEGORY, MODEL_KINDS, Model, ModelKind, ModelT
from crime.registry.lookup import open_registry
from crime.registry.protocol import CHALLENGER, CHAMPION
from crime.serving.metrics import SERVED, SWAPS, TROUBLE

MAX_RETRY_SECONDS = 60.0  # seconds before a version that proved broken is fetched again
FIRST_LOOK_SECONDS = 3.0  # seconds that a start waits for the registry, where the image's own models could answer
log = structlog.get_logger()


class ModelManager:
    """What answers now. `serving[name]` is replaced as a whole: a request that began with one model ends with it.

    `trouble[name]` says why the registry's champion is not what answers, or why nothing is.
    """

    def __init__(self, settings: Settings):
        self.settings = settings
        self.registry = open_registry(settings)
        self.serving: dict[str, Any] = {}
        self.challenger: CategoryBundle | None = None
        self.canary = 0.0  # share of single predictions that the challenger answers
        self.challenger_since = 0.0  # when it became challenger
        self.trouble: dict[str, str] = {}
        self._loaded: dict[str, Any] = {}
        self._broken: dict[tuple[str, str], tuple[float, float, str]] = {}  # fetch it again when, the pause, and why
        self._looking = threading.Lock()

    @property
    def model(self) -> CategoryBundle | None:
        return self.serving.get(CATEGORY_MODEL)

    def answering(self, number: str, fields: ReportFields) -> CategoryBundle | None:
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
            await asyncio.wait({look}, timeout=FIRST_LOOK_SECONDS if self.model else None)

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
                for kind in MODEL_KINDS.values():
                    self._look_at_registry(kind)
                self._look_for_challenger()
        finally:
            self._looking.release()

    def _look_at_image(self) -> None:
        assert self.settings.model_dir
        for name, kind in MODEL_KINDS.items():
            directory = self.settings.model_dir / kind.image_folder
            try:
                spec = directory / SPEC_FILE
                changed = spec.stat().st_mtime_ns if spec.exists() else 0
                if self._loaded.get(name) != changed:
                    self._swap(name, kind.open(directory, self._name_of(spec)), changed)
                self._settle(name)
            except BundleError as error:
                self._complain(name, str(error))

    def _name_of(self, spec: Path) -> str | None:
        """Its version; where a registry numbers others, one that can't be mistaken for its."""
        try:
            version = read_spec(spec.parent, BundleSpec).version
        except BundleError:
            return None  # loading will say it better
        return f"image-{version}" if self.settings.tracking_uri else version

    def _look_at_registry(self, kind: ModelKind[Any]) -> None:
        name = kind.name
        try:
            version = self.registry.version(name, CHAMPION)
            if self._loaded.get(name) != (version,):
                self._swap(name, self._fetched(kind, version), (version,))
            self._settle(name)
        except ModelNotFoundError as error:
            if name in self.serving:
                self._settle(name)  # nothing was promoted yet: the image's own answers
            else:
                self._complain(name, str(error))
        except (RegistryError, BundleError) as error:
            self._complain(name, str(error))

    def _fetched(self, kind: ModelKind[ModelT], version: str) -> ModelT:
        """A version's verified model. One that proves broken is forgotten, and each time left alone twice as long."""
        name = kind.name
        again, pause, why = self._broken.get((name, version), (0.0, self.settings.refresh_seconds / 2, ""))
        if time.monotonic() < again:
            raise BundleError(why)
        try:
            found = kind.open(self.registry.bundle(name, version), version)
        except BundleError as error:
            pause = min(2 * pause, MAX_RETRY_SECONDS)
            self._broken[name, version] = time.monotonic() + pause, pause, str(error)
            self.registry.forget(name, version)
            raise
        self._broken.pop((name, version), None)
        return found

    def _look_for_challenger(self) -> None:
        """A challenger that can't be had is none: what the champion answers does not depend on it."""
        try:
            version = self.registry.version(CATEGORY_MODEL, CHALLENGER)
            if self.model is None or version == self.model.version:
                raise ModelNotFoundError(f"{CATEGORY_MODEL}@{CHALLENGER}", str(self.registry), CATEGORY.command)
            tags = self.registry.tags(CATEGORY_MODEL, version)
            canary = float(tags.get("canary", "0"))
            since = datetime.fromisoformat(tags["challenger_at"]).timestamp() if "challenger_at" in tags else 0.0
            if self.challenger is None or self.challenger.version != version:
                self.challenger = self._fetched(CATEGORY, version)
                log.info("challenger loaded", model=CATEGORY_MODEL, version=version, canary=canary)
            self.canary, self.challenger_since = canary, since
        except (RegistryError, BundleError, ValueError) as error:
            if self.challenger is not None:
                log.info("no challenger", model=CATEGORY_MODEL, why=str(error))
            self.challenger, self.canary = None, 0.0

    def _swap(self, name: str, model: Model, loaded: object) -> None:
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
