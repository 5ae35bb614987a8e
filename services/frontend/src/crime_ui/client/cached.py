"""Cached calls, shared by all sessions. Answers that depend on the model are cached by its version, others briefly."""

import streamlit as st

from crime_ui import language
from crime_ui.client import forecasts, models, monitoring, predictions, reports
from crime_ui.client.answers import (
    CategoryModel,
    Code,
    CodeKind,
    Compstat,
    DataAge,
    Feature,
    Hotspots,
    Period,
    PeriodAhead,
    PlaceForecast,
    PlaceKind,
    ReportCounts,
    Unusual,
    Week,
)
from crime_ui.client.answers_models import Challenger, Drift, Evaluation, Pod, RegisteredModel
from crime_ui.client.answers_tables import TableColumn
from crime_ui.client.forecasts import Cut
from crime_ui.client.reports import ReportFilters
from crime_ui.limits import CACHED_ANSWERS

Served = tuple[str | None, str]  # the version of a model, and the language of its answers' texts


@st.cache_data(ttl=30, show_spinner=False)
def release() -> str | None:
    return monitoring.release()


@st.cache_data(ttl=30, show_spinner=False)
def data_age() -> DataAge | None:
    return monitoring.data_age()


@st.cache_data(ttl=2, show_spinner=False)
def serving_versions() -> dict[str, str]:
    """The version that answers, by model."""
    return monitoring.serving_versions()


@st.cache_data(ttl=30, show_spinner=False)
def category_model() -> CategoryModel:
    return models.category_model()


@st.cache_data(ttl=5, max_entries=CACHED_ANSWERS, show_spinner=False)
def registered(name: str) -> RegisteredModel:
    return models.registered(name)


@st.cache_data(ttl=300, max_entries=CACHED_ANSWERS, show_spinner=False)
def evaluation(versions: tuple[str, ...]) -> Evaluation:
    return models.evaluation(versions)


@st.cache_data(ttl=5, show_spinner=False)
def challenger() -> Challenger | None:
    return models.challenger()


@st.cache_data(ttl=5, show_spinner=False)
def decisions() -> models.Audit | None:
    return models.decisions()


@st.cache_data(ttl=5, show_spinner=False)
def drift() -> Drift:
    return monitoring.drift()


@st.cache_data(ttl=2, show_spinner=False)
def pods() -> list[Pod]:
    return monitoring.pods()


@st.cache_data(ttl=300, show_spinner=False)
def table_columns() -> list[TableColumn]:
    return predictions.table_columns()


@st.cache_data(ttl=300, show_spinner=False)
def codes() -> dict[CodeKind, list[Code]]:
    return reports.codes()


@st.cache_data(ttl=300, show_spinner=False)
def report_features() -> list[Feature]:
    return reports.report_features()


def report_counts(filters: ReportFilters) -> ReportCounts:
    return _report_counts(_served(models.CATEGORY_MODEL), filters)


def hotspots(top: int, by: PlaceKind, on: str | None = None, period: PeriodAhead = "day", *, cut: Cut) -> Hotspots:
    return _hotspots(_served(models.FORECAST_MODEL), top, by, on, period, cut)


def place_forecast(area: int | None, cut: Cut) -> PlaceForecast:
    return _place_forecast(_served(models.FORECAST_MODEL), area, cut)


def compstat(period: Period, area: int | None = None, category: str | None = None) -> Compstat:
    return _compstat(_served(models.FORECAST_MODEL), period, area, category)


def weeks(area: int | None, category: str | None) -> list[Week]:
    return _weeks(_served(models.FORECAST_MODEL), area, category)


def unusual() -> Unusual:
    return _unusual(_served(models.FORECAST_MODEL))


def forget() -> None:
    """Empty the cache, as after a decision."""
    st.cache_data.clear()


def _served(name: str) -> Served:
    """The version of a model that is served, and the language of its answers' texts."""
    return serving_versions().get(name), language.current()


# `served` is part of the cache's key: an answer is valid as long as its model is served, in its language


@st.cache_data(ttl=300, show_spinner=False, max_entries=CACHED_ANSWERS)
def _report_counts(served: Served, filters: ReportFilters) -> ReportCounts:
    return reports.report_counts(filters)


@st.cache_data(ttl=300, show_spinner=False, max_entries=CACHED_ANSWERS)
def _hotspots(
    served: tuple[str | None, str], top: int, by: PlaceKind, on: str | None, period: PeriodAhead, cut: Cut
) -> Hotspots:
    return forecasts.hotspots(top, by, on, period, cut)


@st.cache_data(ttl=300, show_spinner=False, max_entries=CACHED_ANSWERS)
def _place_forecast(served: Served, area: int | None, cut: Cut) -> PlaceForecast:
    return forecasts.place_forecast(area, cut)


@st.cache_data(ttl=300, show_spinner=False, max_entries=CACHED_ANSWERS)
def _compstat(served: Served, period: Period, area: int | None, category: str | None) -> Compstat:
    return forecasts.compstat(period, area, category)


@st.cache_data(ttl=300, show_spinner=False, max_entries=CACHED_ANSWERS)
def _weeks(served: Served, area: int | None, category: str | None) -> list[Week]:
    return forecasts.weeks(area, category)


@st.cache_data(ttl=300, show_spinner=False)
def _unusual(served: Served) -> Unusual:
    return forecasts.unusual()
