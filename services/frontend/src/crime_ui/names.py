"""What the page calls areas and categories."""

from crime_ui.client import cached
from crime_ui.language import _


def category_name(category: str | None) -> str:
    """A category as shown; None: all of them."""
    return category_names()[category] if category else _("All reports")


def category_names() -> dict[str, str]:
    """What is shown of each category, by its key."""
    return {key: _(name).capitalize() for key, name in cached.category_model()["serving"]["categories"].items()}


def area_names() -> dict[int, str]:
    """The areas' names by number."""
    return {int(area["code"]): area["name"] for area in cached.codes()["area"]}


def shift_names() -> dict[str, str]:
    """The hours of each shift, by its number."""
    return {
        str(shift): _("{start} to {end}").format(start=f"{8 * shift:02}", end=f"{8 * shift + 8:02}")
        for shift in range(3)
    }
