"""Which version answers: a decision with reasons, written to the registry. Needs neither MLflow nor training code.

A challenger and the present champion score the same reports, the newest that the challenger's training did not see
(its bundle carries them). The alias moves only if every gate passes, or by force, with who and why on record.
"""

from crime.core.errors import GatesFailedError, ModelNotFoundError, RegistryError
from crime.registry.audit import record_decision, registry_time
from crime.registry.gates import Verdict, judge_version
from crime.registry.kinds import load_version
from crime.registry.protocol import CHALLENGER, CHAMPION, PREVIOUS, Registry

BEGUN = "begun"


def latest_version(registry: Registry, name: str) -> str:
    """The newest version of a model. Raises `RegistryError`."""
    for model in registry.models():
        if model.name == name:
            return model.latest_version
    raise ModelNotFoundError(name, str(registry))


def promote(registry: Registry, name: str, version: str, by: str, force: str | None = None) -> Verdict:
    """Make a version champion if its gates pass; `force` says why it should be although they don't.

    The verdict and its reasons become tags of the version, whatever it is. Raises `Refused`, `RegistryError` or
    `BundleError`: what can't be loaded can't be forced either.
    """
    verdict = judge_version(registry, name, version)
    tags = {f"gate.{gate.name}": f"{'passed' if gate.passed else 'failed'}: {gate.reason}" for gate in verdict.gates}
    tags["verdict"] = verdict.words
    if not verdict.passed and not force:
        registry.set_tags(name, version, tags)
        raise GatesFailedError(verdict.words)
    # written one by one: a verdict that passed is never there without the mark that its alias may not have moved yet
    tags = {"promotion": BEGUN} | tags | {"promoted_by": by, "promoted_at": registry_time(registry)}
    if not verdict.passed and force:
        tags["forced_because"] = force
    record_decision(registry, "promote", name, version, by, tags.get("forced_because"))
    registry.set_tags(name, version, tags)
    complete_promotion(registry, name, version)
    return verdict


def complete_promotion(registry: Registry, name: str, version: str) -> None:
    """Move the alias of a promotion that was decided; one that was cut off there has the tag `promotion` begun."""
    _move_champion(registry, name, version)
    registry.set_tags(name, version, {"promotion": "done"})


def rollback(registry: Registry, name: str, by: str) -> str:
    """Make the version that was champion before champion again; a further call undoes that.

    Returns the version. Raises `RegistryError`, and `BundleError` if it can't be used.
    """
    try:
        version = registry.version(name, PREVIOUS)
    except ModelNotFoundError:
        raise RegistryError(f"no version of {name} was champion before the present one") from None
    load_version(name, registry.bundle(name, version), version)
    record_decision(registry, "rollback", name, version, by)
    registry.set_tags(name, version, {"rolled_back_to_by": by, "rolled_back_to_at": registry_time(registry)})
    _move_champion(registry, name, version)
    return version


def set_challenger(registry: Registry, name: str, version: str, canary: float, by: str) -> None:
    """Let a version score what the champion answers, and itself answer a share `canary` (0 to 1) of the requests.

    Raises `RegistryError`, and `BundleError` if the version can't be used.
    """
    load_version(name, registry.bundle(name, version), version)
    record_decision(registry, "challenge", name, version, by, f"canary {canary:g}")
    registry.set_tags(
        name, version, {"canary": f"{canary:g}", "challenger_by": by, "challenger_at": registry_time(registry)}
    )
    registry.set_alias(name, CHALLENGER, version)


def withdraw_challenger(registry: Registry, name: str, by: str) -> None:
    """No challenger any more. Raises `RegistryError`."""
    version = registry.version(name, CHALLENGER)  # raises where there is none
    record_decision(registry, "withdraw", name, version, by)
    registry.delete_alias(name, CHALLENGER)


def _move_champion(registry: Registry, name: str, version: str) -> None:
    """Both aliases; killed between the two, the champion is the old one still."""
    try:
        present = registry.version(name, CHAMPION)
    except ModelNotFoundError:
        present = version
    if present != version:
        registry.set_alias(name, PREVIOUS, present)
    registry.set_alias(name, CHAMPION, version)
