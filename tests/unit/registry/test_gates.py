"""Each gate passes and fails, the verdict says why, and tags hold the outcome."""

import json
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.held_out import HeldOutReports
from crime.core.days import day_text
from crime.forecaster.spec import BacktestSummary
from crime.registry.gates import (
    TIMED_PREDICTIONS,
    Gate,
    GateName,
    Verdict,
    category_gates,
    first_category_gates,
    first_forecast_gates,
    forecast_gates,
    gate_tags,
    gates_from_tags,
    size_gate,
)

AREAS = np.repeat([1, 2, 3], [400, 400, 30])  # the last has too few reports to be compared
LABELS = np.arange(len(AREAS)) % 7


def held_out_reports(areas: np.ndarray = AREAS, first: int = 0) -> HeldOutReports:
    """One report a minute from `first` on."""
    minute = first + np.arange(len(areas))
    fields = {"area": areas, "date_occ": minute // 1440, "time_occ": minute % 1440}
    return HeldOutReports(fields, minute % 7)


@dataclass
class MadeUpModel:
    """Gives the true category of every report the probability `confidence`, in some areas another one (`in_area`).

    A prediction of one report takes `seconds`.
    """

    confidence: float = 0.9
    in_area: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    version: str = "1"
    held_out: HeldOutReports = field(default_factory=lambda: held_out_reports())
    judged_until: int = -1

    def judged(self) -> "MadeUpModel":
        return self

    def predict(self, fields: dict[str, np.ndarray], rows: int) -> tuple[np.ndarray, np.ndarray]:
        confidence = np.full(rows, self.confidence)
        for area, value in self.in_area.items():
            confidence[fields["area"] == area] = value
        probabilities = np.repeat(((1 - confidence) / 6)[:, None], 7, axis=1)
        probabilities[np.arange(rows), (fields["date_occ"] * 1440 + fields["time_occ"]) % 7] = confidence
        return probabilities, np.zeros(rows, int)

    def predict_one(self, fields: dict[str, Any]) -> None:
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            pass


def gates_of(challenger: Any, champion: Any) -> dict[GateName, Gate]:
    return {gate.name: gate for gate in category_gates(challenger, champion)}


def test_an_equal_model_passes_every_gate() -> None:
    gates = category_gates(MadeUpModel(seconds=1e-4, version="2"), MadeUpModel(seconds=1e-4))  # type: ignore[arg-type]
    assert [gate.name for gate in gates] == ["log_loss", "area", "calibration", "latency"]
    assert all(gate.passed for gate in gates)
    assert gates[0].reason == "log loss 0.1054 against version 1's 0.1054 on the same 830 reports"


def test_a_machine_that_is_busy_for_a_while_refuses_no_model() -> None:
    """The machine is ten times slower during the first 150 of the 400 predictions."""
    done = 0

    class SlowedModel(MadeUpModel):
        def predict_one(self, fields: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            MadeUpModel(seconds=1e-3 if done <= 0.75 * TIMED_PREDICTIONS else 1e-4).predict_one(fields)

    assert gates_of(SlowedModel(), SlowedModel())[GateName.LATENCY].passed


@pytest.mark.parametrize(("confidence", "passes"), [(0.91, True), (0.89, False)])
def test_log_loss_must_not_rise(confidence: float, passes: bool) -> None:
    gate = gates_of(MadeUpModel(confidence), MadeUpModel(0.9))[GateName.LOG_LOSS]
    assert gate.passed is passes


def test_one_area_must_not_pay_for_the_others() -> None:
    gates = gates_of(MadeUpModel(0.99, in_area={2: 0.84}), MadeUpModel(0.9))
    assert gates[GateName.LOG_LOSS].passed
    assert not gates[GateName.AREA].passed
    assert gates[GateName.AREA].reason.startswith("log loss in Rampart +0.0690, with 0.0500 allowed")
    within = gates_of(MadeUpModel(0.99, in_area={2: 0.88}), MadeUpModel(0.9))
    assert within[GateName.AREA].passed


def test_an_area_with_few_reports_is_not_compared() -> None:
    assert gates_of(MadeUpModel(0.95, in_area={3: 0.1}), MadeUpModel(0.9))[GateName.AREA].passed
    few = MadeUpModel(held_out=held_out_reports(np.repeat([1, 2, 3], 49)))
    gate = gates_of(few, few)[GateName.AREA]
    assert (gate.passed, gate.reason) == (True, "no area has 50 reports to compare by")


def test_only_reports_that_neither_was_trained_on_are_compared() -> None:
    """The first learnt all until minute 630, the second, which is better there, held out what came after minute 0."""
    older = MadeUpModel(0.8, judged_until=630, held_out=held_out_reports(AREAS[:200], first=631))
    newer = MadeUpModel(0.9, judged_until=-1, held_out=held_out_reports())
    for challenger, champion in ((newer, older), (older, newer)):
        gate = gates_of(challenger, champion)[GateName.LOG_LOSS]
        assert gate.passed is (challenger is newer)
        assert gate.reason.endswith("on the same 200 reports")


def test_without_unseen_reports_there_is_no_verdict() -> None:
    """The champion was trained on all but 99 of the reports that the challenger held out, and holds out none itself."""
    champion = MadeUpModel(0.5, judged_until=730, held_out=held_out_reports(AREAS[:0]))
    gates = category_gates(MadeUpModel(0.9), champion)  # type: ignore[arg-type]
    assert [(gate.name, gate.passed) for gate in gates] == [(GateName.LOG_LOSS, False), (GateName.LATENCY, True)]
    assert gates[0].reason.startswith("no verdict: 99 held-out reports are newer than the training of both")
    assert "`--force REASON`" in gates[0].reason
    assert gates_of(MadeUpModel(0.9), replace(champion, judged_until=729))[GateName.LOG_LOSS].passed


def test_a_bundle_of_an_earlier_release_is_judged_by_the_model_that_answers(
    small_bundle: CategoryBundle, tmp_path: Path
) -> None:
    old = Path(shutil.copytree(small_bundle.directory, tmp_path / "bundle"))
    spec = json.loads((old / "spec.json").read_text())
    del spec["judged"]
    (old / "spec.json").write_text(json.dumps(spec))
    champion = CategoryBundle(old, "1")
    day, minute = divmod(champion.judged_until, 1440)
    assert (day_text(day), minute) == (spec["data"]["held_out_from"], 1439)
    np.testing.assert_array_equal(champion.judged().golden(), champion.golden())
    gates = {gate.name: gate for gate in category_gates(small_bundle, champion)}
    assert not gates[GateName.LOG_LOSS].passed  # as its model was trained on all of these reports
    compared = small_bundle.held_out.after(champion.judged_until)
    assert f"on the same {len(compared)} reports" in gates[GateName.LOG_LOSS].reason


@pytest.mark.parametrize("confidence", [0.9, 1 / 7, 0.05])
def test_a_first_version_must_not_be_worse_than_guessing_the_shares(confidence: float) -> None:
    model: Any = MadeUpModel(confidence)
    model.naive_bayes = SimpleNamespace(category_shares=lambda: np.full(7, 1 / 7))
    model.held_out.fields.update(dict.fromkeys(("premis_cd", "weapon_used_cd", "mocodes"), np.zeros(830)))
    gates = first_category_gates(model)
    assert [gate.name for gate in gates] == [GateName.BASELINE_REPORT, GateName.BASELINE_PLACE_TIME]
    assert {gate.passed for gate in gates} == {confidence >= 1 / 7}
    assert gates[0].reason.endswith("on 830 held-out reports, 1.9459 by always guessing the categories' shares")


def test_calibration_may_be_a_little_worse_or_good_enough() -> None:
    """All answers are right, so the calibration error is one minus the confidence."""
    assert gates_of(MadeUpModel(0.98), MadeUpModel(1.0))[GateName.CALIBRATION].passed
    assert not gates_of(MadeUpModel(0.96), MadeUpModel(1.0))[GateName.CALIBRATION].passed
    assert gates_of(MadeUpModel(0.895), MadeUpModel(0.9))[GateName.CALIBRATION].passed
    gate = gates_of(MadeUpModel(0.88), MadeUpModel(0.9))[GateName.CALIBRATION]
    assert (gate.passed, gate.reason) == (False, "calibration error 0.120 against version 1's 0.100")


def test_a_prediction_may_take_twice_as_long() -> None:
    champion = MadeUpModel(seconds=2e-4)
    assert gates_of(MadeUpModel(seconds=1e-4), champion)[GateName.LATENCY].passed
    assert not gates_of(MadeUpModel(seconds=1e-3), champion)[GateName.LATENCY].passed


def forecast(origin: int, gains: dict[str, float], version: str = "1") -> Any:
    backtest = {
        kind: BacktestSummary.model_validate(
            {"by": kind, "every": "day", "origins": 26, "methods": {}, "chosen": "crime-risk", "gain": gain}
        )
        for kind, gain in gains.items()
    }
    data = SimpleNamespace(until=str(np.datetime64(origin, "D")))
    return SimpleNamespace(version=version, origin=origin, spec=SimpleNamespace(data=data, backtest=backtest))


def test_a_forecast_must_be_as_recent_and_as_good_as_the_best_baseline() -> None:
    champion = forecast(18_000, {})
    good = forecast_gates(forecast(18_000, {"area": 0.01, "district": -0.004}), champion)
    assert [(gate.name, gate.passed) for gate in good] == [
        (GateName.NEWER, True),
        (GateName.BASELINE_AREA, True),
        (GateName.BASELINE_DISTRICT, True),
    ]
    bad = forecast_gates(forecast(17_999, {"area": -0.006, "district": 0.1}), champion)
    assert [gate.passed for gate in bad] == [False, False, True]
    assert bad[0].reason == "made on reports until 2019-04-13, version 1 until 2019-04-14"
    assert first_forecast_gates(forecast(17_999, {"area": -0.006, "district": 0.1})) == bad[1:]
    assert bad[1].reason == "by area deviance -0.6% better than the best baseline over 26 origins"


@pytest.mark.parametrize(("size", "passes"), [(3_000_000, True), (3_000_001, False)])
def test_a_bundle_may_be_three_times_as_large(size: int, passes: bool, tmp_path: Path) -> None:
    for name, count in (("challenger", size), ("champion", 1_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trees.txt").write_bytes(b"x" * count)
        (tmp_path / name / "judged_trees.txt").write_bytes(b"x" * 2 * (4_000_000 - count))  # no pod keeps it in memory
    gate = size_gate(tmp_path / "challenger", tmp_path / "champion", "7")
    assert gate.passed is passes
    assert gate.reason == "3.0 MB against version 7's 1.0 MB"


def test_the_verdict_gives_the_first_reason_or_those_that_failed() -> None:
    better, slower, larger = (
        Gate(GateName.LOG_LOSS, True, "log loss 0.1 against 0.2"),
        Gate(GateName.LATENCY, False, "twice as slow"),
        Gate(GateName.SIZE, False, "ten times as large"),
    )
    assert Verdict([better]).summary == "champion: log loss 0.1 against 0.2"
    assert Verdict([better]).passed
    assert Verdict([better, slower, larger]).summary == "not champion: twice as slow; ten times as large"
    assert not Verdict([better, slower, larger]).passed


def test_gates_come_back_from_tags() -> None:
    gates = [
        Gate(GateName.LOG_LOSS, True, "log loss 0.1: better"),
        Gate(GateName.AREA, False, "log loss in Central: +0.1"),
        Gate(GateName.SIZE, True, ""),
    ]
    tags = gate_tags(gates)
    assert tags["gate.log_loss"] == "passed: log loss 0.1: better"
    assert tags["gate.area"] == "failed: log loss in Central: +0.1"
    assert gates_from_tags({"verdict": "champion", "run": "abc", **dict(reversed(tags.items()))}) == gates


@pytest.mark.parametrize(
    "tags",
    [{}, {"verdict": "not champion: failed"}, {"gate.area": "unclear"}, {"gate.of_a_later_release": "passed: x"}],
)
def test_other_tags_are_no_gates(tags: dict[str, str]) -> None:
    assert gates_from_tags(tags) == []
