"""Recorded predictions of made-up reports."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import Prediction
from crime.monitoring.records import PredictionRecord
from crime.reports.systems import Code

MakeRecord = Callable[..., PredictionRecord]


@pytest.fixture
def make_record() -> MakeRecord:
    """A record whose answer gives `category` the probability `share`, of a report with plain fields."""

    def make(
        number: str = "1",
        at: float = 0.0,
        version: str = "1",
        shadow: bool = False,
        category: int = 0,
        share: float = 0.4,
        **fields: Any,
    ) -> PredictionRecord:
        probabilities = np.full(7, (1 - share) / 6)
        probabilities[category] = share
        plain = {
            "system": 0.0,
            "date_occ": 18_000.0,
            "date_rptd": 18_001.0,
            "time_occ": 720.0,
            "area": 1.0,
            "rpt_dist_no": 101.0,
            "premis_cd": Code("legacy", "502", ""),
            "weapon_used_cd": None,
            "mocodes": ("0344",),
        }
        return PredictionRecord(at, version, Prediction(probabilities, "report"), number, plain | fields, shadow)

    return make
