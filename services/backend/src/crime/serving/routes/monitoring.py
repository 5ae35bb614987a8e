"""What came in lately, beside what the model was trained on."""

import socket
import time
from dataclasses import asdict

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from crime.core.errors import RegistryError
from crime.serving.dependencies import manager_of, recorder_of
from crime.serving.metrics import LATENCY

router = APIRouter(tags=["monitoring"])
STARTED = time.time()


class Period(BaseModel):
    """`psi` by feature, of the predictions until then."""

    until: str
    reports: int
    psi: dict[str, float]


class Week(BaseModel):
    """How good a version's answers of a week were, once the truth came; `(shadow)`: a challenger's beside them."""

    week: str
    version: str
    reports: int
    accuracy: float
    log_loss: float
    ece: float


class Drift(BaseModel):
    """`psi` with chance's share taken off; `js`: Jensen-Shannon distance, 0 to 1; `p`: of the chi-square test."""

    feature: str
    reports: int
    psi: float
    js: float
    p: float
    drifted: bool = False


class Drifts(BaseModel):
    """`features`: the most drifted first; `history`: the same over time, the oldest first, as is `performance`."""

    model_name: str
    model_version: str
    reports: int
    since: str | None
    drifted: bool
    features: list[Drift]
    history: list[Period]
    performance: list[Week]


@router.get("/drift", responses={503: {"description": "no model yet, or the store can't be reached"}})
def drifts(request: Request) -> Drifts:
    """Whether the latest 1,000 recorded predictions differ from what the champion was trained on."""
    recorder = recorder_of(request)
    try:
        found = recorder.drift()
    except RegistryError as error:
        raise HTTPException(503, str(error)) from None
    if found is None:
        raise HTTPException(503, "no model to compare with")
    return Drifts(
        model_name=found.model_name,
        model_version=found.model_version,
        reports=found.reports,
        since=found.since,
        drifted=found.drifted,
        features=[Drift(**asdict(feature)) for feature in found.features],
        history=[Period(**asdict(period)) for period in found.history],
        performance=[Week(**week.as_json()) for week in found.performance],
    )


class Pod(BaseModel):
    """One backend pod: the versions it answers with, and its requests (predictions and explanations) since it started.

    `seconds`: the least bound of the histogram's buckets that half, and 95 %, of them were answered within.
    """

    pod: str
    started: float
    serving: dict[str, str]
    trouble: dict[str, str]
    requests: int
    seconds: dict[str, float | None]


@router.get("/pod")
def pod(request: Request) -> Pod:
    """The pod that answers this."""
    following = manager_of(request)
    buckets: dict[float, float] = {}
    for metric in LATENCY.collect():
        for sample in metric.samples:
            if sample.name.endswith("_bucket") and sample.labels["route"] in ("/predict", "/predict/batch", "/explain"):
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0) + sample.value
    total = buckets.get(float("inf"), 0)
    within = {
        str(share): next((b for b in sorted(buckets) if total and buckets[b] >= share * total), None)
        for share in (0.5, 0.95)
    }
    return Pod(
        pod=socket.gethostname(),
        started=STARTED,
        serving={name: model.version for name, model in following.serving.items()},
        trouble=following.trouble,
        requests=int(total),
        seconds={share: bound if bound != float("inf") else None for share, bound in within.items()},
    )
