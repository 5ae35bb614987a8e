"""Gates: comparisons with the present champion that a version must pass to replace it.

Challenger and champion of the category model are compared on the same reports, which neither was trained on: held-out
reports newer than those that the judged models of both learnt from, answered by these judged models. A first version,
which has no champion to compare with, is compared with a baseline.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from time import perf_counter

import numpy as np

from crime.classifier.bundle import CategoryBundle
from crime.classifier.held_out import HeldOutReports
from crime.classifier.spec import JUDGED_PREFIX
from crime.features.detail_levels import mask_above
from crime.forecaster.bundle import ForecastBundle
from crime.metrics.classification import calibration_bins, calibration_error, log_losses
from crime.reports.codes import code_names
from crime.reports.schema import DETAIL_LEVELS, DetailLevel

# Thresholds were chosen for this project: docs/method.md.
AREA_MARGIN = 0.05  # nats by which an area's log loss may rise
MIN_UNSEEN_REPORTS = 100  # reports; fewer that neither version was trained on give no verdict
MIN_AREA_REPORTS = 50  # reports; an area with fewer is not compared
MAX_CALIBRATION_ERROR = 0.03  # expected calibration error that is always allowed
CALIBRATION_MARGIN = 0.01  # by which it may exceed the champion's beyond that
MAX_SLOWDOWN = 2.0  # times the champion's latency
MAX_GROWTH = 3.0  # times the champion's size
BASELINE_MARGIN = 0.005  # share of deviance or log loss by which a version may be worse than the best baseline
TIMED_PREDICTIONS = 200  # predictions, of which the median latency is taken

TAG_PREFIX = "gate."  # a version's tags `gate.<name>` hold the outcome of its gates
_OUTCOMES = {True: "passed", False: "failed"}


class GateName(StrEnum):
    """Names of gates. Where there is no champion to compare with, they are `first` and those of baselines."""

    FIRST = "first"
    LOG_LOSS = "log_loss"
    AREA = "area"
    CALIBRATION = "calibration"
    LATENCY = "latency"
    BASELINE_REPORT = "baseline_report"
    BASELINE_PLACE_TIME = "baseline_place_time"
    NEWER = "newer"
    BASELINE_AREA = "baseline_area"
    BASELINE_DISTRICT = "baseline_district"
    SIZE = "size"


@dataclass(frozen=True)
class Gate:
    """The outcome of one comparison. `reason`: the figures that were compared."""

    name: GateName
    passed: bool
    reason: str


@dataclass(frozen=True)
class Verdict:
    """`gates` in the order they were tried, at least one."""

    gates: list[Gate]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    @property
    def summary(self) -> str:
        """One line: the reasons of the failed gates, or the reason of the first gate if all passed."""
        failed = [gate.reason for gate in self.gates if not gate.passed]
        return f"not champion: {'; '.join(failed)}" if failed else f"champion: {self.gates[0].reason}"


def gate_tags(gates: list[Gate]) -> dict[str, str]:
    """Gates as tags of a version: `gate.log_loss` is `passed: log loss 0.19 against ...`."""
    return {f"{TAG_PREFIX}{gate.name}": f"{_OUTCOMES[gate.passed]}: {gate.reason}" for gate in gates}


def gates_from_tags(tags: Mapping[str, str]) -> list[Gate]:
    """The gates that `gate_tags` wrote, in the order they are tried; tags of other forms or names are ignored."""
    gates = []
    for name in GateName:
        outcome, _, reason = tags.get(f"{TAG_PREFIX}{name}", "").partition(": ")
        if outcome in _OUTCOMES.values():
            gates.append(Gate(name, outcome == _OUTCOMES[True], reason))
    return gates


def category_gates(challenger: CategoryBundle, champion: CategoryBundle) -> list[Gate]:
    """Log loss, overall and by area, and calibration of the judged models; latency of those that answer.

    Without enough reports that neither judged model was trained on, the gate of log loss fails.
    """
    latency = _latency_gate(challenger, champion, challenger.held_out)
    reports = unseen_reports(challenger, champion)
    if len(reports) < MIN_UNSEEN_REPORTS:
        reason = (
            f"no verdict: {len(reports)} held-out reports are newer than the training of both judged models, and "
            f"{MIN_UNSEEN_REPORTS} are needed to compare log loss; `--force REASON` promotes without a verdict"
        )
        return [Gate(GateName.LOG_LOSS, False, reason), latency]
    probabilities = [model.judged().predict(reports.fields, len(reports))[0] for model in (challenger, champion)]
    losses = [log_losses(shares, reports.label) for shares in probabilities]
    errors = [calibration_error(calibration_bins(shares, reports.label)) for shares in probabilities]
    return [
        _log_loss_gate(float(losses[0].mean()), float(losses[1].mean()), champion.version, len(reports)),
        _area_gate(losses[0] - losses[1], reports),
        _calibration_gate(errors[0], errors[1], champion.version),
        latency,
    ]


def unseen_reports(*models: CategoryBundle) -> HeldOutReports:
    """Held-out reports after the last minute that any of the judged models was trained on.

    Those of one of the bundles, the one with the most, or of two with as many the newest: tables often share reports,
    which must not count twice. The order of the models does not matter.
    """
    last = max(model.judged_until for model in models)
    unseen = (model.held_out.after(last) for model in models)
    return max(unseen, key=lambda reports: (len(reports), reports.minute.max(initial=0)))


def first_category_gates(model: CategoryBundle) -> list[Gate]:
    """Whether the judged model is not worse than always guessing the categories' shares in its training reports.

    Whole reports and place and time are compared, on the held-out reports. `BASELINE_MARGIN` is allowed, or chance (two
    standard errors) if that is more.
    """
    judged, reports = model.judged(), model.held_out
    guess = log_losses(np.tile(judged.naive_bayes.category_shares(), (len(reports), 1)), reports.label)
    gates = []
    levels: dict[GateName, DetailLevel] = {
        GateName.BASELINE_REPORT: "report",
        GateName.BASELINE_PLACE_TIME: "place_time",
    }
    for name, level in levels.items():
        probabilities = judged.predict(mask_above(reports.fields, level), len(reports))[0]
        losses = log_losses(probabilities, reports.label)
        margin = max(BASELINE_MARGIN * float(guess.mean()), _two_errors(losses - guess))
        reason = (
            f"{DETAIL_LEVELS[level]}: log loss {losses.mean():.4f} on {len(reports):,} held-out reports, "
            f"{guess.mean():.4f} by always guessing the categories' shares"
        )
        gates.append(Gate(name, float((losses - guess).mean()) <= margin, reason))
    return gates


def _two_errors(values: np.ndarray) -> float:
    """Two standard errors of the mean of values (rows,)."""
    return 2 * float(values.std()) / math.sqrt(len(values))


def _log_loss_gate(loss: float, champion_loss: float, champion: str, reports: int) -> Gate:
    reason = f"log loss {loss:.4f} against version {champion}'s {champion_loss:.4f} on the same {reports:,} reports"
    return Gate(GateName.LOG_LOSS, loss <= champion_loss, reason)


def _area_gate(rise: np.ndarray, reports: HeldOutReports) -> Gate:
    """Passed if no area's log loss rose by more than its margin. `rise` (rows,): the rise of each report's log loss.

    The margin is `AREA_MARGIN`, or two standard errors of the area's mean if that is more. The reason names the area
    with the largest excess.
    """
    areas = reports.fields["area"]
    rises: list[tuple[float, float, int]] = []  # mean, margin, area
    for area in np.unique(areas):
        area_rise = rise[areas == area]
        if len(area_rise) >= MIN_AREA_REPORTS:
            rises.append((float(area_rise.mean()), max(AREA_MARGIN, _two_errors(area_rise)), int(area)))
    if not rises:
        return Gate(GateName.AREA, True, f"no area has {MIN_AREA_REPORTS} reports to compare by")
    mean, margin, area = max(rises, key=lambda entry: entry[0] - entry[1])
    name = code_names("area").get(str(area), str(area))
    return Gate(GateName.AREA, mean <= margin, f"log loss in {name} {mean:+.4f}, with {margin:.4f} allowed")


def _calibration_gate(error: float, champion_error: float, champion: str) -> Gate:
    allowed = max(MAX_CALIBRATION_ERROR, champion_error + CALIBRATION_MARGIN)
    reason = f"calibration error {error:.3f} against version {champion}'s {champion_error:.3f}"
    return Gate(GateName.CALIBRATION, error <= allowed, reason)


def _latency_gate(challenger: CategoryBundle, champion: CategoryBundle, reports: HeldOutReports) -> Gate:
    latency, champion_latency = _median_latencies((challenger, champion), reports)
    compared = f"{latency * 1e6:.0f} µs against version {champion.version}'s {champion_latency * 1e6:.0f} µs"
    return Gate(GateName.LATENCY, latency <= MAX_SLOWDOWN * champion_latency, f"a prediction takes {compared}")


def _median_latencies(models: Sequence[CategoryBundle], reports: HeldOutReports) -> list[float]:
    """Each model's median time to predict one report, in seconds.

    The models take turns, so that other load on the machine slows them equally.
    """
    latencies: list[list[float]] = [[] for _ in models]
    for row in range(min(TIMED_PREDICTIONS, len(reports))):
        fields = {name: column[row] for name, column in reports.fields.items()}
        for model, seconds in zip(models, latencies, strict=True):
            start = perf_counter()
            model.predict_one(fields)
            seconds.append(perf_counter() - start)
    return [float(np.median(seconds)) for seconds in latencies]


def forecast_gates(challenger: ForecastBundle, champion: ForecastBundle) -> list[Gate]:
    """Whether it is at least as recent as the champion, and in its backtest not worse than the best baseline."""
    until, champion_until = challenger.spec.data.until, champion.spec.data.until
    reason = f"made on reports until {until}, version {champion.version} until {champion_until}"
    newer = Gate(GateName.NEWER, challenger.origin >= champion.origin, reason)
    return [newer, *first_forecast_gates(challenger)]


def first_forecast_gates(model: ForecastBundle) -> list[Gate]:
    """Whether a forecast is in its backtest not worse than the best baseline."""
    gates = []
    for kind, summary in model.spec.backtest.items():
        reason = f"by {kind} deviance {summary.gain:+.1%} better than the best baseline over {summary.origins} origins"
        gates.append(Gate(GateName(f"baseline_{kind}"), summary.gain >= -BASELINE_MARGIN, reason))
    return gates


def size_gate(directory: Path, champion_directory: Path, champion: str) -> Gate:
    """Compares the bytes of the two bundles that every pod keeps in memory: without the judged models."""
    size, champion_size = (
        sum(
            file.stat().st_size
            for file in bundle.iterdir()
            if file.is_file() and not file.name.startswith(JUDGED_PREFIX)
        )
        for bundle in (directory, champion_directory)
    )
    reason = f"{size / 1e6:.1f} MB against version {champion}'s {champion_size / 1e6:.1f} MB"
    return Gate(GateName.SIZE, size <= MAX_GROWTH * champion_size, reason)
