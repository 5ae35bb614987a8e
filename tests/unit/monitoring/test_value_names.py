"""Values of watched features have names that people read."""

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.metrics.drift import DELAY_BOUNDS
from crime.monitoring.value_names import DELAY_NAMES, value_name


@pytest.mark.parametrize(
    ("feature", "value", "name"),
    [
        ("area", "6", "Hollywood"),
        ("hour", "9", "09:00"),
        ("reporting delay", "0", "same day"),
        ("premise", "legacy:502", "MULTI-UNIT DWELLING (APARTMENT, DUPLEX, ETC)"),
        ("premise", "nibrs:9Z", "code 9Z"),
        ("weapon", "", "none recorded"),
        ("number of MO codes", "3", "3"),
        ("number of MO codes", "8", "8 or more"),
        ("report system", "1", "LAPD NIBRS (since 2024)"),
        ("area", "-1", "all others"),
        ("premise", "-1", "all others"),
        ("a feature of a later release", "7", "7"),
    ],
)
def test_names(feature: str, value: str, name: str, small_bundle: CategoryBundle) -> None:
    assert value_name(small_bundle, feature, value) == name


def test_every_value_of_a_bundles_reference_has_a_name(small_bundle: CategoryBundle) -> None:
    for feature, counts in small_bundle.spec.reference.features.items():
        assert all(value_name(small_bundle, feature, value) for value in counts)
    assert len(DELAY_NAMES) == len(DELAY_BOUNDS) + 1
