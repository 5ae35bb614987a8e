"""Monitoring: drift and performance of recent predictions, and the state of one pod."""

import math
import socket
import time
from dataclasses import asdict

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Request

from crime.core.errors import RegistryError
from crime.serving.dependencies import ModelManagerDep, RecorderDep, state_of
from crime.serving.payloads.monitoring import Drifts, Pod, TrafficMinute
from crime.serving.recorder import RECORD_LIMIT
from crime.serving.traffic import latency_buckets, latency_quantiles

router = APIRouter(tags=["monitoring"])
STARTED = time.time()


@router.get("/drift")
async def drifts(manager: ModelManagerDep, recorder: RecorderDep) -> Drifts:
    """Whether the latest 1,000 recorded predictions differ from what the champion was trained on.

    And how good the predictions of each week are expected to be (`estimated`), beside how good they were once crime
    codes were known (`performance`).
    """
    model = manager.category_model
    if model is None:
        raise HTTPException(503, "no model to compare with")
    try:
        report = await to_thread.run_sync(recorder.drift, model, time.monotonic(), limiter=RECORD_LIMIT)
    except RegistryError as error:
        raise HTTPException(503, str(error)) from None
    return Drifts.from_report(report, model)


@router.get("/pod")
def pod(models: ModelManagerDep, request: Request) -> Pod:
    """The pod that answers this request."""
    buckets = latency_buckets()
    return Pod(
        pod=socket.gethostname(),
        started=STARTED,
        serving={name: model.version for name, model in models.serving.items()},
        trouble=models.trouble,
        requests=int(buckets.get(math.inf, 0.0)),
        seconds=latency_quantiles(buckets),
        minutes=[TrafficMinute(**asdict(minute)) for minute in list(state_of(request).traffic.minutes)],
    )
