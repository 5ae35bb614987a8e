"""Plain names of what models know, and of what is watched."""

from collections.abc import Sequence

from crime_ui.client.answers import DetailLevel
from crime_ui.client.answers_models import Pod
from crime_ui.client.models import CATEGORY_MODEL, FORECAST_MODEL
from crime_ui.language import _, ngettext, number


def model_names() -> dict[str, str]:
    return {CATEGORY_MODEL: _("Category of a report"), FORECAST_MODEL: _("Forecast")}


def level_names() -> dict[DetailLevel, str]:
    """What is known of a report, the least first."""
    return {
        "place_time": _("Place and time"),
        "premise": _("and premise"),
        "weapon": _("and weapon"),
        "report": _("Whole report"),
    }


def feature_name(feature: str) -> str:
    """A watched feature, as the backend names it."""
    names = {
        "report system": _("Report system"),
        "area": _("Area"),
        "hour": _("Hour"),
        "reporting delay": _("Days until reported"),
        "premise": _("Premise"),
        "weapon": _("Weapon"),
        "number of MO codes": _("Number of MO codes"),
        "predicted category, known to place and time": _("Answers, from place and time"),
        "predicted category, known to premise": _("Answers, with the premise"),
        "predicted category, known to weapon": _("Answers, with the weapon"),
        "predicted category, known to MO codes": _("Answers, from whole reports"),
        "predicted category, known to MO codes, circumstances": _("Answers, from whole reports"),
    }
    return names.get(feature, feature)


def value_name(name: str) -> str:
    """A value of a watched feature; a place or a code in the data's own words."""
    names = {
        "all others": _("all others"),
        "none recorded": _("none recorded"),
        "same day": _("same day"),
        "next day": _("next day"),
        "2 to 7 days": _("2 to 7 days"),
        "8 to 30 days": _("8 to 30 days"),
        "31 to 365 days": _("31 to 365 days"),
        "more than a year": _("more than a year"),
        "8 or more": _("8 or more"),
    }
    return names.get(name) or _(name)


def pods_text(pods: Sequence[Pod]) -> str:
    """How many pods answer, and with which versions of the category model."""
    versions = sorted({pod["serving"].get(CATEGORY_MODEL, _("none")) for pod in pods})
    text = ngettext(
        "One pod answers, with version {versions}", "{count} pods answer, with version {versions}", len(pods)
    )
    return text.format(count=number(len(pods)), versions=listed(versions))


def reports_text(count: int) -> str:
    return ngettext("{count} report", "{count} reports", count).format(count=number(count))


def listed(names: list[str]) -> str:
    """Names as a sentence has them: a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return _("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])
