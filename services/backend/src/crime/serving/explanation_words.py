"""The text of a reason: a field's name, its value and the strength of its contribution, as an analyst reads them."""

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
