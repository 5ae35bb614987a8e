"""The prediction service answers, records and counts the same way for single reports and for tables."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.settings import Settings
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.table import CellError, Reports
from crime.serving.model_manager import ModelManager
from crime.serving.payloads.report import EXAMPLE_REPORT, PartialReport, Report
from crime.serving.payloads.report_list import parse_report_list
from crime.serving.prediction_service import PredictionService
from crime.serving.recorder import Recorder
from memory_registry import MemoryRegistry

Metric = Callable[..., float]


@pytest.fixture
def recorder(manager: ModelManager, registry: MemoryRegistry) -> Recorder:
    return Recorder(Settings(), manager, registry)


@pytest.fixture
def service(manager: ModelManager, recorder: Recorder) -> PredictionService:
    return PredictionService(manager, recorder)


def counted(metric: Metric, model: CategoryBundle) -> np.ndarray:
    """Predictions counted so far, by category."""
    return np.array(
        [metric("crime_predictions_total", category=name, model_version=model.version) for name in CATEGORY_NAMES]
    )


def report(**changes: Any) -> Report:
    return Report.model_validate(EXAMPLE_REPORT | {"DR_NO": "42"} | changes)


def test_a_report_is_answered_recorded_and_counted(
    service: PredictionService, recorder: Recorder, small_bundle: CategoryBundle, metric: Metric
) -> None:
    before = counted(metric, small_bundle)
    answer = service.predict_report(small_bundle, report(**{"Premis Cd": 999}))
    probabilities = answer.prediction.probabilities
    assert probabilities.sum() == pytest.approx(1)
    assert answer.label == probabilities.argmax()
    assert (answer.model_name, answer.model_version) == (small_bundle.name, small_bundle.version)
    assert answer.prediction.level == "report"
    assert answer.missing == ["Date Rptd", "Premis Cd"]
    assert answer.unknown_codes == ["Premis Cd 999"]
    assert 0 < answer.seconds < 1
    recorded = recorder.recorded()
    assert (recorded.report_number.tolist(), recorded.label.tolist()) == (["42"], [answer.label])
    assert (counted(metric, small_bundle) - before).tolist() == np.eye(7)[answer.label].tolist()


def test_the_challenger_answers_its_canary_share(
    service: PredictionService,
    recorder: Recorder,
    manager: ModelManager,
    registry: MemoryRegistry,
    small_bundle: CategoryBundle,
) -> None:
    registry.register(small_bundle.name, small_bundle.directory, "champion")
    registry.register(small_bundle.name, small_bundle.directory, "challenger")
    registry.set_tags(small_bundle.name, "2", {"canary": "0.5"})
    manager.refresh()
    champion = manager.category_model
    assert champion is not None
    versions = [service.predict_report(champion, report(DR_NO=str(number))).model_version for number in range(100)]
    assert 30 < versions.count("2") < 70
    assert recorder.recorded().version.tolist() == versions
    again = [service.predict_report(champion, report(DR_NO=str(number))).model_version for number in range(100)]
    assert again == versions


def test_a_table_is_answered_as_its_reports_alone(
    service: PredictionService, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    payload = [
        EXAMPLE_REPORT,
        EXAMPLE_REPORT | {"Mocodes": None, "AREA": 12},
        {"AREA": 3} | dict(list(EXAMPLE_REPORT.items())[:2]),
    ]
    scored = service.predict_table(small_bundle, parse_report_list(payload).reports)
    alone = [service.predict_report(small_bundle, Report.model_validate(row)) for row in payload]
    assert scored.probabilities == pytest.approx(np.array([answer.prediction.probabilities for answer in alone]))
    assert scored.columns()["level"] == [answer.prediction.level for answer in alone]


def test_a_table_is_recorded_and_counted_without_its_rejected_rows(
    service: PredictionService,
    recorder: Recorder,
    small_bundle: CategoryBundle,
    small_reports: Reports,
    metric: Metric,
) -> None:
    reports = small_reports.take(slice(None, 200))
    reports.errors = reports.errors.copy()
    reports.errors[::4] = CellError("AREA", "missing", "is blank")
    before = counted(metric, small_bundle)
    scored = service.predict_table(small_bundle, reports)
    assert scored.accepted.sum() == 150
    assert np.isnan(scored.probabilities[::4]).all()
    labels = scored.probabilities[scored.accepted].argmax(1)
    assert (counted(metric, small_bundle) - before).tolist() == np.bincount(labels, minlength=7).tolist()
    recorded = recorder.recorded()
    assert recorded.label.tolist() == labels.tolist()
    assert recorded.report_number.tolist() == reports.fields["dr_no"][scored.accepted].tolist()
    assert recorded.probabilities == pytest.approx(scored.probabilities[scored.accepted], abs=1e-5)


def test_a_table_of_errors_alone_is_neither_recorded_nor_counted(
    service: PredictionService, recorder: Recorder, small_bundle: CategoryBundle, small_reports: Reports, metric: Metric
) -> None:
    reports = small_reports.take(slice(None, 3))
    reports.errors = np.full(3, CellError("AREA", "missing", "is blank"), object)
    before = counted(metric, small_bundle)
    assert service.predict_table(small_bundle, reports).columns()["label"] == [None, None, None]
    assert (counted(metric, small_bundle) == before).all()
    assert len(recorder.recorded()) == 0


def test_an_explanation_adds_up_and_is_counted_but_not_recorded(
    service: PredictionService, recorder: Recorder, small_bundle: CategoryBundle, metric: Metric
) -> None:
    before = counted(metric, small_bundle).sum()
    answer = service.explain_report(small_bundle, PartialReport.model_validate(EXAMPLE_REPORT))
    explanation, label = answer.explanation, answer.answer.label
    raw = explanation.start + sum(explanation.contributions.values())
    shares = np.exp(raw) / np.exp(raw).sum()
    assert shares == pytest.approx(answer.answer.prediction.probabilities, abs=1e-6)
    effects = [abs(explanation.effects[name][label]) for name in answer.columns if name in explanation.effects]
    assert effects == sorted(effects, reverse=True)
    assert {"AREA", "Weapon Used Cd", "Mocodes 0344"} <= set(answer.columns[: len(effects)])
    assert counted(metric, small_bundle).sum() == before + 1
    assert len(recorder.recorded()) == 0
