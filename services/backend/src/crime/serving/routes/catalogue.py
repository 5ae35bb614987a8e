"""What is known: features, codes, and counts of the reports."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from crime.classifier.naive_bayes import BINNED_FEATURES, NAIVE_BAYES_INPUTS
from crime.core.model_names import CATEGORY_MODEL
from crime.features.definitions import describe_feature
from crime.features.windows import ENTITIES, WINDOW_FEATURES
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES
from crime.reports.codes import code_names
from crime.serving.dependencies import model_of
from crime.serving.errors import BAD_BODY_RESPONSE, WRONG_INPUT_RESPONSES
from crime.serving.payloads.report import Report, report_fields

router = APIRouter()


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
    model_name: str
    model_version: str
    features: list[FeatureDescription]


class FeatureVector(BaseModel):
    """`features`: the numbers the model sees, null where not known."""

    model_name: str
    model_version: str
    level: str
    features: dict[str, float | None]


class Code(BaseModel):
    code: str
    name: str
    reports: int


class Counts(BaseModel):
    """Reports that match the filters. `by_weekday_hour`: 7 rows (Monday first) of 24."""

    total: int
    first_month: str
    last_month: str
    by_category: dict[str, int]
    by_area: dict[str, int]
    by_month: dict[str, int]
    by_weekday_hour: list[list[int]]


@router.get("/features", tags=["features"], responses={503: {"description": "no model yet"}})
def features(request: Request) -> Features:
    """Every feature of the model: what it is, which columns it comes from, where it is used."""
    model = model_of(request)
    listed = []
    for name in model.spec.features:
        feature = describe_feature(name)
        use = "at every level" if feature.level == "place_time" else f"from level {feature.level!r} up"
        listed.append(
            FeatureDescription(
                name=name,
                about=feature.about,
                source=list(feature.source),
                use=use,
                share_of_gain=model.spec.gain[name],
            )
        )
    for name, category in zip(NAIVE_BAYES_INPUTS, CATEGORY_NAMES, strict=True):
        listed.append(
            FeatureDescription(
                name=name,
                about=f"log-probability of {category} by the habits of each crime code, of all that is known",
                source=sorted({describe_feature(field).source[0] for field in BINNED_FEATURES} | {"Mocodes"}),
                use="at every level",
                share_of_gain=model.spec.gain[name],
            )
        )
    for window in WINDOW_FEATURES:
        listed.append(
            FeatureDescription(
                name=window.name,
                about=window.about,
                source=list(window.source),
                use="in forecasts; GET /features/{entity}/{id}",
                share_of_gain=None,
                entity=list(ENTITIES),
                window=window.days,
                owner=window.owner,
            )
        )
    return Features(model_name=model.name, model_version=model.version, features=listed)


@router.post("/features", tags=["features"], responses=WRONG_INPUT_RESPONSES | BAD_BODY_RESPONSE)
def feature_vector(report: Report, request: Request) -> FeatureVector:
    """The vector that the model sees for a report."""
    model = model_of(request)
    fields, _, _ = report_fields(report)
    level = model.level_of(fields)
    vector = model.vector(fields)
    return FeatureVector(
        model_name=model.name,
        model_version=model.version,
        level=level,
        features={model.names[at]: None if np.isnan(vector[at]) else float(vector[at]) for at in model.columns[level]},
    )


@router.get("/codes", tags=["reports"], responses={503: {"description": "no model yet"}})
def codes(request: Request) -> dict[str, list[Code]]:
    """Areas, premises, weapons and MO codes with their names, the most frequent first."""
    frequency = model_of(request).spec.data.frequency
    found = {"area": [Code(code=code, name=name, reports=0) for code, name in code_names("area").items()]}
    for kind in ("premis", "weapon", "mo"):
        seen = frequency[kind]
        listed = [Code(code=c, name=name, reports=seen.get(c, 0)) for c, name in code_names(kind).items() if c != "0"]
        found[kind] = sorted(listed, key=lambda code: (-code.reports, code.name))
    return found


@router.get("/reports", tags=["reports"], responses={503: {"description": "no model yet"}})
def reports(
    request: Request,
    area: Annotated[list[int] | None, Query(description="area numbers")] = None,
    category: Annotated[list[str] | None, Query(description=", ".join(CATEGORIES))] = None,
    first: Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="first month, 2020-01")] = None,
    last: Annotated[str | None, Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="last month, 2020-12")] = None,
) -> Counts:
    """Counts of the reports the model was trained and tested on, by category, area, month, weekday and hour."""
    counts = model_of(request).counts
    months = counts[:, 0].astype("datetime64[M]").astype(str)
    chosen = np.ones(len(counts), bool)
    if area:
        chosen &= np.isin(counts[:, 1], area)
    if category:
        keys = list(CATEGORIES)
        chosen &= np.isin(counts[:, 2], [keys.index(name) for name in category if name in keys])
    if first:
        chosen &= months >= first
    if last:
        chosen &= months <= last
    cells, size = counts[chosen], counts[chosen, 5]
    weekday_hour = np.bincount(cells[:, 3] * 24 + cells[:, 4], size, 168).astype(int).reshape(7, 24)
    by_category = np.bincount(cells[:, 2], size, len(CATEGORIES)).astype(int)
    by_area = np.bincount(cells[:, 1], size, len(code_names("area")) + 1).astype(int)
    span = np.arange(counts[:, 0].min(), counts[:, 0].max() + 1)
    by_month = np.bincount(cells[:, 0] - span[0], size, len(span)).astype(int)
    names = span.astype("datetime64[M]").astype(str)
    return Counts(
        total=int(size.sum()),
        first_month=str(names[0]),
        last_month=str(names[-1]),
        by_category=dict(zip(CATEGORY_NAMES, by_category.tolist(), strict=True)),
        by_area={str(at): int(by_area[at]) for at in range(1, len(by_area))},
        by_month=dict(zip(names.tolist(), by_month.tolist(), strict=True)),
        by_weekday_hour=weekday_hour.tolist(),
    )
