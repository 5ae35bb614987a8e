"""Describe the model's inputs and data: its features, LAPD's codes, and counts of the reports it was trained on."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, Field

from crime.classifier.bundle import CategoryBundle
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS, binned_features
from crime.features.definitions import describe_feature
from crime.features.vocabulary import CODED_FIELDS
from crime.features.windows import ENTITIES, WINDOW_FEATURES
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES, CRIME_CODES
from crime.reports.codes import code_names
from crime.reports.sources import SOURCES
from crime.reports.systems import Code as ReportCode
from crime.serving.dependencies import model_of
from crime.serving.errors import BODY_RESPONSES
from crime.serving.payloads.catalogue import Code, Counts, FeatureDescription, Features, FeatureVector
from crime.serving.payloads.report import Report, model_input

router = APIRouter()
MONTH_PATTERN = r"^\d{4}-(0[1-9]|1[0-2])$"


def _known_category(name: str) -> str:
    if name not in CATEGORIES:
        raise ValueError(f"expected one of {', '.join(CATEGORIES)}")
    return name


Category = Annotated[str, AfterValidator(_known_category), Field(json_schema_extra={"enum": list(CATEGORIES)})]


@router.get("/features", tags=["features"])
def features(request: Request) -> Features:
    """Every feature: its meaning, the columns it comes from, and where it is used."""
    model = model_of(request)
    descriptions = [*_report_features(model), *_naive_bayes_features(model), *_window_features()]
    return Features(model_name=model.name, model_version=model.version, features=descriptions)


def _report_features(model: CategoryBundle) -> list[FeatureDescription]:
    descriptions = []
    for name in model.spec.features:
        feature = describe_feature(name)
        use = "at every level" if feature.level == "place_time" else f"from level {feature.level!r} up"
        descriptions.append(
            FeatureDescription(
                name=name,
                about=feature.about,
                source=list(feature.source),
                use=use,
                share_of_gain=model.spec.gain[name],
            )
        )
    return descriptions


def _naive_bayes_features(model: CategoryBundle) -> list[FeatureDescription]:
    sources = sorted(
        {describe_feature(field).source[0] for field in binned_features(model.spec.features)} | {"Mocodes"}
    )
    return [
        FeatureDescription(
            name=name,
            about=f"log-probability of {category} by naive Bayes over crime codes, from all that is known",
            source=sources,
            use="at every level",
            share_of_gain=model.spec.gain[name],
        )
        for name, category in zip(NAIVE_BAYES_INPUTS, CATEGORY_NAMES, strict=True)
    ]


def _window_features() -> list[FeatureDescription]:
    return [
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
        for window in WINDOW_FEATURES
    ]


@router.post("/features", tags=["features"], responses=BODY_RESPONSES)
def feature_vector(report: Report, request: Request) -> FeatureVector:
    """The feature vector of a report, as the model sees it."""
    model = model_of(request)
    inputs = model_input(report)
    fields = inputs.fields
    level, vector = model.level_of(fields), model.vector(fields)
    return FeatureVector(
        model_name=model.name,
        model_version=model.version,
        level=level,
        warnings=inputs.warnings,
        features={
            model.names[column]: None if np.isnan(vector[column]) else float(vector[column])
            for column in model.columns[level]
        },
    )


@router.get("/codes", tags=["reports"])
def codes(request: Request) -> dict[str, list[Code]]:
    """Areas, premises, weapons, MO codes and crime codes of both systems with their names, the most frequent first."""
    model = model_of(request)
    tables = {"area": [Code(code=code, name=name, reports=0) for code, name in code_names("area").items()]}
    for field, table in CODED_FIELDS.items():
        listed = [
            Code(code=code, name=entry.name, reports=entry.reports, system=system)
            for entry in model.encoder.vocabularies[field].entries
            for system, code, _ in map(ReportCode.from_key, entry.codes)
        ]
        tables[table] = sorted(listed, key=lambda code: (-code.reports, code.name))
    frequency = model.spec.data.frequency
    mo = [Code(code=code, name=name, reports=frequency.get(code, 0)) for code, name in code_names("mo").items()]
    tables["mo"] = sorted(mo, key=lambda code: (-code.reports, code.name))
    tables["crime"] = [
        Code(
            code=crime.code,
            name=crime.name,
            reports=0,
            system=crime.system,
            category=CATEGORY_NAMES[crime.category],
            serious=crime.serious,
        )
        for crime in CRIME_CODES
    ]
    return tables


@router.get("/reports", tags=["reports"])
def reports(
    request: Request,
    area: Annotated[list[Annotated[int, Field(ge=1, le=21)]] | None, Query(description="area numbers")] = None,
    category: Annotated[list[Category] | None, Query(description=", ".join(CATEGORIES))] = None,
    first: Annotated[str | None, Query(pattern=MONTH_PATTERN, description="first month, 2020-01")] = None,
    last: Annotated[str | None, Query(pattern=MONTH_PATTERN, description="last month, 2020-12")] = None,
) -> Counts:
    """Counts of the reports the model was trained and tested on, by category, area, month, weekday and hour."""
    counts = model_of(request).counts
    all_months = np.arange(counts[:, 0].min(), counts[:, 0].max() + 1)
    month, area_number, category_index, weekday, hour, size = counts[_matches(counts, area, category, first, last)].T

    def total_by(index: np.ndarray, values: int) -> list[int]:
        totals: list[int] = np.bincount(index, size, values).astype(int).tolist()
        return totals

    by_area = total_by(area_number, len(code_names("area")) + 1)
    by_weekday_hour = total_by(weekday * 24 + hour, 7 * 24)
    month_names = all_months.astype("datetime64[M]").astype(str).tolist()
    return Counts(
        total=int(size.sum()),
        first_month=month_names[0],
        last_month=month_names[-1],
        by_category=dict(zip(CATEGORY_NAMES, total_by(category_index, len(CATEGORIES)), strict=True)),
        by_area={str(number): reports for number, reports in enumerate(by_area) if number},
        by_month=dict(zip(month_names, total_by(month - all_months[0], len(all_months)), strict=True)),
        complete_until=_complete_until(model_of(request)),
        by_weekday_hour=[by_weekday_hour[start : start + 24] for start in range(0, 7 * 24, 24)],
    )


def _complete_until(model: CategoryBundle) -> str | None:
    """The last day of which the model's reports are complete, if they are of a table that LAPD no longer keeps up."""
    data = model.spec.data
    if data.simulated or set(data.systems) != {"legacy"}:
        return None
    until = SOURCES["legacy"].complete_until
    return until if until and until < data.until else None


def _matches(
    counts: np.ndarray, area: list[int] | None, category: list[str] | None, first: str | None, last: str | None
) -> np.ndarray:
    """(rows,) whether each row of a bundle's counts matches the filters."""
    months = counts[:, 0].astype("datetime64[M]").astype(str)
    matches = np.ones(len(counts), bool)
    if area:
        matches &= np.isin(counts[:, 1], area)
    if category:
        keys = list(CATEGORIES)
        matches &= np.isin(counts[:, 2], [keys.index(name) for name in category])
    if first:
        matches &= months >= first
    if last:
        matches &= months <= last
    return matches
