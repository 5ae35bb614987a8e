"""Which version answers: a decision with reasons, written to the registry. Needs neither MLflow nor training code.

A challenger and the present champion score the same reports, the newest that the challenger's training did not see
(its bundle carries them). The alias moves only if every gate passes, or by force, with who and why on record.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from time import perf_counter

import numpy as np

from crime.bundle import Bundle, BundleError, HeldOut
from crime.forecast import RISK, Forecast
from crime.measures import calibration, calibration_error, log_losses
from crime.registry import ALIAS, CHALLENGER, PREVIOUS, NoSuchModel, Registry, RegistryError, find
from crime.schema import table

AREA_MARGIN = 0.05  # nats by which one area's log loss may rise, beyond what chance explains
AREA_REPORTS = 50  # fewer say nothing of an area
CALIBRATION_ERROR, CALIBRATION_MARGIN = 0.03, 0.01
SLOWER, LARGER = 2.0, 3.0  # times the champion
BASELINE_MARGIN = 0.005  # of deviance that a forecast may lose against the best baseline
TIMED = 200  # predictions
BEGUN = "begun"
AUDIT = "monitoring/audit"


class Refused(ValueError):
    """The gates did not all pass. The message says which and why."""


@dataclass(frozen=True)
class Gate:
    name: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class Verdict:
    """`gates` in the order they were tried; none where there is nothing to compare with."""

    gates: list[Gate]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    @property
    def words(self) -> str:
        failed = [gate.reason for gate in self.gates if not gate.passed]
        return f"not champion: {'; '.join(failed)}" if failed else f"champion: {self.gates[0].reason}"


def judge(registry: Registry, name: str, version: str) -> Verdict:
    """Compare a version with the present champion. Raises `RegistryError`, and `BundleError` if it can't be used."""
    try:
        present, place = find(registry, name)
    except NoSuchModel:
        present, place = "", Path()
    directory = registry.bundle(name, version)
    challenger = load(name, directory, version)
    if not present:
        return Verdict([Gate("first", True, "the first one")])
    if present == version:
        return Verdict([Gate("first", True, f"version {version} is champion already")])
    try:
        champion = load(name, place, present)
    except BundleError as error:  # of an earlier release, or damaged
        return Verdict([Gate("first", True, f"version {present} can't be read: {error}")])
    if isinstance(challenger, Forecast) and isinstance(champion, Forecast):
        gates = _forecast_gates(challenger, champion)
    elif isinstance(challenger, Bundle) and isinstance(champion, Bundle):
        gates = _category_gates(challenger, champion)
    else:
        raise BundleError(f"{name} version {version} is not of the same kind as its champion")
    return Verdict([*gates, _size_gate(directory, place, present)])


def load(name: str, directory: Path, version: str | None) -> Bundle | Forecast:
    """A version ready to answer, verified. Raises `BundleError`."""
    model: Bundle | Forecast = Forecast(directory, version) if name == RISK else Bundle(directory, version)
    if model.name != name:
        raise BundleError(f"{directory} holds {model.name}, not {name}")
    model.verify()
    return model


def _category_gates(challenger: Bundle, champion: Bundle) -> list[Gate]:
    reports = challenger.held_out
    answers = [model.predict(reports.fields, len(reports))[0] for model in (challenger, champion)]
    losses = [log_losses(each, reports.label) for each in answers]
    mine, theirs = (float(loss.mean()) for loss in losses)
    against = f"against version {champion.version}'s"
    words = f"log loss {mine:.4f} {against} {theirs:.4f} on the same {len(reports):,} reports"
    gates = [Gate("log_loss", mine <= theirs, words), _area_gate(losses[0] - losses[1], reports)]
    errors = [calibration_error(calibration(each, reports.label)) for each in answers]
    allowed = max(CALIBRATION_ERROR, errors[1] + CALIBRATION_MARGIN)
    words = f"calibration error {errors[0]:.3f} {against} {errors[1]:.3f}"
    gates.append(Gate("calibration", errors[0] <= allowed, words))
    took = [_latency(model, reports) for model in (challenger, champion)]
    words = f"a prediction takes {took[0] * 1e6:.0f} µs {against} {took[1] * 1e6:.0f} µs"
    gates.append(Gate("latency", took[0] <= SLOWER * took[1], words))
    return gates


def _area_gate(worse: np.ndarray, reports: HeldOut) -> Gate:
    """`worse` (rows,): by how much each report's loss rose."""
    found = []
    for area in np.unique(reports.fields["area"]):
        rise = worse[reports.fields["area"] == area]
        if len(rise) >= AREA_REPORTS:
            found.append((float(rise.mean()), 2 * float(rise.std()) / len(rise) ** 0.5, int(area)))
    if not found:
        return Gate("area", True, f"no area has {AREA_REPORTS} reports to compare by")
    mean, chance, area = max(found, key=lambda each: each[0] - max(AREA_MARGIN, each[1]))
    name = table("area").get(str(area), str(area))
    words = f"log loss in {name} {mean:+.4f}, with {max(AREA_MARGIN, chance):.4f} allowed"
    return Gate("area", mean <= max(AREA_MARGIN, chance), words)


def _latency(model: Bundle, reports: HeldOut) -> float:
    """Seconds of the median prediction of one report."""
    rows = [{name: column[at] for name, column in reports.fields.items()} for at in range(min(TIMED, len(reports)))]
    took = []
    for row in rows:
        start = perf_counter()
        model.predict_one(row)
        took.append(perf_counter() - start)
    return float(np.median(took))


def _forecast_gates(challenger: Forecast, champion: Forecast) -> list[Gate]:
    mine, theirs = (model.spec["data"]["until"] for model in (challenger, champion))
    words = f"made on reports until {mine}, version {champion.version} until {theirs}"
    gates = [Gate("newer", challenger.origin >= champion.origin, words)]
    for by, found in challenger.spec["backtest"].items():
        words = f"by {by} deviance {found['gain']:+.1%} better than the best baseline over {found['origins']} origins"
        gates.append(Gate(f"baseline_{by}", found["gain"] >= -BASELINE_MARGIN, words))
    return gates


def _size_gate(mine: Path, theirs: Path, version: str) -> Gate:
    sizes = [sum(file.stat().st_size for file in place.iterdir()) for place in (mine, theirs)]
    words = f"{sizes[0] / 1e6:.1f} MB against version {version}'s {sizes[1] / 1e6:.1f} MB"
    return Gate("size", sizes[0] <= LARGER * sizes[1], words)


def latest(registry: Registry, name: str) -> str:
    """The newest version of a model. Raises `RegistryError`."""
    for model in registry.models():
        if model["name"] == name:
            return str(model["latest_version"])
    raise NoSuchModel(name, str(registry))


def promote(registry: Registry, name: str, version: str, by: str, force: str | None = None) -> Verdict:
    """Make a version champion if its gates pass; `force` says why it should be although they don't.

    The verdict and its reasons become tags of the version, whatever it is. Raises `Refused`, `RegistryError` or
    `BundleError`: what can't be loaded can't be forced either.
    """
    verdict = judge(registry, name, version)
    tags = {f"gate.{gate.name}": f"{'passed' if gate.passed else 'failed'}: {gate.reason}" for gate in verdict.gates}
    tags["verdict"] = verdict.words
    if not verdict.passed and not force:
        registry.set_tags(name, version, tags)
        raise Refused(verdict.words)
    # written one by one: a verdict that passed is never there without the mark that its alias may not have moved yet
    tags = {"promotion": BEGUN} | tags | {"promoted_by": by, "promoted_at": _now(registry)}
    if not verdict.passed and force:
        tags["forced_because"] = force
    _record(registry, "promote", name, version, by, tags.get("forced_because"))
    registry.set_tags(name, version, tags)
    complete(registry, name, version)
    return verdict


def complete(registry: Registry, name: str, version: str) -> None:
    """Move the alias of a promotion that was decided; one that was cut off there has the tag `promotion` begun."""
    _move(registry, name, version)
    registry.set_tags(name, version, {"promotion": "done"})


def rollback(registry: Registry, name: str, by: str) -> str:
    """Make the version that was champion before champion again; a further call undoes that.

    Returns the version. Raises `RegistryError`, and `BundleError` if it can't be used.
    """
    try:
        version = registry.version(name, PREVIOUS)
    except NoSuchModel:
        raise RegistryError(f"no version of {name} was champion before the present one") from None
    load(name, registry.bundle(name, version), version)
    _record(registry, "rollback", name, version, by)
    registry.set_tags(name, version, {"rolled_back_to_by": by, "rolled_back_to_at": _now(registry)})
    _move(registry, name, version)
    return version


def challenge(registry: Registry, name: str, version: str, canary: float, by: str) -> None:
    """Let a version score what the champion answers, and itself answer a share `canary` (0 to 1) of the requests.

    Raises `RegistryError`, and `BundleError` if the version can't be used.
    """
    load(name, registry.bundle(name, version), version)
    _record(registry, "challenge", name, version, by, f"canary {canary:g}")
    registry.set_tags(name, version, {"canary": f"{canary:g}", "challenger_by": by, "challenger_at": _now(registry)})
    registry.set_alias(name, CHALLENGER, version)


def withdraw(registry: Registry, name: str, by: str) -> None:
    """No challenger any more. Raises `RegistryError`."""
    version = registry.version(name, CHALLENGER)  # raises where there is none
    _record(registry, "withdraw", name, version, by)
    registry.delete_alias(name, CHALLENGER)


@dataclass(frozen=True)
class Act:
    """One decision about a model: `what` is promote, rollback, challenge or withdraw; `at` in UTC."""

    at: str
    what: str
    model: str
    version: str
    by: str
    why: str | None = None


def _record(registry: Registry, what: str, name: str, version: str, by: str, why: str | None = None) -> None:
    """Written before it is done, each in a file of its own that nothing writes again: no act without its record."""
    act = Act(_now(registry, "microseconds"), what, name, version, by, why)
    registry.save(f"{AUDIT}/{act.at[:26].replace(':', '')}-{token_hex(4)}.json", json.dumps(asdict(act)).encode())


def audit(registry: Registry) -> list[Act]:
    """Every decision, the newest first. Raises `RegistryError`."""
    return [Act(**json.loads(registry.load(path))) for path in reversed(registry.files(AUDIT))]


def _move(registry: Registry, name: str, version: str) -> None:
    """Both aliases; killed between the two, the champion is the old one still."""
    try:
        present = registry.version(name, ALIAS)
    except NoSuchModel:
        present = version
    if present != version:
        registry.set_alias(name, PREVIOUS, present)
    registry.set_alias(name, ALIAS, version)


def _now(registry: Registry, digits: str = "seconds") -> str:
    return datetime.fromtimestamp(registry.time(), UTC).isoformat(timespec=digits)
