"""Features mean what they say, and none reads a column that follows from the answer."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from crime.features.definitions import (
    BASE_FEATURES,
    VICTIM_FEATURES,
    choose_features,
    describe_feature,
    feature_columns,
    is_mo_feature,
)
from crime.features.encoder import FeatureEncoder
from crime.reports.parsing import parse_columns
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import CIRCUMSTANCES
from crime.reports.table import Reports, encode_column
from crime.reports.tally import Tally

LEAKS = {"Crm Cd", "Crm Cd Desc", "Part 1-2", "Status", "Status Desc", "Crm Cd 1", "Crm Cd 2", "Crm Cd 3", "Crm Cd 4"}


def known(*mocodes: tuple[str, ...] | None) -> dict[str, Any]:
    """Fields of reports of LAPD's own codes of which these MO codes are known."""
    codes = np.empty(len(mocodes), object)
    codes[:] = mocodes
    blank = np.full(len(mocodes), np.nan)
    return {"mocodes": codes, "system": np.zeros(len(mocodes)), **dict.fromkeys(CIRCUMSTANCES, blank)}


def encode(**cells: str) -> dict[str, float]:
    columns = {key: encode_column([cell]) for key, cell in cells.items()}
    names = choose_features(known(*[("0344",)] * 3), victim=True)
    matrix = FeatureEncoder(names).matrix(parse_columns(columns, 1, Tally()).fields, 1)
    return dict(zip(names, matrix[0].tolist(), strict=True))


def test_features_mean_what_they_say() -> None:
    features = encode(
        date_occ="2024-03-01", time_occ="0030", area="7", date_rptd="2024-03-04", mocodes="0344 1300", vict_sex="F"
    )
    assert features["area"] == 7
    assert features["minute_of_day"] == 30
    assert features["on_the_hour"] == 0
    assert features["weekday"] == 4  # a Friday
    assert features["day_of_month"] == 1
    assert features["reporting_delay"] == 3
    assert (features["mo_0344"], features["mo_count"]) == (1, 2)
    assert features["victim_sex"] == 6
    assert np.isnan([features["premise"], features["weapon"], features["latitude"], features["victim_age"]]).all()


def test_none_recorded_differs_from_not_known() -> None:
    report = {"date_occ": "2024-03-01", "time_occ": "0100", "area": "7"}
    recorded = encode(**report, mocodes="", weapon_used_cd="")
    assert (recorded["mo_0344"], recorded["mo_count"], recorded["weapon"], recorded["on_the_hour"]) == (0, 0, 0, 1)
    unknown = encode(**report)
    assert np.isnan([unknown["mo_0344"], unknown["mo_count"], unknown["weapon"]]).all()


def test_a_long_reporting_delay_counts_as_400_days() -> None:
    assert encode(date_occ="01/01/2020", time_occ="1", area="1", date_rptd="01/01/2024")["reporting_delay"] == 400


def test_no_feature_reads_what_follows_from_the_answer(small_reports: Reports) -> None:
    names = choose_features(small_reports.fields)
    sources = {source for name in names for source in describe_feature(name).source}
    assert not sources & LEAKS
    assert not [source for source in sources if source.startswith("Vict")]


def test_mo_codes_become_features_if_enough_reports_have_them() -> None:
    names = choose_features(known(("0344", "1822"), ("0344",), (), ("0344", "1822")), at_least=3)
    assert [name for name in names if is_mo_feature(name)] == ["mo_0344"]
    assert not is_mo_feature("mo_count")
    assert describe_feature("mo_0344").about.startswith("1 where MO code 0344 is given: ")
    assert choose_features(known(()))[-1] == "mo_count"
    assert "mo_count" not in choose_features(known(None))


def test_victim_features_only_on_request() -> None:
    victim = {feature.name for feature in VICTIM_FEATURES}
    assert not victim & set(choose_features(known(())))
    assert victim <= set(choose_features(known(()), victim=True))


@pytest.mark.parametrize(
    ("level", "unknown"),
    [
        ("place_time", {"premise", "weapon", "mo_count", *CIRCUMSTANCES}),
        ("premise", {"weapon", "mo_count", *CIRCUMSTANCES}),
        ("report", set()),
    ],
)
def test_a_level_has_its_own_features_and_those_below(level: DetailLevel, unknown: set[str]) -> None:
    names = [feature.name for feature in BASE_FEATURES]
    assert set(names) - {names[column] for column in feature_columns(names, level)} == unknown


def test_levels_nest() -> None:
    names = choose_features(known(*[("0344",)] * 3))
    columns = [set(feature_columns(names, level)) for level in DETAIL_LEVELS]
    assert all(lower < higher for lower, higher in pairwise(columns))
    assert len(columns[-1]) == len(names)
