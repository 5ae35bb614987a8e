"""What a person calls the values of a watched feature."""

from crime.classifier.bundle import CategoryBundle
from crime.features.field_text import code_text
from crime.features.vocabulary import CODED_FIELDS, Coded
from crime.metrics.drift import MAX_MO_CODES, OTHER_VALUES, PREDICTED_CATEGORY
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.codes import code_names
from crime.reports.systems import SYSTEM_NAMES, SYSTEMS, Code

# of the classes that `metrics.drift.DELAY_BOUNDS` bound
DELAY_NAMES = ("same day", "next day", "2 to 7 days", "8 to 30 days", "31 to 365 days", "more than a year")
_CODED: dict[str, Coded] = {"premise": "premis_cd", "weapon": "weapon_used_cd"}


def value_name(model: CategoryBundle, feature: str, value: str) -> str:
    """The name of a value of a feature, as `metrics.drift` writes both; names of codes as the model knows them."""
    if value == OTHER_VALUES:
        return "all others"
    if feature in _CODED:
        return _name_of_code(model, _CODED[feature], value)
    number = int(value)
    match feature:
        case "report system":
            return SYSTEM_NAMES[SYSTEMS[number]]
        case "area":
            return code_names("area").get(value, value)
        case "hour":
            return f"{number:02}:00"
        case "reporting delay":
            return DELAY_NAMES[number]
        case "number of MO codes":
            return f"{value} or more" if number == MAX_MO_CODES else value
    return CATEGORY_NAMES[number] if feature.startswith(PREDICTED_CATEGORY) else value


def _name_of_code(model: CategoryBundle, field: Coded, key: str) -> str:
    code = Code.from_key(key)
    number = model.encoder.vocabularies[field].number(code)
    known = number == number and number > 0
    return (
        model.encoder.vocabularies[field].entries[int(number) - 1].name
        if known
        else code_text(CODED_FIELDS[field], code)
    )
