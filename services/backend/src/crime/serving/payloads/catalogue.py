"""Answers about features, codes and the reports that the model was trained on."""

from pydantic import BaseModel

from crime.core.model_names import CATEGORY_MODEL
from crime.reports.systems import System


class FeatureDescription(BaseModel):
    """`entity`: what it is a feature of: a report, or an area and a district. `window`: days it looks back."""

    name: str
    about: str
    source: list[str]
    use: str
    share_of_gain: float | None
    entity: list[str] = ["report"]
    window: int | None = None
    owner: str = CATEGORY_MODEL


class Features(BaseModel):
    """The features of the model that answers."""

    model_name: str
    model_version: str
    features: list[FeatureDescription]


class FeatureVector(BaseModel):
    """`features`: the numbers the model sees, null where not known. `warnings`: what of the report is not read."""

    model_name: str
    model_version: str
    level: str
    warnings: list[str]
    features: dict[str, float | None]


class Code(BaseModel):
    """A code, and the number of training reports with it (0 for areas and crime codes).

    `system`: the report system that it belongs to. `category` of a crime code, and `serious`: a felony as a rule.
    """

    code: str
    name: str
    reports: int
    system: System = "legacy"
    category: str | None = None
    serious: bool | None = None


class Counts(BaseModel):
    """Reports that match the filters. `by_month`, `by_day`: of the days asked for. `by_weekday_hour`: 7 rows (Monday
    first) of 24.

    `first_day`, `last_day`: of all reports. `by_code`: by crime code with its system, such as `legacy:510`. Districts
    are not told of reports whose places are told no finer than their area. What a model of an earlier release does not
    count is null. `complete_until`: the last day of which LAPD wrote all reports to the model's table; None for one
    that is kept up.
    """

    total: int
    first_month: str
    last_month: str
    first_day: str
    last_day: str
    by_category: dict[str, int]
    by_area: dict[str, int]
    by_month: dict[str, int]
    by_day: dict[str, int] | None
    by_district: dict[str, int] | None
    by_code: dict[str, int] | None
    by_weekday_hour: list[list[int]]
    complete_until: str | None = None
