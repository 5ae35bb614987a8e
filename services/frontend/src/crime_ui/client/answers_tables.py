"""The backend's JSON answers about tables of reports: the keys that the page reads."""

from typing import NotRequired, TypedDict


class FoundColumn(TypedDict):
    """A column of a table: its name, and the first value in it, blank if none was seen."""

    name: str
    example: str


class Problem(TypedDict):
    """What is wrong with one field of a request. `columns`: those of a table that lacks others."""

    value: str | int | float | bool | None
    msg: str
    type: str
    columns: NotRequired[list[FoundColumn]]


class TableColumn(TypedDict):
    """A column of a table of reports that the backend reads."""

    name: str
    about: str
    required: bool
