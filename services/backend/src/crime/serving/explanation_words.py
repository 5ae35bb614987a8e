"""The text of a reason: a field's name, its value and what it does to the answer, as an analyst reads them."""

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
LITTLE = 0.005  # change of a probability below which a field says little


def reason_text(field: str, value: str | None, effect: float, category: str) -> str:
    """`Weapon: HAND GUN, raises violence/assault by 31 points`. `effect`: on its probability; `value`: None if none."""
    name = FIELD_NAMES.get(field, field)
    if value is None:
        return f"{name}: not given"
    points = round(abs(effect) * 100)
    if abs(effect) < LITTLE:
        return f"{name}: {value}, hardly changes {category}"
    moves = "raises" if effect > 0 else "lowers"
    return f"{name}: {value}, {moves} {category} by {points} point{'s' * (points != 1)}"
