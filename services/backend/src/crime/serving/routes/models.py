"""Model management: versions and their metrics from MLflow, promotion, rollback, challengers and the audit log."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from crime.classifier.bundle import CategoryBundle
from crime.core.bundle_files import SPEC_FILE
from crime.core.errors import BundleError, CrimeError, RegistryError
from crime.core.model_names import CATEGORY_MODEL
from crime.registry import promotion
from crime.registry.audit import read_decisions
from crime.registry.evaluation import Evaluation as EvaluationScores
from crime.registry.evaluation import evaluate_bundles
from crime.registry.gates import Gate as GateOutcome
from crime.registry.gates import gates_from_tags
from crime.registry.kinds import Model as LoadedModel
from crime.registry.promotion import set_challenger, withdraw_challenger
from crime.registry.protocol import CHAMPION, Registry
from crime.registry.protocol import ModelVersion as RegistryVersion
from crime.serving.deciders import decided_by
from crime.serving.dependencies import ModelManagerDep, RecorderDep, SettingsDep
from crime.serving.errors import BODY_RESPONSES, Responses
from crime.serving.machine_token import is_machine_token, machine_token
from crime.serving.model_manager import ModelManager
from crime.serving.payloads.models import (
    BY,
    Act,
    Challenge,
    Challenged,
    Challenger,
    Decision,
    Evaluation,
    Gate,
    Model,
    Models,
    ModelSummary,
    ModelVersion,
    Number,
    Promotion,
    Rollback,
    Told,
    Who,
    Why,
)
from crime.serving.recorder import RECORD_LIMIT
from crime.serving.registry_threads import asks_registry
from crime.serving.unreadable import UNREADABLE_RESPONSES, tell_unreadable

router = APIRouter(tags=["models"])
MAX_EVALUATED = 6  # versions in one evaluation, which takes each about a second
EVALUATION_LIMIT = CapacityLimiter(1)  # concurrent evaluations would only slow predictions
log = structlog.get_logger()
# parts of a bundle's `spec.json` that `GET /models/{name}` returns
SHOWN_DETAILS = (
    "metrics",
    "confusion",
    "calibration",
    "by_system",
    "data",
    "parameters",
    "rounds",
    "versions",
    "categories",
    "backtest",
)


def _require_token(
    request: Request,
    settings: SettingsDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> None:
    """Raise 401 if the request carries no token or another one, 403 if none is configured.

    With sign-in, tokens and roles were checked before the request came here.
    """
    if settings.oidc_issuer:
        return
    if credentials is None:
        raise HTTPException(401, "expected the bearer token", {"WWW-Authenticate": "Bearer"})
    is_right = is_machine_token(credentials.credentials, settings)
    if is_right is None:
        raise HTTPException(403, "calls that change something are off: no token is configured")
    if not is_right:
        raise HTTPException(401, "expected the bearer token", {"WWW-Authenticate": "Bearer"})


class Warnings:
    """What went wrong although a decision was carried out: logged, and told in the answer as `text`."""

    def __init__(self, action: str, name: str):
        self.action, self.name = action, name
        self.text: str | None = None

    def add(self, message: str) -> None:
        log.warning("a decision's record is incomplete", action=self.action, model=self.name, why=message)
        self.text = f"{self.text}; {message}" if self.text else message


TOKEN_REQUIRED = [Depends(_require_token)]
WRITE_RESPONSES: Responses = {
    401: {"description": "not the bearer token"},
    403: {"description": "no token is configured"},
    404: {"description": "no such model or version"},
    409: {"description": "a gate failed, or the version can't be used"},
}
WRITE_BODY_RESPONSES = BODY_RESPONSES | WRITE_RESPONSES


@router.get("/models")
@asks_registry
def models(manager: ModelManagerDep) -> Models:
    """Registered models with their latest versions and aliases, from MLflow."""
    try:
        registered = manager.registry.models()
        if registered:
            return Models(source="mlflow", models=[ModelSummary(**asdict(model)) for model in registered])
    except RegistryError as error:
        if not manager.serving:
            raise HTTPException(503, str(error)) from None
    return Models(
        source="bundle",
        models=[
            ModelSummary(name=name, description="", latest_version=model.version, aliases={CHAMPION: model.version})
            for name, model in manager.serving.items()
        ],
    )


@router.get("/models/{name}", responses={404: {"description": "no such model"}})
@asks_registry
def model(name: str, manager: ModelManagerDep, settings: SettingsDep) -> Model:
    """Every version of a model with its metrics, from MLflow, and the details of the one that answers."""
    serving = manager.serving.get(name)
    source = "mlflow"
    try:
        versions = [_model_version(version, serving) for version in manager.registry.versions(name)]
    except RegistryError:
        versions = []
    if not versions and serving:
        source = "bundle"
        versions = [_model_version(RegistryVersion(serving.version, [CHAMPION]), serving)]
    if not versions:
        raise HTTPException(404, f"no model {name!r}")
    return Model(
        name=name,
        source=source,
        promotion_on=bool(settings.oidc_issuer or machine_token(settings)),
        versions=versions,
        serving=_details(serving) if serving else {},
    )


@router.get(
    f"/models/{CATEGORY_MODEL}/evaluation",
    responses={404: {"description": "no such version"}, 409: {"description": "too few reports that are new to all"}},
)
async def evaluation(
    manager: ModelManagerDep,
    version: Annotated[
        list[Number] | None, Query(max_length=MAX_EVALUATED, description="one or more; the champion if left out")
    ] = None,
) -> Evaluation:
    """How good versions are on the same held-out reports, which are newer than all that any of them learnt from.

    The judged model of each answers the newest of them, 5,000 at most, with what comes above a detail level hidden:
    by category and by area, beside always guessing the most frequent category, and its calibration.
    """
    scores = await to_thread.run_sync(_evaluate, manager, version or [], limiter=EVALUATION_LIMIT)
    return Evaluation(**asdict(scores))


def _evaluate(manager: ModelManager, versions: list[str]) -> EvaluationScores:
    """Raises `CrimeError`; 503 while no model answers."""
    serving = manager.category_model
    if not versions:
        if serving is None:
            raise HTTPException(503, f"no model to evaluate: {manager.trouble.get(CATEGORY_MODEL)}")
        versions = [serving.version]
    served = {serving.version: serving.directory} if serving else {}
    for loaded in (serving, manager.challenger.model if manager.challenger else None):
        if loaded:
            with suppress(CrimeError):  # used now, so it is not what makes room for the others
                manager.registry.bundle(CATEGORY_MODEL, loaded.version)
    bundles = [(served.get(name) or _present_bundle(manager.registry, name), name) for name in versions]
    try:
        written = [(path / SPEC_FILE).stat().st_mtime_ns for path, _ in bundles]
    except OSError as error:
        raise BundleError(f"a bundle can't be read: {error}") from None
    return evaluate_bundles(tuple((*bundle, time) for bundle, time in zip(bundles, written, strict=True)))


def _present_bundle(registry: Registry, version: str) -> Path:
    """The bundle of a version that was not deleted: a copy of it may be kept here for longer."""
    registry.tags(CATEGORY_MODEL, version)
    return registry.bundle(CATEGORY_MODEL, version)


def _model_version(version: RegistryVersion, serving: LoadedModel | None) -> ModelVersion:
    """A version of the registry. If its run has no metrics and the version is served, they come from its bundle."""
    metrics: dict[str, dict[str, float]] = {}
    for key, value in version.metrics.items():
        group, _, metric = key.rpartition(".")
        metrics.setdefault(group, {})[metric] = value
    if isinstance(serving, CategoryBundle) and version.version == serving.version and not metrics:
        metrics = serving.spec.metrics
    return ModelVersion(**{**asdict(version), "gates": _gates(gates_from_tags(version.tags)), "metrics": metrics})


def _gates(outcomes: list[GateOutcome]) -> list[Gate]:
    return [Gate(**asdict(gate)) for gate in outcomes]


def _details(serving: LoadedModel) -> dict[str, Any]:
    """The shown parts of a served model's spec, and its version."""
    spec = serving.spec.as_json()
    return {"version": serving.version} | {key: spec[key] for key in SHOWN_DETAILS if key in spec}


@router.post(
    "/models/{name}/promote",
    responses=WRITE_BODY_RESPONSES,
    dependencies=TOKEN_REQUIRED,
    response_model_exclude_none=True,
)
@asks_registry
def promote(name: str, manager: ModelManagerDep, wanted: Promotion, request: Request) -> Decision:
    """Make a version champion if its gates pass, or by force; this pod loads it at once, the others within seconds."""
    by = decided_by(request, wanted.by)
    version = wanted.version or promotion.latest_version(manager.registry, name)
    warnings = Warnings("promote", name)
    verdict = promotion.promote(manager.registry, name, version, by, wanted.reason, wanted.force, warnings.add)
    log.info("promoted", model=name, version=version, by=by, why=wanted.reason, forced=not verdict.passed)
    manager.refresh()
    return Decision(name=name, version=version, gates=_gates(verdict.gates), warning=warnings.text)


@router.post(
    "/models/{name}/rollback",
    responses=WRITE_BODY_RESPONSES,
    dependencies=TOKEN_REQUIRED,
    response_model_exclude_none=True,
)
@asks_registry
def rollback(name: str, manager: ModelManagerDep, wanted: Rollback, request: Request) -> Decision:
    """Make the previous champion champion again."""
    by = decided_by(request, wanted.by)
    warnings = Warnings("rollback", name)
    version = promotion.rollback(manager.registry, name, by, wanted.reason, warnings.add)
    log.info("rolled back", model=name, version=version, by=by, why=wanted.reason)
    manager.refresh()
    return Decision(name=name, version=version, gates=[], warning=warnings.text)


@router.get(f"/models/{CATEGORY_MODEL}/challenger", responses={404: {"description": "no challenger"}})
async def challenger(recorder: RecorderDep) -> Challenger:
    """The challenger compared with the champion on the latest 20,000 recorded predictions."""
    comparison = await to_thread.run_sync(recorder.compare_challenger, limiter=RECORD_LIMIT)
    if comparison is None:
        raise HTTPException(404, f"no challenger of {CATEGORY_MODEL}")
    return Challenger(**asdict(comparison))


@router.post(
    f"/models/{CATEGORY_MODEL}/challenger",
    responses=WRITE_BODY_RESPONSES,
    dependencies=TOKEN_REQUIRED,
    response_model_exclude_none=True,
)
@asks_registry
def challenge(wanted: Challenge, manager: ModelManagerDep, request: Request) -> Challenged:
    """Let a version make shadow predictions and answer its canary share; every pod loads it within seconds."""
    by = decided_by(request, wanted.by)
    warnings = Warnings("challenge", CATEGORY_MODEL)
    set_challenger(manager.registry, CATEGORY_MODEL, wanted.version, wanted.canary, by, wanted.reason, warnings.add)
    manager.refresh()
    return Challenged(**(wanted.model_dump() | {"by": by}), warning=warnings.text)


@router.delete(
    f"/models/{CATEGORY_MODEL}/challenger",
    status_code=204,
    responses=WRITE_RESPONSES | {200: {"model": Told, "description": "withdrawn, but something went wrong"}},
    dependencies=TOKEN_REQUIRED,
)
@asks_registry
def withdraw(
    request: Request,
    manager: ModelManagerDep,
    reason: Why,
    by: Annotated[Who | None, Query(description=BY)] = None,
) -> Response:
    """Withdraw the challenger: the champion answers alone."""
    by = decided_by(request, by, "query")
    warnings = Warnings("withdraw", CATEGORY_MODEL)
    withdraw_challenger(manager.registry, CATEGORY_MODEL, by, reason, warnings.add)
    manager.refresh()
    return JSONResponse({"warning": warnings.text}) if warnings.text else Response(status_code=204)


@router.get("/audit", responses=UNREADABLE_RESPONSES)
@asks_registry
def audit(manager: ModelManagerDep, response: Response) -> list[Act]:
    """Every decision about which version answers, the newest first, and what became of it.

    Entries that can't be read are left out; the header `Unreadable-Entries` counts them.
    """
    unreadable: list[str] = []
    decisions = read_decisions(manager.registry, unreadable)
    tell_unreadable(response, "decisions", unreadable)
    return [Act(**decision.as_json()) for decision in decisions]
