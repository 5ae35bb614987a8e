"""Champion and challenger are compared on the same reports, and by log loss in the same weeks."""

from typing import Any

from crime.monitoring.challenger import ChallengerComparison, compare_challenger
from crime.monitoring.performance import WeeklyPerformance
from crime.monitoring.records import decode_records, encode_records


def week(first_day: str, version: str, shadow: bool, reports: int, log_loss: float) -> WeeklyPerformance:
    return WeeklyPerformance(first_day, version, shadow, reports, 0.9, log_loss, 0.0)


def test_nothing_is_known_at_first() -> None:
    nothing = decode_records([])
    assert compare_challenger("2", 0.25, 0.0, "1", nothing, []) == ChallengerComparison(
        "2", 0.25, 0, 0, None, None, None, None
    )


def test_shadow_predictions_are_compared_with_the_answers_to_the_same_reports(make_record: Any) -> None:
    records = [
        make_record("a", 10, "1", category=0, share=0.7),
        make_record("a", 10, "2", shadow=True, category=0, share=0.4),
        make_record("b", 11, "1", category=1, share=0.7),
        make_record("b", 11, "2", shadow=True, category=2, share=0.7),
        make_record("c", 12, "2"),  # as canary
        make_record("d", 5, "2"),  # as champion of an earlier time
        make_record("a", 13, "1"),  # the same report again, without a shadow yet
        make_record("e", 14, "3", shadow=True),  # of another challenger
    ]
    comparison = compare_challenger("2", 0.25, 10.0, "1", decode_records([encode_records(records)]), [])
    assert (comparison.answered, comparison.shadowed) == (1, 2)
    assert comparison.agreement == 0.5
    assert comparison.difference == 0.475  # half of (0.3 + 6 * 0.05) and of 2 * 0.65


def test_log_losses_are_of_the_weeks_in_which_shadows_have_labels() -> None:
    performance = [
        week("2026-01-01", "1", False, 1_000, 9.0),  # before there was a challenger
        week("2026-01-08", "1", False, 100, 0.2),
        week("2026-01-15", "1", False, 300, 0.4),
        week("2026-01-08", "2", True, 10, 0.1),
        week("2026-01-15", "2", True, 30, 0.5),
        week("2026-01-15", "2", False, 30, 7.0),  # its own answers as canary
        week("2026-01-15", "3", True, 30, 7.0),
    ]
    comparison = compare_challenger("2", 0.0, 0.0, "1", decode_records([]), performance)
    assert (comparison.log_loss, comparison.champion_log_loss) == (0.4, 0.35)
