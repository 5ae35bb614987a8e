"""The kind of a doubt is the first that holds."""

import numpy as np
import pytest
from crime.classifier.review.kinds import KINDS, kind_of
from crime.reports.categories import crime_code_index


@pytest.mark.parametrize(
    ("recorded", "right", "kind"),
    [
        ("624", "230", "serious recorded as minor"),
        ("888", "310", "serious recorded as minor"),
        ("230", "624", "minor recorded as serious"),
        ("510", "626", "minor recorded as serious"),
        ("624", "745", "other category"),
        ("310", "740", "other category"),
        ("624", "626", "other code"),
        ("310", "510", "other code"),
    ],
)
def test_kind(recorded: str, right: str, kind: str) -> None:
    codes = crime_code_index()
    number = kind_of(np.array(codes["legacy", recorded]), np.array(codes["legacy", right]))
    assert KINDS[int(number)] == kind
