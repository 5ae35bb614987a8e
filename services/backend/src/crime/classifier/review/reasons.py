"""The fields that speak for a likelier code against the recorded one, as text."""

from crime.features.definitions import ReportFields
from crime.features.field_text import value_text
from crime.features.vocabulary import CODED_FIELDS
from crime.reports.sources import FIELD_OF_NAME

MAX_REASONS = 3


def reason_text(ratios: dict[str, float], fields: ReportFields) -> str:
    """`Weapon Used Cd 500 UNKNOWN WEAPON; Mocodes 0416 Hit-hit with weapon`: the fields with the largest ratios.

    `ratios`: as `NaiveBayes.log_ratios` gives them for the likelier code against the recorded one.
    """
    speaking = {column: ratio for column, ratio in ratios.items() if ratio > 0 and column != "System"}
    if fields["mocodes"]:
        speaking.pop("Mocodes", None)  # the codes that are not given: no field that can be shown
    strongest = sorted(speaking, key=lambda column: -speaking[column])[:MAX_REASONS]
    return "; ".join(_field_text(column, fields) for column in strongest)


def _field_text(column: str, fields: ReportFields) -> str:
    """The column's name with the record's value, of codes with their names."""
    if column.startswith("Mocodes"):
        return f"Mocodes {value_text(column, fields) if fields['mocodes'] else 'none recorded'}"
    key, value = FIELD_OF_NAME[column], value_text(column, fields)
    if key in CODED_FIELDS and (code := fields[key].code) and value != f"code {code}":
        value = f"{code} {value}"
    return f"{column} {value}"
