"""Which version answers: a decision with reasons, written to the registry. Needs neither MLflow nor training code.

A challenger and the present champion score the same reports, the newest that the challenger's training did not see
(its bundle carries them). The alias moves only if every gate passes, or by force, with who and why on record.
"""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.held_out import HeldOutReports
from crime.core.errors import BundleError, ModelNotFoundError
from crime.forecaster.bundle import ForecastBundle
from crime.metrics.classification import calibration_bins, calibration_error, log_losses
from crime.registry.kinds import load_version
from crime.registry.lookup import find_version
from crime.registry.protocol import Registry
from crime.reports.codes import code_names

AREA_MARGIN = 0.05  # nats by which one area's log loss may rise, beyond what chance explains
MIN_AREA_REPORTS = 50  # fewer say nothing of an area
MAX_CALIBRATION_ERROR, CALIBRATION_MARGIN = 0.03, 0.01
MAX_SLOWDOWN, MAX_GROWTH = 2.0, 3.0  # times the champion
BASELINE_MARGIN = 0.005  # of deviance that a forecast may lose against the best baseline
TIMED_PREDICTIONS = 200  # predictions


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


def judge_version(registry: Registry, name: str, version: str) -> Verdict:
    """Compare a version with the present champion. Raises `RegistryError`, and `BundleError` if it can't be used."""
    try:
        present, place = find_version(registry, name)
    except ModelNotFoundError:
        present, place = "", Path()
    directory = registry.bundle(name, version)
    challenger = load_version(name, directory, version)
    if not present:
        return Verdict([Gate("first", True, "the first one")])
    if present == version:
        return Verdict([Gate("first", True, f"version {version} is champion already")])
    try:
        champion = load_version(name, place, present)
    except BundleError as error:  # of an earlier release, or damaged
        return Verdict([Gate("first", True, f"version {present} can't be read: {error}")])
    if isinstance(challenger, ForecastBundle) and isinstance(champion, ForecastBundle):
        gates = _forecast_gates(challenger, champion)
    elif isinstance(challenger, CategoryBundle) and isinstance(champion, CategoryBundle):
        gates = _category_gates(challenger, champion)
    else:
        raise BundleError(f"{name} version {version} is not of the same kind as its champion")
    return Verdict([*gates, _size_gate(directory, place, present)])


def _category_gates(challenger: CategoryBundle, champion: CategoryBundle) -> list[Gate]:
    reports = challenger.held_out
    answers = [model.predict(reports.fields, len(reports))[0] for model in (challenger, champion)]
    losses = [log_losses(each, reports.label) for each in answers]
    mine, theirs = (float(loss.mean()) for loss in losses)
    against = f"against version {champion.version}'s"
    words = f"log loss {mine:.4f} {against} {theirs:.4f} on the same {len(reports):,} reports"
    gates = [Gate("log_loss", mine <= theirs, words), _area_gate(losses[0] - losses[1], reports)]
    errors = [calibration_error(calibration_bins(each, reports.label)) for each in answers]
    allowed = max(MAX_CALIBRATION_ERROR, errors[1] + CALIBRATION_MARGIN)
    words = f"calibration error {errors[0]:.3f} {against} {errors[1]:.3f}"
    gates.append(Gate("calibration", errors[0] <= allowed, words))
    took = [_median_latency(model, reports) for model in (challenger, champion)]
    words = f"a prediction takes {took[0] * 1e6:.0f} µs {against} {took[1] * 1e6:.0f} µs"
    gates.append(Gate("latency", took[0] <= MAX_SLOWDOWN * took[1], words))
    return gates


def _area_gate(worse: np.ndarray, reports: HeldOutReports) -> Gate:
    """`worse` (rows,): by how much each report's loss rose."""
    found = []
    for area in np.unique(reports.fields["area"]):
        rise = worse[reports.fields["area"] == area]
        if len(rise) >= MIN_AREA_REPORTS:
            found.append((float(rise.mean()), 2 * float(rise.std()) / len(rise) ** 0.5, int(area)))
    if not found:
        return Gate("area", True, f"no area has {MIN_AREA_REPORTS} reports to compare by")
    mean, chance, area = max(found, key=lambda each: each[0] - max(AREA_MARGIN, each[1]))
    name = code_names("area").get(str(area), str(area))
    words = f"log loss in {name} {mean:+.4f}, with {max(AREA_MARGIN, chance):.4f} allowed"
    return Gate("area", mean <= max(AREA_MARGIN, chance), words)


def _median_latency(model: CategoryBundle, reports: HeldOutReports) -> float:
    """Seconds of the median prediction of one report."""
    rows = [
        {name: column[at] for name, column in reports.fields.items()}
        for at in range(min(TIMED_PREDICTIONS, len(reports)))
    ]
    took = []
    for row in rows:
        start = perf_counter()
        model.predict_one(row)
        took.append(perf_counter() - start)
    return float(np.median(took))


def _forecast_gates(challenger: ForecastBundle, champion: ForecastBundle) -> list[Gate]:
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
    return Gate("size", sizes[0] <= MAX_GROWTH * sizes[1], words)
