"""What the OpenAPI document says of a report's values: patterns, ranges and enums of what the parsers accept.

Blanks around a value are taken off. Of the forms of a date, the document says those that LAPD has used.
"""

from typing import Any

from crime.core import limits
from crime.reports.systems import SYSTEMS

Schema = dict[str, Any]

_MONTHS_31, _MONTHS_30 = "0?[13578]|1[02]", "0?[469]|11"
_NAMES_31, _NAMES_30 = "Jan|Mar|May|Jul|Aug|Oct|Dec", "Apr|Jun|Sep|Nov"
_DAYS_28 = "0?[1-9]|1[0-9]|2[0-8]"
_YEAR = "19[0-9]{2}|20[0-9]{2}|2100"
_LEAP_YEAR = "(?:19|20)(?:0[48]|[2468][048]|[13579][26])|2000"
_CLOCK = r"(?:[ T]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AaPp][Mm])?(?:-0[78]:?00)?)?"


def _days(form: str, months_31: str, months_30: str, february: str) -> str:
    """The days that exist, as `form` writes year, month and day."""
    months = (
        (months_31, f"{_DAYS_28}|29|3[01]", _YEAR),
        (months_30, f"{_DAYS_28}|29|30", _YEAR),
        (february, _DAYS_28, _YEAR),
        (february, "29", _LEAP_YEAR),
    )
    return "|".join(form.format(m=f"(?:{month})", d=f"(?:{day})", y=f"(?:{year})") for month, day, year in months)


_US_DAY = _days("{m}/{d}/{y}", _MONTHS_31, _MONTHS_30, "0?2")
_ISO_DAY = _days("{y}-{m}-{d}", "0[13578]|1[02]", "0[469]|11", "02").replace("0?[1-9]", "0[1-9]")
_PORTAL_DAY = _days("{y} {m} {d}", _NAMES_31, _NAMES_30, "Feb")
_DATE = f"(?:{_US_DAY}|{_ISO_DAY}|{_PORTAL_DAY}){_CLOCK}"
_HOUR = "(?:[01]?[0-9]|2[0-3])"
_TIME = rf"{_HOUR}[0-5][0-9](?:\.0*)?|[0-5]?[0-9](?:\.0?)?|{_HOUR}:[0-5][0-9](?::[0-9]{{2}})?"
_YES_NO = r"[Yy](?:[Ee][Ss])?|[Nn][Oo]?|[Tt](?:[Rr][Uu][Ee])?|[Ff](?:[Aa][Ll][Ss][Ee])?|[01](?:\.0)?"
_ZERO = r"-?0+(?:\.0*)?"  # LAPD's mark of a place that is withheld


def without_default(schema: Schema) -> None:
    """Take away the default of a field that has another one here than in a body."""
    schema.pop("default", None)


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": rf"^\s*(?:{pattern})\s*$"}


def _optional(pattern: str, *others: Schema) -> Schema:
    """A text, which may be blank, a value of another type, or null."""
    return {"anyOf": [_text(f"(?:{pattern})?"), *others, {"type": "null"}]}


def _whole(low: int, high: int) -> Schema:
    return {"type": "integer", "minimum": low, "maximum": high}


def _degrees(pattern: str, low: float, high: float) -> Schema:
    return _optional(f"{pattern}|{_ZERO}", {"type": "number", "minimum": low, "maximum": high}, {"const": 0})


DATE = _text(_DATE)
OPTIONAL_DATE = _optional(_DATE)
_TIME_NUMBER = {"type": "integer", "anyOf": [{"minimum": 100 * hour, "maximum": 100 * hour + 59} for hour in range(24)]}
_AREA = r"0{0,5}(?:[1-9]|1[0-9]|2[01])(?:\.0*)?"
TIME = {"anyOf": [_text(_TIME), _TIME_NUMBER]}
OPTIONAL_TIME = _optional(_TIME, _TIME_NUMBER)
AREA = {"anyOf": [_text(_AREA), _whole(1, 21)]}
OPTIONAL_AREA = _optional(_AREA, _whole(1, 21))
DISTRICT = _optional(r"0{0,5}[1-9][0-9]{0,3}(?:\.0*)?", _whole(1, 9999))
SYSTEM = {"enum": [*SYSTEMS, "", None]}
CODE = _optional(r"[A-Za-z0-9]{1,9}(?:\.0+)?", _whole(0, 999_999_999))
LEGACY_CODE = _optional(r"[0-9]{1,9}(?:\.0+)?", _whole(0, 999_999_999))
NAME = {"type": ["string", "number", "null"]}
YES_NO = _optional(_YES_NO, {"type": "boolean"}, {"enum": [0, 1]})
_MO_CODE = r"[0-9]{1,4}(?:\.0*)?"
_MORE = f"{{0,{limits.MO_CODES - 1}}}"  # after the first
_MO_CODE_LIST = rf"{_MO_CODE}(?: +{_MO_CODE}){_MORE}|[0-9]{{4}}(?: *, *[0-9]{{4}}){_MORE}"
MO_CODES = _optional(
    _MO_CODE_LIST,
    _whole(0, 9999),
    {
        "type": "array",
        "items": {"anyOf": [_text(f"(?:{_MO_CODE})?"), _whole(0, 9999)]},
        "maxItems": limits.MO_CODES,
    },
)
AGE = _optional("-?(?:10|[0-9])|[1-9][0-9]|1[01][0-9]|120", {"type": "number", "minimum": -10, "maximum": 120})
LETTER = _optional("[A-Za-z-]")
LATITUDE = _degrees(r"33\.[3-9][0-9]*|34(?:\.(?:[0-8][0-9]*|90*)?)?", 33.3, 34.9)
LONGITUDE = _degrees(r"-118(?:\.[0-9]*)?|-119(?:\.0*)?|-117\.[5-9][0-9]*", -119.0, -117.5)
# Codes with letters are NIBRS's. Beside a field that only NIBRS has they are accepted without `System`, too.
REPORT: Schema = {
    "anyOf": [
        {"properties": {"System": {"const": "nibrs"}}, "required": ["System"]},
        {"properties": {"Premis Cd": LEGACY_CODE, "Weapon Used Cd": LEGACY_CODE}},
    ]
}
