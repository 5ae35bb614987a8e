"""The language of the page's texts, numbers and dates: `?lang=`, else the browser's, else English.

Texts are gettext's, with English as their key. locale/fr/LC_MESSAGES/crime_ui.po has the French ones.
"""

import datetime
import gettext
import io
from functools import cache
from pathlib import Path

import streamlit as st
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from streamlit.runtime.scriptrunner import get_script_run_ctx

LANGUAGES = {"en": "English", "fr": "Français"}
PARAMETER = "lang"  # of the address
CATALOGUES = Path(__file__).parent / "locale"
_CHOSEN = "chosen language"  # in the session, which outlives a page


def current() -> str:
    """The language of this session, one of `LANGUAGES`; English outside of a session."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return "en"
    asked = st.query_params.get(PARAMETER)
    if asked in LANGUAGES:
        st.session_state[_CHOSEN] = asked
    browser = (st.context.locale or "").partition("-")[0]
    chosen: str = st.session_state.get(_CHOSEN, browser if browser in LANGUAGES else "en")
    return chosen


def offer() -> None:
    """Buttons of the other languages, for the foot of every page."""
    for language in LANGUAGES.keys() - {current()}:
        if st.button(LANGUAGES[language], key=f"language-{language}", type="tertiary", icon=":material/translate:"):
            st.session_state[_CHOSEN] = language
            st.query_params[PARAMETER] = language
            st.rerun()


def _(text: str) -> str:
    """A text of the page in the session's language. Fields in braces are filled in by the caller."""
    return _catalogue(current()).gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """A text for one, or for `count`, in the session's language."""
    return _catalogue(current()).ngettext(one, many, count)


def number(value: float, digits: int = 0) -> str:
    """12,345.6 with `digits` decimals, as the language writes it."""
    return format_decimal(value, _pattern(digits), locale=current())


def percent(share: float, digits: int = 0) -> str:
    """A share from 0 to 1 as 12.3 %, with `digits` decimals."""
    sign = "\u202f%" if current() == "fr" else "%"
    return format_percent(share, _pattern(digits) + sign, locale=current())


def long_day(date: datetime.date) -> str:
    """3 March 2026."""
    form = "d'er' MMMM y" if current() == "fr" and date.day == 1 else "d MMMM y"  # 1er mars 2026
    return format_date(date, form, locale=current())


def date_format() -> str:
    """How a date box writes a day."""
    return "DD/MM/YYYY" if current() == "fr" else "YYYY/MM/DD"


def keep_in_address() -> None:
    """Let a link open in the language that its sender chose."""
    if _CHOSEN in st.session_state and st.query_params.get(PARAMETER) != current():
        st.query_params[PARAMETER] = current()


def _pattern(digits: int) -> str:
    return "#,##0" + ("." + "0" * digits if digits else "")


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    path = CATALOGUES / language / "LC_MESSAGES" / "crime_ui.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
