"""Effects of weekdays and the season on the city's reports."""

import numpy as np
import pytest
from crime.training.forecaster.calendar_effects import calendar_effect, season_effect
from histories import MONDAY


def test_a_weekday_with_more_reports_has_a_larger_effect() -> None:
    days = 364
    counts = np.full(days, 100.0)
    counts[4::7] = 150  # Fridays
    effect = calendar_effect(MONDAY, MONDAY + days + 27, counts, np.ones(days))
    assert len(effect) == days + 28
    assert effect[:days].mean() == pytest.approx(1)
    monday, friday = effect[days - 7 + 0], effect[days - 7 + 4]
    assert friday / monday == pytest.approx(1.5, rel=0.05)
    assert effect[days + 4] == pytest.approx(friday)  # the horizon goes on


def test_half_known_days_do_not_look_quiet() -> None:
    days = 364
    exposure = np.ones(days)
    exposure[-7:] = 0.5
    effect = calendar_effect(MONDAY, MONDAY + days + 27, 100 * exposure, exposure)
    np.testing.assert_allclose(effect, 1, atol=0.01)


def test_season_finds_a_yearly_wave() -> None:
    days = 4 * 365
    phase = 2 * np.pi * np.arange(MONDAY, MONDAY + days + 28) / 365.25
    truth = np.exp(0.2 * np.cos(phase))
    effect = season_effect(MONDAY, MONDAY + days + 27, 200 * truth[:days], np.ones(days))
    np.testing.assert_allclose(effect, truth / truth[:days].mean(), atol=0.02)


def test_no_reports_have_no_effect() -> None:
    assert (calendar_effect(MONDAY, MONDAY + 99, np.zeros(72), np.ones(72)) == 1).all()
