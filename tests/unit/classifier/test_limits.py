"""An answer beyond what a model learnt from says so; all others say nothing."""

import pytest
from crime.classifier.limits import TrainingLimits
from crime.core.days import day_number

FIRST, LAST = day_number("2020-01-01"), day_number("2024-12-30")
LIMITS = TrainingLimits(FIRST, LAST, frozenset({"legacy"}))


def test_reports_like_those_of_training_have_no_warning() -> None:
    assert LIMITS.warnings(FIRST, "legacy") == LIMITS.warnings(LAST + 365, "legacy") == []


def test_a_day_more_than_a_year_outside_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.classifier.limits.today", lambda: LAST + 1000)
    assert LIMITS.warnings(LAST + 697, "legacy") == ["DATE OCC: 1.9 years after the model's newest report, 2024-12-30"]
    (before,) = LIMITS.warnings(FIRST - 400, "legacy")
    assert before == "DATE OCC: 1.1 years before the model's oldest report, 2020-01-01"


def test_a_day_in_the_future_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.classifier.limits.today", lambda: LAST + 10)
    assert LIMITS.warnings(LAST + 11, "legacy") == []  # the day in Los Angeles may be another than by UTC
    assert LIMITS.warnings(LAST + 12, "legacy") == ["DATE OCC: 2025-01-11 is in the future"]


def test_a_report_system_that_the_model_never_met_is_told() -> None:
    (warning,) = LIMITS.warnings(LAST, "nibrs")
    assert warning.startswith("System: the model learnt from no reports by LAPD NIBRS")
