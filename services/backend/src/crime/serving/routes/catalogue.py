"""Describe the model's inputs: its features, and LAPD's codes."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field

from crime.classifier.bundle import CategoryBundle
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS, binned_features
from crime.features.definitions import describe_feature
from crime.features.vocabulary import CODED_FIELDS
from crime.features.windows import ENTITIES, WINDOW_FEATURES
from crime.reports.categories import CATEGORIES, CATEGORY_NAMES, CRIME_CODES
from crime.reports.codes import code_names
from crime.reports.systems import Code as ReportCode
from crime.serving.dependencies import model_of
from crime.serving.errors import BODY_RESPONSES
from crime.serving.payloads.catalogue import Code, FeatureDescription, Features, FeatureVector
from crime.serving.payloads.report import Report, model_input

router = APIRouter()


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
