"""One report and many are encoded alike, and detail levels hide what is above them."""

import numpy as np
import pytest
from crime.features.definitions import choose_features, describe_feature
from crime.features.detail_levels import detail_levels, level_of, mask_above
from crime.features.encoder import FeatureEncoder
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import CIRCUMSTANCES
from crime.reports.systems import NONE_RECORDED, Code
from crime.reports.table import Reports

DETAIL_LEVEL_NAMES = list(DETAIL_LEVELS)


@pytest.fixture(scope="module")
def encoder(small_reports: Reports) -> FeatureEncoder:
    return FeatureEncoder(choose_features(small_reports.fields, victim=True))


@pytest.mark.parametrize("level", DETAIL_LEVEL_NAMES)
def test_one_report_is_encoded_as_among_many(
    level: DetailLevel, encoder: FeatureEncoder, small_reports: Reports
) -> None:
    reports = small_reports.take(slice(0, 200))
    fields = mask_above(reports.fields, level)
    matrix = encoder.matrix(fields, len(reports))
    assert matrix.dtype == np.float32
    for row, expected in enumerate(matrix):
        one = {key: values[row] for key, values in fields.items()}
        np.testing.assert_array_equal(encoder.vector(one), expected)


def test_extra_columns_are_zeros(encoder: FeatureEncoder, small_reports: Reports) -> None:
    rows = len(small_reports)
    matrix = encoder.matrix(small_reports.fields, rows, 3)
    np.testing.assert_array_equal(matrix[:, :-3], encoder.matrix(small_reports.fields, rows))
    assert not matrix[:, -3:].any()


def test_mo_codes_without_a_feature_are_only_counted() -> None:
    encoder = FeatureEncoder(["mo_count", "mo_0344"])
    others = {"premis_cd": None, "weapon_used_cd": None}
    assert encoder.vector({"mocodes": ("0344", "9999"), **others}).tolist() == [2, 1]
    codes = np.empty(2, object)
    codes[:] = [("0344", "9999"), None]
    fields = {"mocodes": codes, **dict.fromkeys(others, np.full(2, None))}
    np.testing.assert_array_equal(encoder.matrix(fields, 2), [[2, 1], [np.nan, np.nan]])


@pytest.mark.parametrize("level", DETAIL_LEVEL_NAMES)
def test_masking_hides_all_above_a_level(level: DetailLevel, encoder: FeatureEncoder, small_reports: Reports) -> None:
    reports = small_reports.take(slice(0, 50))
    before = {key: values.copy() for key, values in reports.fields.items()}
    masked = mask_above(reports.fields, level)
    assert (detail_levels(masked, 50) == DETAIL_LEVEL_NAMES.index(level)).all()
    matrix = encoder.matrix(masked, 50)
    for column, name in enumerate(encoder.names):
        if DETAIL_LEVEL_NAMES.index(describe_feature(name).level) > DETAIL_LEVEL_NAMES.index(level):
            assert np.isnan(matrix[:, column]).all(), name
    for key, values in before.items():
        np.testing.assert_array_equal(reports.fields[key], values)  # the reports themselves stay as they are


def test_the_level_of_a_report_is_that_of_its_highest_known_field() -> None:
    def objects(*values: object) -> np.ndarray:
        array = np.empty(len(values), object)
        array[:] = values
        return array

    street = Code("legacy", "101", "street")
    fields = {
        "premis_cd": objects(None, street, None, None, None),
        "weapon_used_cd": objects(None, None, NONE_RECORDED, None, None),
        "mocodes": objects(None, None, None, (), None),
        **dict.fromkeys(CIRCUMSTANCES, np.full(5, np.nan)),
        "victim_shot": np.array([np.nan, np.nan, np.nan, np.nan, 0]),
    }
    assert detail_levels(fields, 5).tolist() == [0, 1, 2, 3, 3]
    assert detail_levels(fields, 5, ["mocodes"]).tolist() == [0, 1, 2, 3, 0]  # of a model without circumstances
    for row, level in enumerate(("place_time", "premise", "weapon", "report", "report")):
        assert level_of({name: values[row] for name, values in fields.items()}) == level
