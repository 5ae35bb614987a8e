"""The text of an explanation: a field's value and the strength of its contribution, as an analyst reads them."""

from crime.core.days import day_text, weekday
from crime.features.definitions import ReportFields
from crime.reports.codes import code_names
from crime.reports.sources import CIRCUMSTANCES, FIELD_OF_NAME
from crime.reports.systems import SYSTEM_NAMES, SYSTEMS, Code

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIELD_NAMES = {
    "DATE OCC": "Date",
    "TIME OCC": "Time",
    "AREA": "Area",
    "Rpt Dist No": "Reporting district",
    "LAT": "Latitude",
    "LON": "Longitude",
    "Date Rptd": "Reported",
    "Premis Cd": "Premise",
    "Weapon Used Cd": "Weapon",
    "Mocodes": "MO codes",
    "System": "Report system",
}
# Lower bounds, in log-odds, of contributions that are called slight, clear and strong.
SLIGHT, CLEAR, STRONG = 0.05, 0.3, 1.0


def reason_text(field: str, value: str | None, push: float, category: str) -> str:
    """`Weapon: HAND GUN, speaks strongly for violence/assault`. `push`: log-odds; `value`: None if not given."""
    name = FIELD_NAMES.get(field, field)
    return f"{name}: {'not given' if value is None else value}, {_strength_text(push)} {category}"


def _strength_text(push: float) -> str:
    if abs(push) < SLIGHT:
        return "says little about"
    size = "strongly" if abs(push) >= STRONG else "clearly" if abs(push) >= CLEAR else "slightly"
    return f"speaks {size} {'for' if push > 0 else 'against'}"


def value_text(field: str, fields: ReportFields) -> str:
    """The value of `field`, LAPD's column or one MO code (`Mocodes 0344`), among a report's fields."""
    match field.split(" "):
        case ["Mocodes", code]:
            return f"{code} {code_names('mo').get(code, '')}".strip()
        case ["Mocodes"]:
            return "their number, and all that were not given"
    match field:
        case "DATE OCC":
            day = int(fields["date_occ"])
            return f"{WEEKDAYS[weekday(day)]}, {day_text(day)}"
        case "TIME OCC":
            return f"{fields['time_occ'] // 60:02}:{fields['time_occ'] % 60:02}"
        case "AREA":
            return code_names("area")[str(fields["area"])]
        case "Rpt Dist No":
            return str(fields["rpt_dist_no"])
        case "LAT" | "LON":
            return f"{fields[field.lower()]:.4f}"
        case "Date Rptd":
            days = int(fields["date_rptd"] - fields["date_occ"])
            return "the same day" if not days else f"{days:,} day{'s' * (days > 1)} later"
        case "System":
            return SYSTEM_NAMES[SYSTEMS[int(fields["system"])]]
        case "Premis Cd":
            return _code_text("premis", fields["premis_cd"])
        case "Weapon Used Cd":
            return _code_text("weapon", fields["weapon_used_cd"])
    value = fields[FIELD_OF_NAME[field]]
    return ("no", "yes")[int(value)] if FIELD_OF_NAME[field] in CIRCUMSTANCES else f"{value:g}"


def _code_text(table: str, code: Code) -> str:
    """The name of a premise or weapon: LAPD's, or the report's own."""
    if not code.code and not code.text:
        return "none recorded"
    name = code_names(table).get(code.code) if code.system == "legacy" else None
    return name or code.text or f"code {code.code}"
