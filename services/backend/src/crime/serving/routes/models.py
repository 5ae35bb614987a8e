"""Model management: versions and their metrics from MLflow, promotion and rollback."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from crime.classifier.bundle import CategoryBundle
from crime.core.errors import BundleError, GatesFailedError, ModelNotFoundError, RegistryError
from crime.core.model_names import CATEGORY_MODEL
from crime.registry import promotion, protocol
from crime.registry.audit import read_decisions
from crime.registry.promotion import set_challenger, withdraw_challenger
from crime.registry.protocol import CHAMPION
from crime.serving.dependencies import manager_of, recorder_of, settings_of
from crime.serving.errors import BAD_BODY_RESPONSE

router = APIRouter(tags=["models"])
log = structlog.get_logger()
Number = Annotated[str, Field(max_length=20, pattern="^[0-9]+$")]
Who = Annotated[str, Field(max_length=200)]


class ModelSummary(BaseModel):
    name: str
    description: str
    latest_version: str
    aliases: dict[str, str]


class Models(BaseModel):
    """`source`: `mlflow`, or `bundle` where no registry can be reached and only the model served is known."""

    source: str
    models: list[ModelSummary]


class ModelVersion(BaseModel):
    version: str
    aliases: list[str]
    created: int | None = None
    run_id: str | None = None
    tags: dict[str, str] = {}
    metrics: dict[str, dict[str, float]]


class Model(BaseModel):
    """`serving`: what training wrote of the version that answers now."""

    name: str
    source: str
    versions: list[ModelVersion]
    serving: dict[str, Any]


class Promotion(BaseModel):
    """`version`: the latest if it is left out. `force`: why, although a gate failed. `by`: who decides; recorded."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    version: Number | None = None
    by: Who = "api"
    force: Annotated[str, Field(min_length=3, max_length=500)] | None = None


class Gate(BaseModel):
    """The outcome of one comparison with the champion. `reason`: the figures that were compared."""

    name: str
    passed: bool
    reason: str


class Decision(BaseModel):
    """`gates`: what was compared, each with its reason."""

    name: str
    version: str
    gates: list[Gate]


class Rollback(BaseModel):
    by: Who = "api"


def _require_token(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
) -> None:
    """Raises 403 where writing is off, 401 without the right token. The file is read anew: a Secret may change."""
    file = settings_of(request).token_file
    try:
        token = file.read_text().strip() if file else ""
    except OSError as error:
        log.error("the token can't be read", why=str(error))
        token = ""
    if not token:
        raise HTTPException(403, "calls that change something are off: no token is configured")
    if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
        raise HTTPException(401, "expected the bearer token", {"WWW-Authenticate": "Bearer"})


WRITE_RESPONSES: dict[int | str, dict[str, Any]] = BAD_BODY_RESPONSE | {
    401: {"description": "not the bearer token"},
    403: {"description": "no token is configured"},
    404: {"description": "no such model or version"},
    409: {"description": "a gate failed, or the version can't be used"},
    503: {"description": "the registry can't be reached"},
}


@contextmanager
def _http_errors() -> Iterator[None]:
    """What can't be done is answered by `WRITING`'s codes."""
    try:
        yield
    except (GatesFailedError, BundleError) as error:
        raise HTTPException(409, str(error)) from None
    except RegistryError as error:
        raise HTTPException(404 if isinstance(error, ModelNotFoundError) else 503, str(error)) from None


@router.get("/models", responses={503: {"description": "no model yet"}})
def models(request: Request) -> Models:
    """Registered models, their latest versions and aliases, from MLflow."""
    following = manager_of(request)
    try:
        found = following.registry.models()
        if found:
            return Models(source="mlflow", models=[ModelSummary(**asdict(model)) for model in found])
    except RegistryError as error:
        if not following.serving:
            raise HTTPException(503, str(error)) from None
    return Models(
        source="bundle",
        models=[
            ModelSummary(name=name, description="", latest_version=model.version, aliases={CHAMPION: model.version})
            for name, model in following.serving.items()
        ],
    )


@router.get("/models/{name}", responses={404: {"description": "no such model"}})
def model(name: str, request: Request) -> Model:
    """Every version of a model with its metrics, from MLflow, and the details of the one that answers."""
    following = manager_of(request)
    serving = following.serving.get(name)
    try:
        source, found = "mlflow", following.registry.versions(name)
    except RegistryError:
        source, found = "bundle", []
    if not found and not serving:
        raise HTTPException(404, f"no model {name!r}")
    if not found and serving:
        source, found = "bundle", [protocol.ModelVersion(serving.version, [CHAMPION])]
    versions = []
    for version in found:
        metrics: dict[str, dict[str, float]] = {}
        for key, value in version.metrics.items():
            level, _, metric = key.rpartition(".")
            metrics.setdefault(level, {})[metric] = value
        if isinstance(serving, CategoryBundle) and version.version == serving.version and not metrics:
            metrics = serving.spec.metrics
        versions.append(ModelVersion(**{**asdict(version), "metrics": metrics}))
    kept = ("version", "metrics", "confusion", "calibration", "data", "parameters", "rounds", "versions", "categories")
    details: dict[str, Any] = {}
    if serving:
        spec = serving.spec.as_json() if isinstance(serving, CategoryBundle) else serving.spec
        details = {key: spec[key] for key in (*kept, "backtest") if key in spec} | {"version": serving.version}
    return Model(name=name, source=source, versions=versions, serving=details)


@router.post("/models/{name}/promote", responses=WRITE_RESPONSES, dependencies=[Depends(_require_token)])
def promote(name: str, request: Request, wanted: Promotion | None = None) -> Decision:
    """Make a version champion if its gates pass, or by force; this pod takes it up at once, the others in seconds."""
    following, wanted = manager_of(request), wanted or Promotion()
    with _http_errors():
        version = wanted.version or promotion.latest_version(following.registry, name)
        verdict = promotion.promote(following.registry, name, version, wanted.by, wanted.force)
    log.info("promoted", model=name, version=version, by=wanted.by, forced_because=wanted.force)
    following.look()
    return Decision(name=name, version=version, gates=[Gate(**asdict(gate)) for gate in verdict.gates])


@router.post("/models/{name}/rollback", responses=WRITE_RESPONSES, dependencies=[Depends(_require_token)])
def rollback(name: str, request: Request, wanted: Rollback | None = None) -> Decision:
    """Make the version that was champion before champion again."""
    following, wanted = manager_of(request), wanted or Rollback()
    with _http_errors():
        version = promotion.rollback(following.registry, name, wanted.by)
    log.info("rolled back", model=name, version=version, by=wanted.by)
    following.look()
    return Decision(name=name, version=version, gates=[])


class Challenge(BaseModel):
    """`canary`: the share of single predictions that the challenger answers; 0 lets it only score along."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    version: Number
    canary: Annotated[float, Field(ge=0, le=1)] = 0.0
    by: Who = "api"


class Challenger(BaseModel):
    """`answered` by itself; `shadowed`: champion's answers that it scored along, `agreement` the share of them with
    the same category, `difference` the mean total variation distance between the probabilities; both log losses
    once labels of such reports came (`crime drift --data`, `crime retrain`)."""

    version: str
    canary: float
    answered: int
    shadowed: int
    agreement: float | None
    difference: float | None
    log_loss: float | None
    champion_log_loss: float | None


@router.get(f"/models/{CATEGORY_MODEL}/challenger", responses={404: {"description": "no challenger"}})
def challenger(request: Request) -> Challenger:
    """How the challenger does beside the champion, among the latest 20,000 recorded predictions."""
    recorder = recorder_of(request)
    with _http_errors():
        found = recorder.challenger()
    if found is None:
        raise HTTPException(404, f"no challenger of {CATEGORY_MODEL}")
    return Challenger(**asdict(found))


@router.post(f"/models/{CATEGORY_MODEL}/challenger", responses=WRITE_RESPONSES, dependencies=[Depends(_require_token)])
def challenge(wanted: Challenge, request: Request) -> Challenge:
    """Let a version score along, and answer its share; every pod does so in seconds."""
    following = manager_of(request)
    with _http_errors():
        set_challenger(following.registry, CATEGORY_MODEL, wanted.version, wanted.canary, wanted.by)
    following.look()
    return wanted


@router.delete(
    f"/models/{CATEGORY_MODEL}/challenger",
    status_code=204,
    responses=WRITE_RESPONSES,
    dependencies=[Depends(_require_token)],
)
def withdraw(request: Request, by: Who = "api") -> None:
    """No challenger any more."""
    following = manager_of(request)
    with _http_errors():
        withdraw_challenger(following.registry, CATEGORY_MODEL, by)
    following.look()


class Act(BaseModel):
    """A decision about a version. `at`: ISO 8601 in UTC; `what`: promote, rollback, challenge or withdraw."""

    at: str
    what: str
    model: str
    version: str
    by: str
    why: str | None = None


@router.get("/audit", responses={503: {"description": "the registry can't be reached"}})
def audit(request: Request) -> list[Act]:
    """Every decision about which version answers, the newest first."""
    with _http_errors():
        return [Act(**decision.as_json()) for decision in read_decisions(manager_of(request).registry)]
