"""Which version answers: promotion through gates, rollback, and the challenger.

Every decision is written to the registry as tags of the version and to the audit log. It needs neither MLflow nor
training code, so that a backend can make it.
"""

import logging
from dataclasses import dataclass
from typing import Any

from crime.core.errors import BundleError, DecisionError, GatesFailedError, ModelNotFoundError, VersionGoneError
from crime.core.file_store import store_time
from crime.registry.audit import Warn, record_intent, recorded
from crime.registry.gates import Gate, GateName, Verdict, gate_tags, size_gate
from crime.registry.kinds import Model, ModelKind, model_kind, training_command
from crime.registry.protocol import CHALLENGER, CHAMPION, PREVIOUS, Registry, canonical_version

PROMOTION_TAG, BEGUN, DONE = "promotion", "begun", "done"
DECISION_TAG, CHALLENGE_TAG = "decision", "challenge"  # ids in the audit log
VERDICT_TAG = "verdict"


@dataclass(frozen=True)
class ModelResult:
    """The version of a trained model, and the verdict of its gates as a line of text."""

    version: str
    verdict: str


def latest_version(registry: Registry, name: str) -> str:
    """The newest version of a model. Raises `RegistryError`."""
    for model in registry.models():
        if model.name == name and model.latest_version:
            return model.latest_version
    raise ModelNotFoundError(name, str(registry), training_command(name))


def judge_version(registry: Registry, name: str, version: str) -> Verdict:
    """Compare a version with the present champion, or with a baseline where there is none that can be used.

    Raises `RegistryError`, and `BundleError` if the version can't be used.
    """
    try:
        champion_version = registry.version(name, CHAMPION)
        champion_directory = registry.bundle(name, champion_version)
    except ModelNotFoundError:
        champion_version = ""
    directory = registry.bundle(name, version)
    kind = model_kind(name)
    challenger = kind.open(directory, version)
    if not champion_version:
        return _first_verdict(kind, challenger, "the first one")
    if champion_version == version:
        return Verdict([Gate(GateName.FIRST, True, f"version {version} is champion already")])
    try:
        champion = kind.open(champion_directory, champion_version)
    except BundleError as error:  # of an earlier release, or damaged
        return _first_verdict(kind, challenger, f"version {champion_version} can't be read: {error}")
    return Verdict([*kind.gates(challenger, champion), size_gate(directory, champion_directory, champion_version)])


def _first_verdict(kind: ModelKind[Any], version: Model, why: str) -> Verdict:
    """The verdict on a version that has no champion to be compared with. `why`: the reason that there is none."""
    gates = kind.first_gates(version)
    passed = all(gate.passed for gate in gates)
    if not passed:
        why += (
            f"; there is no champion unless `crime promote {kind.name} {version.version} --force REASON` makes this one"
        )
    return Verdict([Gate(GateName.FIRST, passed, why), *gates])


def log_warning(message: str) -> None:
    """Where nobody else is told."""
    logging.getLogger(__name__).warning(message)


def promote(
    registry: Registry,
    name: str,
    version: str,
    by: str,
    reason: str | None = None,
    force: bool = False,
    warn: Warn = log_warning,
) -> Verdict:
    """Make a version champion if its gates pass, or with `force` although they don't. `by` decides, for a `reason`.

    The verdict and its reasons become tags of the version either way; of the champion nothing changes. `warn` takes
    what went wrong although it is done. Raises `GatesFailedError`, `RegistryError`, `DataError` or `BundleError`: a
    version that can't be loaded can't be forced either.
    """
    version = canonical_version(version)
    known = registry.tags(name, version)
    verdict = judge_version(registry, name, version)
    if _holder(registry, name, CHAMPION) == version:
        if known.get(PROMOTION_TAG) == BEGUN:
            complete_promotion(registry, name, version, warn)
        return verdict
    tags = gate_tags(verdict.gates) | {VERDICT_TAG: verdict.summary}
    if not verdict.passed and not force:
        registry.set_tags(name, version, tags)
        raise GatesFailedError(verdict.summary)
    decision = record_intent(registry, "promote", name, version, by, reason)
    # Tags are written in order, `promotion` first: an interrupted promotion is recognised by its verdict and BEGUN.
    tags = {PROMOTION_TAG: BEGUN, DECISION_TAG: decision} | tags
    with recorded(registry, decision, lambda: _holder(registry, name, CHAMPION) == version, warn):
        tags |= {"promoted_by": by, "promoted_at": store_time(registry)}
        if not verdict.passed:
            tags["forced_because"] = reason or "no reason given"
        registry.set_tags(name, version, tags)
        _complete(registry, name, version)
    return verdict


def complete_promotion(registry: Registry, name: str, version: str, warn: Warn = log_warning) -> None:
    """Move the alias for a promotion that was decided but was interrupted, and record that. Raises `RegistryError`."""
    decision = registry.tags(name, version).get(DECISION_TAG)
    if decision is None:  # of an earlier release
        _complete(registry, name, version)
    else:
        with recorded(registry, decision, lambda: _holder(registry, name, CHAMPION) == version, warn):
            _complete(registry, name, version)


def _complete(registry: Registry, name: str, version: str) -> None:
    _move_champion(registry, name, version)
    registry.set_tags(name, version, {PROMOTION_TAG: DONE})


def rollback(registry: Registry, name: str, by: str, reason: str | None = None, warn: Warn = log_warning) -> str:
    """Swap the champion and the previous champion; a second call undoes the first.

    Returns the new champion. Raises `RegistryError`, `DecisionError` where they are the same, and `BundleError` if it
    can't be used.
    """
    try:
        version = registry.version(name, PREVIOUS)
    except VersionGoneError:
        raise
    except ModelNotFoundError:
        raise VersionGoneError(f"no version of {name} was champion before the present one") from None
    if version == _holder(registry, name, CHAMPION):
        raise DecisionError(f"nothing to roll back: version {version} of {name} is champion, and was before")
    registry.tags(name, version)
    directory = registry.bundle(name, version)
    model_kind(name).open(directory, version)
    decision = record_intent(registry, "rollback", name, version, by, reason)
    with recorded(registry, decision, lambda: _holder(registry, name, CHAMPION) == version, warn):
        registry.set_tags(name, version, {"rolled_back_to_by": by, "rolled_back_to_at": store_time(registry)})
        _move_champion(registry, name, version)
    return version


def set_challenger(
    registry: Registry,
    name: str,
    version: str,
    canary: float,
    by: str,
    reason: str | None = None,
    warn: Warn = log_warning,
) -> None:
    """Let a version score reports that the champion answers (shadow), and answer a share `canary` (0 to 1) itself.

    Raises `RegistryError`, `DataError`, `DecisionError` for the champion, and `BundleError` if it can't be used.
    """
    version = canonical_version(version)
    registry.tags(name, version)
    if _holder(registry, name, CHAMPION) == version:
        raise DecisionError(f"version {version} of {name} is champion: it can't be its own challenger")
    directory = registry.bundle(name, version)
    model_kind(name).open(directory, version)
    why = f"canary {canary:g}" + (f": {reason}" if reason else "")
    decision = record_intent(registry, "challenge", name, version, by, why)

    def happened() -> bool:
        tags = registry.tags(name, version)
        return _holder(registry, name, CHALLENGER) == version and tags.get(CHALLENGE_TAG) == decision

    with recorded(registry, decision, happened, warn):
        tags = {"canary": f"{canary:g}", "challenger_by": by, "challenger_at": store_time(registry, "microseconds")}
        registry.set_tags(name, version, tags | {CHALLENGE_TAG: decision})
        registry.set_alias(name, CHALLENGER, version)


def withdraw_challenger(
    registry: Registry, name: str, by: str, reason: str | None = None, warn: Warn = log_warning
) -> None:
    """End the trial of the challenger. Raises `ModelNotFoundError` where there is none, `RegistryError`."""
    version = registry.version(name, CHALLENGER)
    decision = record_intent(registry, "withdraw", name, version, by, reason)
    with recorded(registry, decision, lambda: _holder(registry, name, CHALLENGER) is None, warn):
        registry.delete_alias(name, CHALLENGER)


def _holder(registry: Registry, name: str, alias: str) -> str | None:
    """The version that has an alias; None where none has, or one that was deleted. Raises `RegistryError`."""
    try:
        return registry.version(name, alias)
    except ModelNotFoundError:
        return None


def _move_champion(registry: Registry, name: str, version: str) -> None:
    """Move `previous`, then `champion`: after a kill between the two, the old champion still answers."""
    try:
        present = registry.version(name, CHAMPION)
    except ModelNotFoundError:
        present = version
    if present != version:
        registry.set_alias(name, PREVIOUS, present)
    registry.set_alias(name, CHAMPION, version)
