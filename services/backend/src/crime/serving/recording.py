"""Predictions as they were given, kept to see drift and, once labels come, performance. No victim field among them."""

import asyncio
import json
import random
import socket
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import structlog
from fastapi.concurrency import run_in_threadpool

from crime import drift
from crime.bundle import Prediction
from crime.drift import FIELDS, Recorded
from crime.memory import give_back
from crime.registry import RegistryError
from crime.schema import LEVELS
from crime.serving.following import Following
from crime.serving.metrics import DRIFT, DRIFTED, LOST, RECORDED, SHADOWED
from crime.serving.report import stacked

FOLDER = "monitoring/predictions"
PERFORMANCE = "monitoring/performance.json"
MOST = 5_000  # predictions kept of one interval, chosen by chance where there are more
RECENT = 1_000  # that are compared with the reference: more would hide what has just begun
READ, FILES = 20_000, 2_000  # predictions, and files of them, that are read to show how drift came about
PERIODS = 12
SHADOW = " (shadow)"  # behind a version that would have answered so
KEPT_DAYS = 90
SAMPLED = LOST.labels("sampled")
log = structlog.get_logger()


class Recorder:
    """Keeps predictions in memory, at most `MOST`, and hands them to the registry's store every `record_seconds`."""

    def __init__(self, following: Following):
        self.following, settings = following, following.settings
        self.interval, self.share = settings.record_seconds, settings.record_share
        # an image's model alone has no store: then only this pod's latest are known
        self.store = following.registry if settings.tracking_uri or not settings.model_dir else None
        self._clock = self.store.time if self.store else time.time
        self._kept: list[tuple[Any, ...]] = []
        self._seen = 0
        self._files: dict[str, bytes] = {}
        self._recent: deque[tuple[Any, ...]] = deque(maxlen=MOST)
        self._lock = threading.Lock()

    def add(self, version: str, prediction: Prediction, number: str, fields: Any) -> None:
        """Record one answer; of more than `MOST` in an interval each has the same chance to stay (Vitter's R, 1985)."""
        if random.random() >= self.share:
            SAMPLED.inc()
            return
        row = (self._clock(), version, prediction, number, fields)
        with self._lock:
            self._seen += 1
            if len(self._kept) < MOST:
                self._kept.append(row)
                return
            SAMPLED.inc()
            at = random.randrange(self._seen)
            if at < MOST:
                self._kept[at] = row

    def add_all(self, version: str, fields: dict[str, np.ndarray], probabilities: np.ndarray, used: np.ndarray) -> None:
        """Record the answers to a table's reports: fields (rows,) each, probabilities (rows, 7), levels (rows,)."""
        levels, now = list(LEVELS), self._clock()
        with self._lock:
            asked = np.flatnonzero(np.random.random(len(used)) < self.share)
            places = self._seen + np.arange(len(asked))
            self._seen += len(asked)
            # those that find no room take another's place, or none: only they are looked at that get one
            places = np.where(places < MOST, places, np.random.randint(0, places + 1))
            for at, place in zip(asked[places < MOST].tolist(), places[places < MOST].tolist(), strict=True):
                report = {name: column[at : at + 1].tolist()[0] for name, column in fields.items()}
                number = report.pop("dr_no", None) or ""
                row = (now, version, Prediction(probabilities[at], levels[used[at]]), number, report)
                self._kept[place : place + 1] = [row]  # beyond the end: appended
            SAMPLED.inc(len(used) - int((places < MOST).sum()))

    def flush(self) -> None:
        """Hand over what was kept. What can't be stored is counted as lost, and stays known to this pod."""
        with self._lock:
            rows, self._kept, self._seen = self._kept, [], 0
            self._recent.extend(rows)
        if not rows:
            return
        rows += self._shadowed(rows)
        now = datetime.fromtimestamp(self._clock(), UTC)
        path = f"{FOLDER}/{now:%Y-%m-%d}/{now:%H%M%S.%f}-{socket.gethostname()}-{len(rows)}.csv.gz"
        try:
            if self.store:
                self.store.save(path, drift.written(map(_row, rows)))
                RECORDED.inc(len(rows))
                self._forget(now)
        except RegistryError as error:
            LOST.labels("store").inc(len(rows))
            log.error("predictions could not be recorded", lost=len(rows), why=str(error))

    def _shadowed(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """What the challenger would have answered to the same reports, marked so."""
        challenger = self.following.challenger
        asked = [row for row in rows if challenger and row[1] != challenger.version]
        if challenger is None or not asked:
            return []
        probabilities, used = challenger.predict(stacked([row[4] for row in asked]), len(asked))
        levels, version = list(LEVELS), challenger.version + SHADOW
        found = []
        for (at, _, given, number, row), shares, level in zip(asked, probabilities, used, strict=True):
            agrees = bool(shares.argmax() == given.probabilities.argmax())
            SHADOWED.labels(challenger.version, str(agrees).lower()).inc()
            found.append((at, version, Prediction(shares, levels[level]), number, row))
        return found

    def challenger(self) -> dict[str, Any] | None:
        """How the challenger's answers compare with the champion's to the same reports; None without one."""
        challenger = self.following.challenger
        if challenger is None:
            return None
        live = self.live(shadows=True)
        mine = live.take(live.version == challenger.version + SHADOW)
        shadow = {(at, number): row for row, (at, number) in enumerate(zip(mine.at, mine.dr_no, strict=True))}
        pairs = [
            (row, shadow[at, number])
            for row, (at, number, version) in enumerate(zip(live.at, live.dr_no, live.version, strict=True))
            if (at, number) in shadow and not version.endswith(SHADOW)
        ]
        given = live.take(np.array([pair[0] for pair in pairs], int)).probabilities
        would = mine.take(np.array([pair[1] for pair in pairs], int)).probabilities
        return {
            "version": challenger.version,
            "canary": self.following.canary,
            "answered": int(((live.version == challenger.version) & (live.at >= self.following.since)).sum()),
            "shadowed": len(pairs),
            "agreement": round(float((given.argmax(1) == would.argmax(1)).mean()), 4) if pairs else None,
            "difference": round(float(np.abs(given - would).sum(1).mean() / 2), 4) if pairs else None,
            **self._losses(challenger.version + SHADOW),
        }

    def _losses(self, shadow: str) -> dict[str, Any]:
        """Log loss of the challenger and of the champion in the weeks whose labels are known for both."""
        assert self.following.model
        known = self.performance()
        weeks = {week["week"] for week in known if week["version"] == shadow}
        found: dict[str, Any] = {}
        for name, version in (("log_loss", shadow), ("champion_log_loss", self.following.model.version)):
            rows = [week for week in known if week["version"] == version and week["week"] in weeks]
            reports = sum(week["reports"] for week in rows)
            found[name] = round(sum(w["log_loss"] * w["reports"] for w in rows) / reports, 4) if reports else None
        return found

    def _forget(self, now: datetime) -> None:
        assert self.store
        for day in self.store.files(FOLDER)[:-KEPT_DAYS]:
            if day.rpartition("/")[2] < f"{now - timedelta(KEPT_DAYS):%Y-%m-%d}":
                self.store.remove(day)

    def live(self, shadows: bool = False) -> Recorded:
        """The latest predictions of all pods, as far as they were stored, and this pod's own.

        With `shadows` also what a challenger would have answered.
        """
        with self._lock:
            mine = list(self._kept) if self.store else [*self._recent, *self._kept]
        self._files = self._newest()
        recorded = drift.read([*self._files.values(), drift.written(map(_row, mine))])
        rows = recorded.at.argsort(kind="stable")
        if not shadows:
            rows = rows[[not version.endswith(SHADOW) for version in recorded.version[rows]]]
        return recorded.take(rows)

    def _newest(self) -> dict[str, bytes]:
        """The latest files of all pods. They never change: each is fetched once."""
        found: dict[str, bytes] = {}
        if self.store:
            count = 0
            days = reversed(self.store.files(FOLDER))
            for path in islice((file for day in days for file in reversed(self.store.files(day))), FILES):
                if count >= READ:
                    break
                found[path] = self._files.get(path) or self.store.load(path)
                count += int(path.rpartition("-")[2].partition(".")[0])
        return found

    def look(self) -> dict[str, Any] | None:
        """Compare the latest predictions with the champion's reference; None without a model. Sets the metrics."""
        model = self.following.model
        if model is None:
            return None
        live = self.live()
        recent = live.take(slice(-RECENT, None))
        found = drift.compare(model.spec["reference"], recent)
        DRIFT.clear()
        for each in found:
            DRIFT.labels(each.feature).set(each.psi)
        DRIFTED.set(any(each.drifted for each in found))
        size = max(drift.LEAST, -(-len(live) // PERIODS))
        history = []
        for first in range(0, len(live), size):
            part = live.take(slice(first, first + size))
            psi = {each.feature: each.psi for each in drift.compare(model.spec["reference"], part)}
            if psi:
                history.append({"until": _time(part.at[-1]), "reports": len(part), "psi": psi})
        return {
            "model_name": model.name,
            "model_version": model.version,
            "reports": len(recent),
            "since": _time(recent.at[0]) if len(recent) else None,
            "drifted": any(each.drifted for each in found),
            "features": found,
            "history": history,
            "performance": self.performance(),
        }

    def judge(self, number: np.ndarray, label: np.ndarray) -> list[dict[str, Any]]:
        """Performance by week and version, now that these reports' labels (rows,) are known, beside what was known.

        Raises `RegistryError`.
        """
        found = drift.performance(self.live(shadows=True), number, label)
        known = {(week["week"], week["version"]): week for week in self.performance()}
        for week in found:
            at = week["week"], week["version"]
            known[at] = max(week, known.get(at, week), key=lambda each: each["reports"])
        weeks = [known[at] for at in sorted(known)]
        if self.store and found:
            self.store.save(PERFORMANCE, json.dumps(weeks).encode())
        return weeks

    def performance(self) -> list[dict[str, Any]]:
        """What `judge` last found."""
        if self.store is None or PERFORMANCE not in self.store.files(PERFORMANCE.rpartition("/")[0]):
            return []
        weeks: list[dict[str, Any]] = json.loads(self.store.load(PERFORMANCE))
        return weeks

    async def keep(self) -> None:
        """Flush and look again and again."""
        while True:
            await asyncio.sleep(self.interval)
            try:
                await run_in_threadpool(self.flush)
                await run_in_threadpool(self.look)
                await run_in_threadpool(give_back)  # tens of MB were needed to compare
            except Exception as error:  # watching must never end answering
                log.error("drift could not be looked at", why=str(error))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _row(kept: tuple[Any, ...]) -> tuple[Any, ...]:
    at, version, prediction, number, fields = kept
    given = prediction.probabilities
    head = (round(at, 3), version, prediction.level, int(given.argmax()), *given.round(5).tolist(), number)
    return (*head, *(fields[name] for name in islice(FIELDS, len(FIELDS) - 1)), fields["mocodes"])
