"""Texts from outside, shown as they are: what files, models and people write is never markup.

Streamlit reads Markdown in nearly every text, label and value that it shows, with directives of its own, and Plotly
reads HTML. A text that a page did not write itself passes through here on its way there. Select boxes, tables of
`st.dataframe`, placeholders and names of files need nothing: they show plain text.
"""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from crime_ui import limits

_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")  # blocks of Markdown begin on a new line
_INVISIBLE_ORDER = re.compile("[\u202a-\u202e\u2066-\u2069]")  # would turn the words around them around
# what stands for something wherever it is, or in a word: `:red[...]`, `:smile:`, &amp;
_MARKUP = re.compile(
    r"[\\`*\[\]<$~]|(?<![^\W_])_|_(?![^\W_])|:(?=[^\W\d_]|[+-]|[\w+-]+:|//)|:(?=:)|&(?=#?\w+;)|(?<=[-=])>"
)
_FIRST = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[-+](?:[-\s]|$)|[>#=|]))")  # begins a list, a heading, a quotation
# what Streamlit replaces after it has read the Markdown, escaped or not: addresses by links, :smile:, -> by an arrow
_REPLACED_LATER = re.compile(
    r"(?<=://)|(?<=www)(?=\.)|(?<=@)(?=\w)|(?<=:)(?=[\w+/\\-]+:)|(?<=-)(?=\\?[->])|(?<=<)(?=[-=])|(?<=[=>])(?=\\?[>=])",
    re.IGNORECASE,
)
_NOTHING = ":gray[]"  # takes no room, and ends the piece of text that such a replacement looks at
_CODE = re.compile(r"(`[A-Za-z][\w .=/-]*`)")
_TRACE_TEXTS = ("name", "x", "y", "text", "customdata", "hovertext", "labels", "locations")
# first characters of a formula, also full-width ones, behind what spreadsheets skip
_FORMULA = re.compile(
    r"[\s\x00-\x1f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]*[=+\-@＝＋－−＠﹣﹢﹦﹫]|[\t\r\n]"
)
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def literal(text: object) -> str:
    """A text as Markdown that shows just its characters, on one line, at most `limits.TEXT_CHARACTERS` of them."""
    shown = _INVISIBLE_ORDER.sub("", _BREAKS.sub(" ", str(text)))
    if len(shown) > limits.TEXT_CHARACTERS:
        shown = shown[: limits.TEXT_CHARACTERS - 1] + "…"
    if shown.startswith("    "):
        shown = "\u00a0" + shown[1:]  # a block of code otherwise
    escaped = _FIRST.sub(r"\1\\", _MARKUP.sub(r"\\\g<0>", shown))
    return _REPLACED_LATER.sub(_NOTHING, escaped)


def refusal_text(refusal: object) -> str:
    """The text of a refusal, which may quote anything. Commands in it, as `crime retrain`, stay code."""
    parts = _CODE.split(str(refusal)[: limits.TEXT_CHARACTERS])
    return "".join(part if number % 2 else literal(part) for number, part in enumerate(parts))


def in_code(text: str) -> str:
    """A text for between two backticks of a page's own: at most 80 characters."""
    return _BREAKS.sub(" ", text).replace("`", "")[:80]


def literal_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """A table for `st.table`, which reads Markdown in headings and cells."""
    return frame.map(lambda cell: literal(cell) if isinstance(cell, str) else cell).rename(columns=literal)


def literal_figure(figure: go.Figure) -> go.Figure:
    """A figure whose texts are shown as they are; templates of hovers and axes are the page's own, and stay."""
    for trace in figure.data:
        for attribute in _TRACE_TEXTS:
            if attribute in trace and (value := trace[attribute]) is not None:
                trace[attribute] = _without_html(value)
    for axis in (*figure.select_xaxes(), *figure.select_yaxes()):
        if axis.ticktext is not None:
            axis.ticktext = _without_html(axis.ticktext)
    return figure


def tamed_csv(frame: pd.DataFrame) -> str:
    """A table as CSV in which no cell or heading is a formula: an apostrophe stands before what looks like one."""
    return str(frame.map(_tamed).rename(columns=_tamed).to_csv(index=False))


def file_name(name: str) -> str:
    """The name of an uploaded file without its ending, of letters, digits, spaces, points and hyphens alone."""
    return re.sub(r"[^\w .-]", "_", name.rsplit(".", 1)[0])[: limits.FILE_NAME_CHARACTERS].strip(" .") or "table"


def _tamed(cell: Any) -> Any:
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def _without_html(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if isinstance(value, Mapping):
        return {key: _without_html(part) for key, part in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(part, str | list | tuple) for part in value):
        return [_without_html(part) for part in value]
    return value
