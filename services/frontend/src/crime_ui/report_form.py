"""The form of one report. Every field is given or not known, and stands in the address."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from crime_ui import address
from crime_ui.client import cached
from crime_ui.client.answers import CodeKind, ReportSystem
from crime_ui.client.reports import SYSTEM_NAMES
from crime_ui.language import _

Fields = dict[str, str | float]  # by LAPD's column names
FIRST_DAY, LAST_DAY = datetime.date(1900, 1, 1), datetime.date(2100, 12, 31)  # that the backend reads
NONE = "none"  # the key of an option that says that the report has none
UNKNOWN_TIMES = (datetime.time(0, 0), datetime.time(0, 1), datetime.time(12, 0))  # as LAPD writes them
MAX_DISTRICT = 2199
LATITUDES, LONGITUDES = (33.3, 34.9), (-119.0, -117.5)  # that the backend reads


def report_form() -> Fields:
    """The fields that are known; one that is left out is not."""
    system = address.switch(
        st,
        _("Report system"),
        "system",
        {key: _(name) for key, name in SYSTEM_NAMES.items()},
        "legacy",
        help=_("LAPD moved from its own crime codes to NIBRS in 2024"),
    )
    st.caption(_("All fields are optional: what is left empty is not known."))
    report = when_and_where()
    report |= legacy_fields() if system == "legacy" else {"System": system, **nibrs_fields()}
    return report | more_fields(report.get("DATE OCC"))


def when_and_where() -> Fields:
    left, right = st.columns(2)
    date = address.day(left, _("Date it happened"), "date", None, FIRST_DAY, LAST_DAY, value=None)
    time = address.entry(
        right.time_input,
        _("Time"),
        "time",
        _parse_time,
        lambda time: [f"{time:%H:%M}"] if time else [],
        None,
        value=None,
    )
    if time in UNKNOWN_TIMES:
        st.caption(
            _(
                "LAPD writes {time} for many unknown times, and the model has learnt that. Clear it if it is not known."
            ).format(time=f"{time:%H:%M}")
        )
    area = address.area(st, _("Not known"))
    numbers = {area["name"]: area["code"] for area in cached.codes()["area"]}
    known = {
        "DATE OCC": date.isoformat() if date else None,
        "TIME OCC": f"{time:%H%M}" if time else None,
        "AREA": numbers[area] if area else None,
    }
    return _without_none(known)


def legacy_fields() -> Fields:
    """Premise, weapon and MO codes. An empty field means that none was recorded."""
    placeholder = _("Not known: type to search")
    premise = address.pick(st, _("Premise"), "premise", codes_by_key("premis"), placeholder=placeholder)
    weapons = {NONE: _("No weapon"), **codes_by_key("weapon")}
    weapon = address.pick(st, _("Weapon"), "weapon", weapons, placeholder=placeholder)
    mo_codes = {**codes_by_key("mo"), NONE: _("No MO codes in the report")}
    chosen = address.pick_many(st, _("MO codes: how it was done"), "mo", mo_codes, placeholder=placeholder)
    fields = {
        "Premis Cd": premise,
        "Weapon Used Cd": "" if weapon == NONE else weapon,
        "Mocodes": " ".join(code for code in chosen if code != NONE) if chosen else None,
    }
    return _without_none(fields)


def nibrs_fields() -> Fields:
    """Premise and weapon by name, and circumstances."""
    placeholder = _("Not known: type to search")
    premise = address.pick(st, _("Premise"), "nibrs-premise", nibrs_names("premis"), placeholder=placeholder)
    weapons = {NONE: _("No weapon"), **nibrs_names("weapon")}
    weapon = address.pick(st, _("Weapon"), "nibrs-weapon", weapons, placeholder=placeholder)
    circumstances = {**circumstance_names(), NONE: _("None of these")}
    chosen = address.pick_many(st, _("Circumstances"), "circumstances", circumstances, placeholder=_("Not known"))
    fields: dict[str, str | None] = {"Premis Desc": premise}
    fields["Weapon Used Cd" if weapon == NONE else "Weapon Desc"] = "" if weapon == NONE else weapon
    if chosen:
        fields |= {column: "Yes" if column in chosen else "No" for column in circumstance_names()}
    return _without_none(fields)


def circumstance_names() -> dict[str, str]:
    """What is shown of each of NIBRS's circumstances, by column."""
    return {
        "Victim Shot": _("A victim was shot"),
        "Domestic Violence Crime": _("Domestic violence"),
        "Gang-related Crime": _("Related to a gang"),
        "Transit-related Crime": _("Related to public transport"),
    }


def more_fields(date: str | float | None) -> Fields:
    """Fields that are seldom known. `date`: the day it happened, before which it can't have been reported."""
    first = datetime.date.fromisoformat(str(date)) if date else FIRST_DAY
    with st.expander(_("More, if known"), icon=":material/add_location_alt:"):
        reported = address.day(st, _("Date it was reported"), "reported", None, first, LAST_DAY, value=None)
        left, middle, right = st.columns(3)
        district = _number(left, _("Reporting district"), "district", (1, MAX_DISTRICT))
        latitude = _number(middle, _("Latitude"), "lat", LATITUDES, format="%.4f")
        longitude = _number(right, _("Longitude"), "lon", LONGITUDES, format="%.4f")
    fields = {
        "Date Rptd": reported.isoformat() if reported else None,
        "Rpt Dist No": district,
        "LAT": latitude,
        "LON": longitude,
    }
    return _without_none(fields)


def codes_by_key(kind: CodeKind) -> dict[str, str]:
    """What is shown of LAPD's own codes, `Street (101)`, by code, the most frequent first."""
    spelling = str if kind == "mo" else str.capitalize
    codes = [code for code in cached.codes()[kind] if code.get("system", "legacy") == "legacy"]
    return {code["code"]: f"{spelling(code['name'])} ({code['code']})" for code in codes}


def nibrs_names(kind: CodeKind) -> dict[str, str]:
    """Names of NIBRS codes that the model met, the most frequent first; of LAPD's own codes if it met none."""
    codes = cached.codes()[kind]
    met = [code for code in codes if code.get("system") == "nibrs"] or codes
    return {name: name for name in dict.fromkeys(code["name"].capitalize() for code in met)}


def report_system(fields: Mapping[str, Any]) -> ReportSystem:
    """The system of a report that the form gave."""
    return "nibrs" if fields.get("System") == "nibrs" else "legacy"


def _parse_time(texts: Sequence[str]) -> datetime.time:
    return datetime.time.fromisoformat(texts[-1]).replace(second=0, microsecond=0)


def _number(where: address.Where, label: str, key: str, limits: tuple[float, float], **arguments: Any) -> float | None:
    """A number between two limits that stands in the address; None if it is not known."""

    def parse(texts: list[str]) -> float:
        number = type(limits[0])(texts[-1])
        if not limits[0] <= number <= limits[1]:
            raise ValueError(texts[-1])
        return number

    return address.entry(
        where.number_input,
        label,
        key,
        parse,
        lambda number: [f"{number:g}" if isinstance(number, int) else repr(number)] if number is not None else [],
        None,
        min_value=limits[0],
        max_value=limits[1],
        value=None,
        placeholder=_("Not known"),
        **arguments,
    )


def _without_none(fields: Mapping[str, str | float | None]) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}
