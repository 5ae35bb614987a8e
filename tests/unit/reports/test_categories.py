"""Every crime code has a category."""

from crime.reports.categories import CATEGORIES, category_of_crime_code
from crime.reports.codes import code_names


def test_every_crime_code_has_a_category_and_no_other() -> None:
    assert len(category_of_crime_code()) == len(code_names("crime")) == 140
    assert set(category_of_crime_code().values()) == set(range(len(CATEGORIES)))
    expected = {354: "fraud_forgery", 624: "violence_assault", 740: "vandalism_destruction", 510: "theft_burglary"}
    expected |= {900: "weapons_legal", 121: "sexual", 888: "miscellaneous", 210: "violence_assault"}
    keys = list(CATEGORIES)
    assert {code: keys[category_of_crime_code()[code]] for code in expected} == expected
