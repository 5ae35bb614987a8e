"""The value of a report's field as an analyst reads it."""

from crime.core.days import day_text, weekday
from crime.features.definitions import ReportFields
from crime.reports.codes import code_names
from crime.reports.sources import CIRCUMSTANCES, FIELD_OF_NAME
from crime.reports.systems import SYSTEM_NAMES, SYSTEMS, Code

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def value_text(field: str, fields: ReportFields) -> str:
    """The value of `field`, LAPD's column or one MO code (`Mocodes 0344`), among the fields of one report."""
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
            minute = int(fields["time_occ"])
            return f"{minute // 60:02}:{minute % 60:02}"
        case "AREA":
            return code_names("area")[str(int(fields["area"]))]
        case "Rpt Dist No":
            return str(int(fields["rpt_dist_no"]))
        case "LAT" | "LON":
            return f"{fields[field.lower()]:.4f}"
        case "Date Rptd":
            if fields["date_occ"] != fields["date_occ"]:  # NaN: not known
                return day_text(int(fields["date_rptd"]))
            days = int(fields["date_rptd"] - fields["date_occ"])
            return "the same day" if not days else f"{days:,} day{'s' * (days > 1)} later"
        case "System":
            return SYSTEM_NAMES[SYSTEMS[int(fields["system"])]]
        case "Premis Cd":
            return code_text("premis", fields["premis_cd"])
        case "Weapon Used Cd":
            return code_text("weapon", fields["weapon_used_cd"])
    value = fields[FIELD_OF_NAME[field]]
    return ("no", "yes")[int(value)] if FIELD_OF_NAME[field] in CIRCUMSTANCES else f"{value:g}"


def code_text(table: str, code: Code) -> str:
    """The name of a premise or weapon: LAPD's, or the report's own."""
    if not code.code and not code.text:
        return "none recorded"
    name = code_names(table).get(code.code) if code.system == "legacy" else None
    return name or code.text or f"code {code.code}"
