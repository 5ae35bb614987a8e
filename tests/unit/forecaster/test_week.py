"""The periods that are compared."""

import pytest
from crime.core.days import day_number, day_text
from crime.forecaster.week import period_spans


def texts(last: str) -> list[list[tuple[str, str]]]:
    return [[(day_text(first), day_text(end)) for first, end in spans] for spans in period_spans(day_number(last))]


def test_weeks_are_compared_with_the_same_weekdays_and_the_year_with_the_same_dates() -> None:
    week, four_weeks, year = texts("2023-05-21")
    assert week == [("2023-05-15", "2023-05-21"), ("2023-05-08", "2023-05-14"), ("2022-05-16", "2022-05-22")]
    assert four_weeks == [("2023-04-24", "2023-05-21"), ("2023-03-27", "2023-04-23"), ("2022-04-25", "2022-05-22")]
    assert year == [("2023-01-01", "2023-05-21"), ("2022-08-13", "2022-12-31"), ("2022-01-01", "2022-05-21")]


@pytest.mark.parametrize(
    ("last", "year_before"),
    [
        ("2024-02-29", ("2023-01-01", "2023-02-28")),
        ("2025-02-28", ("2024-01-01", "2024-02-28")),
        ("2024-01-01", ("2023-01-01", "2023-01-01")),
        ("2023-12-31", ("2022-01-01", "2022-12-31")),
    ],
)
def test_the_year_to_date_ends_on_the_same_date(last: str, year_before: tuple[str, str]) -> None:
    assert texts(last)[2][2] == year_before
