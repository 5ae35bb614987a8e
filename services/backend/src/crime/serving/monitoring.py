"""What came in lately, beside what the model was trained on."""

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from crime.drift import Drift
from crime.registry import RegistryError
from crime.serving.recording import Recorder

router = APIRouter(tags=["monitoring"])


class Period(BaseModel):
    """`psi` by feature, of the predictions until then."""

    until: str
    reports: int
    psi: dict[str, float]


class Drifts(BaseModel):
    """`features`: the most drifted first; `history`: the same over time, the oldest first."""

    model_name: str
    model_version: str
    reports: int
    since: str | None
    drifted: bool
    features: list[Drift]
    history: list[Period]


@router.get("/drift", responses={503: {"description": "no model yet, or the store can't be reached"}})
def drifts(request: Request) -> Drifts:
    """Whether the latest 5,000 recorded predictions differ from what the champion was trained on."""
    recorder: Recorder = request.app.state.recorder
    try:
        found = recorder.look()
    except RegistryError as error:
        raise HTTPException(503, str(error)) from None
    if found is None:
        raise HTTPException(503, "no model to compare with")
    return Drifts(**found)
