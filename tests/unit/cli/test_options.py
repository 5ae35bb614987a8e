"""Options that several commands share: a share of all reports."""

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from crime.cli.console import share_of_all
from crime.cli.options import parse_share
from crime.sample import SAMPLE_SHARE
from typer.testing import Result

RunCommand = Callable[..., Result]


@pytest.mark.parametrize(("text", "share"), [("1/127", 1 / 127), ("0.01", 0.01), ("1", 1.0)])
def test_a_share_is_a_fraction_or_a_number(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "-1", "2", "1/0", "half", "nan"])
def test_anything_else_says_what_was_expected(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="expected a share such as"):
        parse_share(text)


def test_the_embedded_sample_is_a_draw_and_a_table_is_all_reports_unless_the_user_says_so() -> None:
    assert share_of_all(None, None) == SAMPLE_SHARE
    assert share_of_all(Path("reports.csv"), None) == 1
    assert share_of_all(Path("reports.csv"), 0.5) == 0.5
    assert share_of_all(None, 0.5) == 0.5


def test_a_wrong_share_is_refused_before_anything_is_read(crime: RunCommand) -> None:
    assert "expected a share" in crime("forecast", "--share", "5", code=2).output
