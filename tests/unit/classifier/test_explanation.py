"""An explanation adds up to the prediction it explains."""

from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.explanation import explain
from crime.features.detail_levels import mask_above
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.table import Reports


def rows(reports: Reports, level: DetailLevel, step: int) -> list[dict[str, Any]]:
    fields = mask_above(reports.fields, level)
    return [{name: column[row] for name, column in fields.items()} for row in range(0, len(reports), step)]


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_start_and_contributions_add_up_to_the_scores(
    level: DetailLevel, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    for fields in rows(small_reports, level, 97):
        explanation = explain(small_bundle, fields)
        alone = small_bundle.predict_one(fields)
        np.testing.assert_allclose(explanation.prediction.probabilities, alone.probabilities, atol=1e-12)
        assert explanation.prediction.level == alone.level
        scores = explanation.start + sum(explanation.contributions.values())
        np.testing.assert_allclose(np.exp(scores) / np.exp(scores).sum(), alone.probabilities, atol=1e-6)


def test_each_mo_code_that_the_model_knows_stands_by_itself(
    small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    for fields in rows(small_reports, "report", 97):
        names = [name for name in explain(small_bundle, fields).contributions if name.startswith("Mocodes ")]
        assert sorted(names) == sorted(
            f"Mocodes {code}" for code in set(fields["mocodes"]) & set(small_bundle.encoder.mo)
        )


def test_columns_above_the_level_contribute_nothing(small_bundle: CategoryBundle, small_reports: Reports) -> None:
    for fields in rows(small_reports, "premise", 197):
        columns = set(explain(small_bundle, fields).contributions)
        assert "Premis Cd" in columns
        assert not {"Weapon Used Cd", "Mocodes"} & columns
