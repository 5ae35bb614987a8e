"""Requests that this pod has answered, minute by minute, for whoever looks at how it is doing."""

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from crime.serving.metrics import LATENCY, REQUESTS

TIMED_ROUTES = ("/predict", "/predict/batch", "/explain")
LATENCY_QUANTILES = (0.5, 0.95)
MINUTE = 60.0  # seconds
KEPT_MINUTES = 180


@dataclass(frozen=True)
class TrafficMinute:
    """Predictions and explanations of the minute up to `until`, in seconds since 1970.

    `failed`: those answered with a status of 500 or more. `seconds`: as in `latency_quantiles`.
    """

    until: float
    requests: int
    failed: int
    seconds: dict[str, float | None]


class Traffic:
    """The last `KEPT_MINUTES` minutes, read from the metrics: a request is not counted twice."""

    def __init__(self) -> None:
        self.minutes: deque[TrafficMinute] = deque(maxlen=KEPT_MINUTES)
        self._buckets, self._failed = latency_buckets(), _failed_requests()

    def sample(self) -> None:
        """Add what was answered since the last sample."""
        buckets, failed = latency_buckets(), _failed_requests()
        added = {bound: count - self._buckets.get(bound, 0.0) for bound, count in buckets.items()}
        requests = int(added.get(math.inf, 0.0))
        self.minutes.append(TrafficMinute(time.time(), requests, int(failed - self._failed), latency_quantiles(added)))
        self._buckets, self._failed = buckets, failed

    async def run(self) -> None:
        """Sample every minute, until cancelled."""
        while True:
            await asyncio.sleep(MINUTE)
            await run_in_threadpool(self.sample)


def latency_buckets() -> dict[float, float]:
    """Number of predictions and explanations answered within each bound of the histogram, in seconds."""
    buckets: dict[float, float] = {}
    for metric in LATENCY.collect():
        for sample in metric.samples:
            if sample.name.endswith("_bucket") and sample.labels["route"] in TIMED_ROUTES:
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return buckets


def latency_quantiles(buckets: dict[float, float]) -> dict[str, float | None]:
    """Latency by quantile ("0.5"), rounded up to a bound; None without requests, or beyond the last bound."""
    requests = buckets.get(math.inf, 0.0)
    return {str(quantile): _bucket_of(buckets, quantile * requests) for quantile in LATENCY_QUANTILES}


def _bucket_of(buckets: dict[float, float], rank: float) -> float | None:
    """The least bound that `rank` requests were answered within."""
    bound = next((bound for bound in sorted(buckets) if rank and buckets[bound] >= rank), math.inf)
    return None if bound == math.inf else bound


def _failed_requests() -> float:
    return sum(
        sample.value
        for metric in REQUESTS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
        and sample.labels["route"] in TIMED_ROUTES
        and int(sample.labels["status"]) >= 500
    )
