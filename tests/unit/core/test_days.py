"""Days count from 1970-01-01."""

from datetime import date

import numpy as np
import pytest
from crime.core.days import day_number, day_text, weekday
from hypothesis import given
from hypothesis import strategies as st


@given(st.dates())
def test_text_and_number_of_a_day(day: date) -> None:
    number = (day - date(1970, 1, 1)).days
    assert day_number(day.isoformat()) == number
    assert day_text(number) == day.isoformat()
    assert weekday(np.array([number])).tolist() == [day.weekday()]


@pytest.mark.parametrize("text", ["", "01/31/2020", "2020-02-30", "today"])
def test_other_text_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="expected a day as 2020-01-31, got"):
        day_number(text)
