"""Premises and weapons are known by code and by name; the same place is one entry in both report systems."""

import numpy as np
from crime.features.vocabulary import Vocabulary, learn_vocabulary, legacy_entries
from crime.reports.systems import NONE_RECORDED, Code

HOME, LOT = Code("nibrs", "RA", "single family home"), Code("nibrs", "32", "parking lot garage drop lot")


def test_lapds_own_codes_are_all_known() -> None:
    premises = Vocabulary(legacy_entries("premis_cd"))
    assert premises.number(Code("legacy", "101", "")) == 1
    assert premises.number(Code("legacy", "102", "")) == premises.number(Code("legacy", "", "sidewalk")) == 2
    assert np.isnan(premises.number(Code("legacy", "", "not specified")))


def test_none_recorded_differs_from_not_known() -> None:
    premises = Vocabulary(legacy_entries("premis_cd"))
    assert premises.number(NONE_RECORDED) == 0
    assert np.isnan(premises.number(None))
    np.testing.assert_array_equal(premises.numbers(np.array([None, None])), [np.nan, np.nan])


def test_nibrs_codes_are_learnt_and_joined_only_where_they_are_the_same_place() -> None:
    entries = learn_vocabulary("premis_cd", [HOME, LOT, LOT, None, Code("nibrs", "SW", "sidewalk"), NONE_RECORDED])
    premises = Vocabulary(entries)
    assert premises.number(Code("nibrs", "SW", "")) == premises.number(Code("legacy", "102", ""))
    assert premises.number(HOME) == premises.number(Code("legacy", "501", ""))  # joined by the reviewed table
    lot = premises.number(LOT)
    assert lot == len(entries) == len(legacy_entries("premis_cd")) + 1
    assert premises.number(Code("nibrs", "32", "another wording")) == lot  # by code
    assert premises.number(Code("nibrs", "99", LOT.text)) == lot  # by name
    assert np.isnan(premises.number(Code("nibrs", "101", "")))  # LAPD's own 101 is another code
    assert (entries[-1].name, entries[-1].reports) == (LOT.text, 2)


def test_a_table_of_nonsense_does_not_fill_the_vocabulary() -> None:
    codes = [Code("nibrs", f"X{number}", "") for number in range(3_000)]
    assert len(learn_vocabulary("weapon_used_cd", codes)) < 1_500


def test_a_rare_wording_of_a_code_does_not_break_its_join() -> None:
    codes = [HOME] * 50 + [Code("nibrs", "RA", ""), Code("nibrs", "RA", "single family homme")]
    premises = Vocabulary(learn_vocabulary("premis_cd", codes))
    home = premises.number(Code("legacy", "501", ""))
    assert [premises.number(code) for code in codes] == [home] * 52


def test_names_without_codes_are_learnt() -> None:
    place = Code("nibrs", "", "a new kind of place")
    premises = Vocabulary(learn_vocabulary("premis_cd", [place] * 3))
    assert premises.number(place) == len(legacy_entries("premis_cd")) + 1
