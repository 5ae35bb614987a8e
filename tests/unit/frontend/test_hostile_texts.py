"""What files, models and people write is shown as it is, wherever it stands: no Markdown, no HTML, no formula."""

import io
from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
from crime_ui.charts.running import drift_history
from crime_ui.literal import file_name, in_code, literal, literal_cells, literal_figure, refusal_text, tamed_csv
from google.protobuf.message import Message
from hostile_texts import MARKER, hostile
from recorded import OpenView, RecordedBackend, recorded
from streamlit.testing.v1 import AppTest

RAW = ("[m](", "![i](", "<img", "$x$", ":red[", ":smile:", "https://x", "->")
# of Streamlit's messages: what is shown as plain text, or never shown
PLAIN = {
    *("options", "placeholder", "id", "url", "arrow_data", "spec", "config", "form_id", "formatted_options", "default"),
    *(
        "alt",
        "anchor",
        "query_string",
        "page_script_hash",
        "raw_values",
        "set_value",
        "value",
        "string_value",
        "columns",
    ),
    *("theme", "key", "css", "file_name", "string_set_value", "data", "element_id", "user_key", "queryString"),
}
VIEWS = [
    *((name, {}) for name in ("week", "predict", "forecast", "explore", "batch", "review")),
    ("explore", {"by": "district", "against": "year_before"}),
    ("forecast", {"by": "district"}),
    *(("models", {"show": show}) for show in ("accuracy", "versions", "running", "drift")),
]


def shown_texts(message: Message) -> Iterator[str]:
    """The texts of one of Streamlit's messages that its browser code reads as Markdown."""
    for field, value in message.ListFields():
        if field.name in PLAIN:
            continue
        for part in value if field.is_repeated else [value]:
            if isinstance(part, Message):
                yield from shown_texts(part)
            elif isinstance(part, str):
                yield part


def elements_of(node: Any) -> Iterator[Any]:
    yield node
    for child in getattr(node, "children", {}).values():
        yield from elements_of(child)


def assert_literal(view: AppTest) -> int:
    """Fails for a text that would be interpreted; how many texts have the marker, escaped."""
    escaped = 0
    for element in elements_of(view._tree):
        proto = getattr(element, "proto", None)
        is_shown = isinstance(proto, Message) and element.type != "text"  # st.text shows plain text
        for text in shown_texts(proto) if is_shown else ():
            if "onerror" in text and not text.lstrip().startswith(("{", "<style", "<svg")):
                assert [raw for raw in RAW if raw in text.replace("\\" + raw, "")] == [], (element.type, text)
                escaped += 1
    return escaped


def routes() -> dict[tuple[str, str], Any]:
    """Recorded answers by method and path, every text of them hostile."""
    names = {
        "/models/crime-category": "model_category",
        "/models/crime-risk": "model_risk",
        "/models/crime-category/challenger": "challenger",
        "/models/crime-category/evaluation": "evaluation",
        "/audit": "audit",
        "/drift": "drift_yes",
        "/pod": "pod",
        "/unusual": "unusual",
        "/codes": "codes",
        "/columns": "table_columns",
        "/features": "features",
        "/ready": "ready",
        "/": "root",
        "/review/decisions": "review_decisions",
    }
    return {("GET", path): hostile(recorded(name)) for path, name in names.items()}


@pytest.fixture
def hostile_backend(backend: RecordedBackend) -> RecordedBackend:
    for (method, path), answer in routes().items():
        if path == "/pod":
            answer["trouble"] = {"crime-category": MARKER}
        backend.replace(method, path, answer)
    backend.replace("GET", "/hotspots", {**hostile(recorded("hotspots_district")), "warning": MARKER})
    backend.replace("GET", "/compstat", {**hostile(recorded("compstat_city")), "warning": MARKER})
    backend.replace("POST", "/explain", hostile(recorded("explain_odd")))
    backend.replace("POST", "/review", hostile(recorded("review")))
    return backend


@pytest.mark.parametrize(("name", "address"), VIEWS)
def test_no_text_of_an_answer_is_interpreted(
    name: str, address: dict[str, str], hostile_backend: RecordedBackend, open_view: OpenView, app: AppTest
) -> None:
    if name == "predict":  # whose answers name categories, by which it looks them up
        model = hostile(recorded("model_category"))
        model["serving"]["categories"] = recorded("model_category")["serving"]["categories"]
        hostile_backend.replace("GET", "/models/crime-category", model)
    view = app.run() if name == "week" else open_view(name, **address)
    assert not view.exception
    assert assert_literal(view) or name in ("batch", "review")


@pytest.mark.parametrize("path", ["/compstat", "/hotspots", "/reports", "/drift", "/models/crime-category/evaluation"])
@pytest.mark.parametrize("name", ["week", "forecast", "explore", "models"])
def test_no_refusal_is_interpreted(name: str, path: str, backend: RecordedBackend, open_view: OpenView) -> None:
    backend.replace("GET", path, {"detail": MARKER}, 404)
    for show in ("accuracy", "drift", "running") if name == "models" else ("",):
        try:
            view = open_view(name, **({"show": show} if show else {}))
        except AssertionError:
            continue  # not a refusal that this view expects
        assert_literal(view)


def test_an_outage_and_the_address_are_shown_as_they_are(backend: RecordedBackend, app: AppTest) -> None:
    backend.replace("GET", "/models/crime-category", {"detail": MARKER}, 404)
    backend.replace("GET", "/ready", recorded("ready_no_model"), 503)
    app.query_params["period"] = MARKER + "`" + MARKER
    app.run()
    assert assert_literal(app)


def test_no_name_of_a_file_or_column_is_interpreted(backend: RecordedBackend, open_view: OpenView) -> None:
    table = recorded("table_scored.csv").replace("AREA", f'"{MARKER}"', 1).replace("expected", MARKER)
    backend.replace("POST", "/predict/batch", table, content_type="text/csv")
    view = open_view("batch")
    view.file_uploader[0].set_value((f"{MARKER}.csv", b"DATE OCC,TIME OCC,AREA\n", "text/csv")).run()
    assert not view.exception
    assert assert_literal(view) >= 1
    backend.replace("POST", "/review", hostile(recorded("review")))
    backend.replace("GET", "/review/decisions", hostile(recorded("review_decisions")))
    view = open_view("review")
    view.file_uploader[0].set_value((f"{MARKER}.csv", b"DATE OCC,TIME OCC,AREA\n", "text/csv")).run()
    assert not view.exception
    assert assert_literal(view) >= 1


@pytest.mark.parametrize("status", [413, 422])
def test_no_refusal_of_a_table_is_interpreted(status: int, backend: RecordedBackend, open_view: OpenView) -> None:
    refused = hostile(recorded("table_refused"))
    refused["detail"][0]["columns"] = [{"name": MARKER, "example": MARKER}]
    for answer in (refused, {"detail": MARKER}, hostile(recorded("table_dates_refused"))):
        backend.replace("POST", "/predict/batch", answer, status)
        view = open_view("batch")
        view.file_uploader[0].set_value(("a.csv", b"DATE OCC,TIME OCC,AREA\n", "text/csv")).run()
        assert not view.exception
        assert_literal(view)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("reports.csv", "reports.csv"),
        ("TIME OCC: expected a 24-hour time, 14:30", "TIME OCC: expected a 24-hour time, 14:30"),
        ("Street (101), 502.0 & a_b", "Street (101), 502.0 & a_b"),
        ("0.2.0", "0.2.0"),
        ("1. a", r"1\. a"),
        ("# a\n- b", r"\# a - b"),
        ("`a` *b* ~c~ _d_", r"\`a\` \*b\* \~c\~ \_d\_"),
        ("https://x.test", r"https\://:gray[]x.test"),
        ("www.x.test a@b.c", "www:gray[].x.test a@:gray[]b.c"),
        ("a -> b", r"a -:gray[]\> b"),
        (":smile:", r"\::gray[]smile:"),
        ("&lt;", r"\&lt;"),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_markup_is_escaped_and_plain_words_stay(text: str, shown: str) -> None:
    assert literal(text) == shown


def test_a_text_is_bounded_and_commands_in_refusals_stay_code() -> None:
    assert len(literal("a" * 10_000)) == 1_000
    assert refusal_text("`crime retrain` of `[x](y)`") == r"`crime retrain` of \`\[x\](y)\`"
    assert in_code("a`b\nc") == "ab c"


def test_figures_show_html_as_text() -> None:
    figure = go.Figure(
        go.Bar(x=[1], y=["<a href=//x.test>a</a>"], name="<b>n</b>", customdata=[["&lt;"]], text=["<i>"])
    )
    (trace,) = literal_figure(figure).data
    assert (trace.y[0], trace.name) == ("&lt;a href=//x.test&gt;a&lt;/a&gt;", "&lt;b&gt;n&lt;/b&gt;")
    assert (trace.customdata[0][0], trace.text[0]) == ("&amp;lt;", "&lt;i&gt;")
    history: Any = [{"until": "2026-01-01T00:00", "psi": {"%{x}<b>": 0.1}}]
    assert "%{x}<b>" not in drift_history(history, {}, 0.1).data[0].hovertemplate


def test_tables_on_paper_show_markdown_as_text() -> None:
    frame = literal_cells(pd.DataFrame({"[a](b)": ["**c**", 1]}))
    assert list(frame.columns) == [r"\[a\](b)"]
    assert frame.iloc[0, 0] == r"\*\*c\*\*"


@pytest.mark.parametrize("before", ["", " ", "\t", "\n", "\r", "\u200b", "\ufeff", "\u3000", "\x00"])
@pytest.mark.parametrize("sign", "=+-@＝＋－＠")
def test_no_cell_of_a_download_is_a_formula(before: str, sign: str) -> None:
    cell = f'{before}{sign}HYPERLINK("https://x.test")'
    read = pd.read_csv(io.StringIO(tamed_csv(pd.DataFrame({cell: [cell]}))), dtype=str)
    assert read.columns[0].startswith("'")
    assert read.iloc[0, 0].startswith("'")


def test_numbers_of_a_download_stay() -> None:
    assert tamed_csv(pd.DataFrame({"a": ["-3.5", "+2"], "b": [-1, 2]})) == "a,b\n-3.5,-1\n+2,2\n"


def test_a_download_has_a_plain_name() -> None:
    assert file_name("../..\\x<b>\r\nA: b.csv") == "_.._x_b___A_ b"
    assert file_name("???.csv") == "___"
    assert file_name(".csv") == "table"
