"""What every page asks of the browser: its style, the language of the document, and what Back does."""

import streamlit as st

from crime_ui import language

STYLE = """<style>
.block-container {{padding-top: 4.5rem; max-width: 1240px}}
[data-testid^="stBaseButton-primary"] p {{color: {on_primary}}}
</style>"""
ON_PRIMARY = {"light": "#ffffff", "dark": "#0b1118"}  # a contrast of 4.5 on the theme's primary colour
# Streamlit adds an entry to the browser's history for each changed filter, so that Back would undo one filter at a time
_SCRIPT = """
document.documentElement.lang = "{language}";
if (!window.oneEntryAPage) {{
  window.oneEntryAPage = true;
  const push = window.history.pushState.bind(window.history);
  const replace = window.history.replaceState.bind(window.history);
  window.history.pushState = (state, title, url) => {{
    const samePage = new URL(url, window.location.href).pathname === window.location.pathname;
    (samePage ? replace : push)(state, title, url);
  }};
}}
"""


def prepare() -> None:
    """Set the style and the document's language, and let Back leave the page, whatever was filtered on it.

    A language that was chosen stays in the address.
    """
    st.html(STYLE.format(on_primary=ON_PRIMARY[st.context.theme.type or "light"]))
    language.keep_in_address()
    st.html(f"<script>{_script(language.current())}</script>", unsafe_allow_javascript=True, width="content")


def scripts() -> list[str]:
    """The page's own scripts, one for each language. A browser runs no others: `crime_ui.security` names them."""
    return [_script(of_language) for of_language in language.LANGUAGES]


def _script(of_language: str) -> str:
    return _SCRIPT.format(language=of_language)
