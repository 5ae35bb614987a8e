"""Monitoring: drift and performance of recent predictions, and the state of one pod."""

import math
import socket
import time

from fastapi import APIRouter, HTTPException

from crime.core.errors import RegistryError
from crime.serving.dependencies import ModelManagerDep, RecorderDep
from crime.serving.metrics import LATENCY
from crime.serving.payloads.monitoring import Drifts, Pod

router = APIRouter(tags=["monitoring"])
STARTED = time.time()
TIMED_ROUTES = ("/predict", "/predict/batch", "/explain")
LATENCY_QUANTILES = (0.5, 0.95)


@router.get("/drift")
def drifts(recorder: RecorderDep) -> Drifts:
    """Whether the latest 1,000 recorded predictions differ from what the champion was trained on."""
    try:
        report = recorder.drift()
    except RegistryError as error:
        raise HTTPException(503, str(error)) from None
    if report is None:
        raise HTTPException(503, "no model to compare with")
    return Drifts.from_report(report)


@router.get("/pod")
def pod(models: ModelManagerDep) -> Pod:
    """The pod that answers this request."""
    buckets = _latency_buckets()
    requests = buckets.get(math.inf, 0.0)
    return Pod(
        pod=socket.gethostname(),
        started=STARTED,
        serving={name: model.version for name, model in models.serving.items()},
        trouble=models.trouble,
        requests=int(requests),
        seconds={str(quantile): _bucket_of(buckets, quantile * requests) for quantile in LATENCY_QUANTILES},
    )


def _latency_buckets() -> dict[float, float]:
    """Number of predictions and explanations answered within each bound of the histogram, in seconds."""
    buckets: dict[float, float] = {}
    for metric in LATENCY.collect():
        for sample in metric.samples:
            if sample.name.endswith("_bucket") and sample.labels["route"] in TIMED_ROUTES:
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return buckets


def _bucket_of(buckets: dict[float, float], rank: float) -> float | None:
    """The least bound that `rank` requests were answered within; None without requests, or beyond the last bound."""
    bound = next((bound for bound in sorted(buckets) if rank and buckets[bound] >= rank), math.inf)
    return None if bound == math.inf else bound
