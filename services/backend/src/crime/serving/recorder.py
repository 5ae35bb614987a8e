"""Collects this pod's predictions and appends them to the prediction log every `record_seconds`."""

import asyncio
import math
import random
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import structlog
from anyio import CapacityLimiter, to_thread
from fastapi.concurrency import run_in_threadpool

from crime.classifier.bundle import CategoryBundle, Prediction
from crime.core import limits
from crime.core.errors import RegistryError
from crime.core.file_store import FileStore
from crime.core.memory import release_free_memory
from crime.core.settings import Settings
from crime.features.definitions import ReportFields
from crime.monitoring.accuracy import recent_accuracy
from crime.monitoring.challenger import ChallengerComparison, compare_challenger
from crime.monitoring.drift_report import DriftReport, drift_report
from crime.monitoring.performance import WeeklyPerformance, read_performance
from crime.monitoring.prediction_log import PredictionLog
from crime.monitoring.records import PredictionRecord, RecordedPredictions, stack_fields
from crime.reports.schema import DETAIL_LEVELS
from crime.serving.metrics import ACCURACY, DRIFT, DRIFTED, LOST, RECORDED, SHADOWED, WAITING
from crime.serving.model_manager import ModelManager
from crime.serving.unreadable import log_unreadable

MAX_PENDING = 5_000  # predictions held between two flushes; of more, a random sample
RECORD_LIMIT = CapacityLimiter(1)  # of what reads thousands of recorded predictions: waiting takes no thread
SAMPLED_OUT = LOST.labels("sampled")
log = structlog.get_logger()


class Recorder:
    """Keeps at most `MAX_PENDING` predictions in memory until the next `flush`.

    Without a `store` (where only an image's own model is served) predictions stay in this process.
    """

    def __init__(self, settings: Settings, models: ModelManager, store: FileStore | None):
        self.models = models
        self.interval, self.share = settings.record_seconds, settings.record_share
        self.log = PredictionLog(store)
        self._clock = store.time if store else time.time
        self._pending: list[PredictionRecord] = []
        self._seen = 0  # predictions since the last flush, those that were sampled out included
        self._flushed: deque[PredictionRecord] = deque(maxlen=MAX_PENDING)  # read back where there is no store
        self._lock, self._flush_lock = threading.Lock(), threading.Lock()
        self._added = 0  # predictions ever
        self._drift: tuple[float, object, DriftReport] | None = None  # the latest: when begun, made of what, report
        self._drift_lock = threading.Lock()

    def add(self, version: str, prediction: Prediction, report_number: str, fields: ReportFields) -> None:
        """Record one answer. Of more than `MAX_PENDING`, a random sample is kept.

        Reservoir sampling: Vitter, Random sampling with a reservoir (1985), algorithm R.
        """
        if random.random() >= self.share:
            SAMPLED_OUT.inc()
            return
        record = PredictionRecord(self._clock(), version, prediction, report_number, fields)
        with self._lock:
            self._seen += 1
            self._added += 1
            if len(self._pending) < MAX_PENDING:
                self._pending.append(record)
                return
            SAMPLED_OUT.inc()
            slot = random.randrange(self._seen)
            if slot < MAX_PENDING:
                self._pending[slot] = record

    def add_table(
        self, version: str, fields: Mapping[str, np.ndarray], probabilities: np.ndarray, level_index: np.ndarray
    ) -> None:
        """Record the answers to a table, sampled as in `add`.

        `fields`: (rows,) each; `probabilities`: (rows, 7); `level_index`: (rows,) index into `DETAIL_LEVELS`.
        """
        levels, now = list(DETAIL_LEVELS), self._clock()
        with self._lock:
            pending_before = len(self._pending)
            rows = np.flatnonzero(np.random.random(len(level_index)) < self.share)
            slots = self._seen + np.arange(len(rows))
            self._seen += len(rows)
            self._added += len(rows)
            slots = np.where(slots < MAX_PENDING, slots, np.random.randint(0, slots + 1))
            has_slot = slots < MAX_PENDING  # only these rows become records
            for row, slot in zip(rows[has_slot].tolist(), slots[has_slot].tolist(), strict=True):
                report = {name: column[row : row + 1].tolist()[0] for name, column in fields.items()}
                number = report.pop("dr_no", None) or ""
                shares = probabilities[row].copy()  # a view of it would keep the whole block in memory
                prediction = Prediction(shares, levels[level_index[row]])
                # a slot at the end of the list appends to it
                self._pending[slot : slot + 1] = [PredictionRecord(now, version, prediction, number, report)]
            SAMPLED_OUT.inc(len(level_index) - (len(self._pending) - pending_before))

    def flush(self) -> None:
        """Write the pending predictions to the log.

        If the store fails, their file waits and the next flush writes it first. Until then new predictions are pending.
        """
        with self._flush_lock:
            try:
                RECORDED.inc(self.log.save())
                if records := self._take_pending():
                    RECORDED.inc(self.log.append(records + self._shadow_predictions(records)))
            except RegistryError as error:
                log.error("predictions could not be recorded yet", waiting=self.log.waiting, why=str(error))
            WAITING.set(self.log.waiting)

    def _take_pending(self) -> list[PredictionRecord]:
        with self._lock:
            records, self._pending, self._seen = self._pending, [], 0
            self._flushed.extend(records)
        return records

    def _shadow_predictions(self, records: list[PredictionRecord]) -> list[PredictionRecord]:
        """The challenger's predictions for the reports that it did not answer itself."""
        challenger = self.models.challenger
        if challenger is None:
            return []
        model = challenger.model
        others = [record for record in records if record.version != model.version]
        if not others:
            return []
        probabilities, level_index = model.predict(stack_fields([record.fields for record in others]), len(others))
        levels = list(DETAIL_LEVELS)
        shadows = []
        for record, shares, level in zip(others, probabilities, level_index, strict=True):
            agrees = bool(shares.argmax() == record.prediction.probabilities.argmax())
            SHADOWED.labels(model.version, str(agrees).lower()).inc()
            prediction = Prediction(shares, levels[level])
            shadows.append(replace(record, version=model.version, prediction=prediction, shadow=True))
        return shadows

    def recorded(self, shadows: bool = False, unreadable: list[str] | None = None) -> RecordedPredictions:
        """The latest predictions of all pods, and this pod's pending ones. Raises `RegistryError`.

        The paths of files that can't be read go to `unreadable`.
        """
        with self._lock:
            own = list(self._pending) if self.log.store else [*self._flushed, *self._pending]
        return self.log.read(own, shadows, unreadable)

    def drift(self, model: CategoryBundle, asked_at: float) -> DriftReport:
        """Compare the latest predictions with the model's reference, and set the metrics. Raises `RegistryError`.

        Computed once at a time, and kept until something is recorded. All who wait meanwhile get the next one.
        `asked_at`: when this was asked for, by `time.monotonic`.
        """
        with self._drift_lock:
            if self._drift and self._drift[0] >= asked_at:
                return self._drift[2]
            began, unreadable = time.monotonic(), list[str]()
            performance = read_performance(self.log.store, unreadable)
            made_of = (model.version, self._added, self.log.newest_paths(), performance, len(unreadable))
            kept = self._drift[2] if self._drift and self._drift[1] == made_of else None
            report = kept or self._measure_drift(model, performance, unreadable)
            self._drift = began, made_of, report
            return report

    def _measure_drift(
        self, model: CategoryBundle, performance: list[WeeklyPerformance], unreadable: list[str]
    ) -> DriftReport:
        recorded = self.recorded(unreadable=unreadable)
        report = drift_report(model, recorded, performance, len(unreadable))
        log_unreadable("recorded predictions", unreadable)
        DRIFT.clear()
        for feature in report.features:
            DRIFT.labels(feature.feature).set(feature.psi)
        DRIFTED.set(report.drifted)
        ACCURACY.clear()
        for kind, share in recent_accuracy(model, recorded, performance).items():
            ACCURACY.labels(kind).set(share)
        return report

    def compare_challenger(self) -> ChallengerComparison | None:
        """Compare the challenger with the champion; None without one. Raises `RegistryError`."""
        challenger, champion = self.models.challenger, self.models.category_model
        if challenger is None or champion is None:
            return None
        return compare_challenger(
            challenger.model.version,
            challenger.canary,
            challenger.since,
            champion.version,
            self.recorded(shadows=True),
            read_performance(self.log.store),
        )

    async def run(self) -> None:
        """Flush every `record_seconds`, and measure drift and accuracy ever so often, until cancelled."""
        measured_at = -math.inf
        while True:
            await asyncio.sleep(self.interval)
            try:
                await run_in_threadpool(self.flush)
                now = time.monotonic()
                if (model := self.models.category_model) and now - measured_at >= limits.MEASURE_SECONDS:
                    await to_thread.run_sync(self.drift, model, now, limiter=RECORD_LIMIT)
                    measured_at = now
                await run_in_threadpool(release_free_memory)  # comparing takes tens of MB
            except Exception as error:  # monitoring must never stop predictions
                log.error("monitoring failed", why=str(error))
