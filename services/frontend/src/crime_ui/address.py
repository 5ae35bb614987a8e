"""Filters that stand in the address, so that a link shows what its sender saw.

A page reads its filters from the address when it opens, and says so if a value there is wrong. Later the filters write
the address. Their values are the same in every language.
"""

import datetime
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from crime_ui.client import cached
from crime_ui.language import _, date_format
from crime_ui.literal import in_code, literal

Value = TypeVar("Value")
Option = TypeVar("Option", bound=str)
Where = DeltaGenerator | Any  # `st` itself, or one of its columns
# in the session, which outlives a page
_KEPT_AREA, _PAGE, _KEYS = "kept area", "page of the filters", "keys of the filters"


def open_page(name: str) -> None:
    """Forget the filters of the page before: a page that opens reads its own from the address.

    Streamlit keeps the state of a widget until the new page has run, whose filter of the same key would begin with it.
    """
    if st.session_state.get(_PAGE) != name:
        for key in st.session_state.get(_KEYS, ()):
            st.session_state.pop(key, None)
        st.session_state[_PAGE], st.session_state[_KEYS] = name, set()


def entry(
    widget: Callable[..., Any],
    label: str,
    key: str,
    parse: Callable[[list[str]], Value],
    write: Callable[[Value], Sequence[str]],
    default: Value,
    **arguments: Any,
) -> Value:
    """The value of a widget that stands in the address as `key`; further arguments are the widget's.

    `parse` turns the texts of the address into a value and raises `ValueError` for one that is wrong; `write` is its
    inverse, and gives no text for what need not be in the address.
    """
    if key not in st.session_state:
        st.session_state[key] = _first_value(label, key, parse, default)
    st.session_state.setdefault(_KEYS, set()).add(key)
    value: Value = widget(label, key=key, **arguments)
    texts = list(write(value))
    if texts != st.query_params.get_all(key):
        if texts:
            st.query_params[key] = texts
        else:
            st.query_params.pop(key, None)
    return value


def _first_value(label: str, key: str, parse: Callable[[list[str]], Value], default: Value) -> Value:
    texts = st.query_params.get_all(key)
    if not texts:
        return default
    try:
        return parse(texts)
    except ValueError:
        wrong = ", ".join(texts)
        st.warning(
            _("**{label}** in the address, `{wrong}`, is none of the choices here. It was left out.").format(
                label=label, wrong=in_code(wrong)
            ),
            icon=":material/link_off:",
        )
        return default


def pick(
    where: Where, label: str, key: str, options: Mapping[Option, str], default: Option | None = None, **arguments: Any
) -> Option | None:
    """The key of the chosen option in a select box; None if none is chosen. `options`: shown text by key."""
    _drop_unless(key, options)
    return entry(
        where.selectbox,
        label,
        key,
        lambda texts: _option(texts[-1], options) if texts[-1] else None,
        lambda value: [value] if value is not None else [],
        default,
        options=list(options),
        index=None,
        format_func=lambda option: options[option],
        **arguments,
    )


def pick_many(where: Where, label: str, key: str, options: Mapping[Option, str], **arguments: Any) -> list[Option]:
    """The keys of the chosen options. `options`: shown text by key."""
    return entry(
        where.multiselect,
        label,
        key,
        lambda texts: [_option(text, options) for text in texts],
        lambda values: values,
        [],
        options=list(options),
        format_func=lambda option: options[option],
        **arguments,
    )


def switch(
    where: Where, label: str, key: str, options: Mapping[Option, str], default: Option, **arguments: Any
) -> Option:
    """The key of the one option that is on. `options`: shown text by key, all of them in sight."""
    _drop_unless(key, options)
    return entry(
        where.segmented_control,
        label,
        key,
        lambda texts: _option(texts[-1], options),
        lambda value: [value] if value not in (None, default) else [],
        default,
        options=list(options),
        required=True,
        format_func=lambda option: literal(options[option]),
        **arguments,
    )


def day(
    where: Where,
    label: str,
    key: str,
    default: datetime.date | None,
    first: datetime.date | None = None,
    last: datetime.date | None = None,
    **arguments: Any,
) -> datetime.date | None:
    """The chosen day, from `first` to `last`. It always stands in the address, so that a link keeps its day."""

    def parse(texts: list[str]) -> datetime.date:
        chosen = datetime.date.fromisoformat(texts[-1])
        if (first and chosen < first) or (last and chosen > last):
            raise ValueError(texts[-1])
        return chosen

    return entry(
        where.date_input,
        label,
        key,
        parse,
        lambda value: [value.isoformat()] if value else [],
        default,
        min_value=first,
        max_value=last,
        format=date_format(),
        **arguments,
    )


def area(where: Where, placeholder: str, **arguments: Any) -> str | None:
    """The name of the chosen area, None for all. The choice goes along from page to page."""
    names = [area["name"] for area in cached.codes()["area"]]
    kept = st.session_state.get(_KEPT_AREA)
    options = {name: name for name in names}
    default = kept if kept in options else None
    chosen = pick(where, _("Area"), "area", options, default, placeholder=placeholder, **arguments)
    st.session_state[_KEPT_AREA] = chosen
    return chosen


def take_earlier(key: str, earlier: str, many: bool = False) -> None:
    """Take over a filter that addresses of earlier releases call otherwise; to be called before its widget.

    `many`: whether the filter now takes several values. Where it does not, several are told and left out.
    """
    texts = st.query_params.get_all(earlier)
    st.query_params.pop(earlier, None)
    if len(texts) > 1 and not many:
        several = ", ".join(texts)
        st.warning(
            _("The address has several values, `{several}`, where one is chosen now. They were left out.").format(
                several=in_code(several)
            ),
            icon=":material/link_off:",
        )
    elif texts and key not in st.query_params:
        st.query_params[key] = texts


def _drop_unless(key: str, options: Mapping[Option, str]) -> None:
    """Forget a value that is no longer among the options."""
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)


def _option(text: str, options: Mapping[Option, str]) -> Option:
    """The key that a text of the address means: the key itself, or what is shown, as earlier addresses had it.

    Raises `ValueError`.
    """
    wanted = text.casefold()
    for key, shown in options.items():
        if wanted in (key.casefold(), shown.casefold()):
            return key
    without_code = re.sub(r" \([0-9]+\)$", "", wanted)  # as Hollywood (6)
    for key, shown in options.items():
        if without_code == shown.casefold():
            return key
    raise ValueError(text)
