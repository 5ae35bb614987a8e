"""Messages by `Accept-Language`, and that each message has a French text."""

import ast
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from timeit import timeit

import crime
import polib
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.schema import Column
from crime.reports.sources import SOURCES
from crime.serving.explanation_words import FIELD_NAMES
from crime.serving.translation import CATALOGUES, catalogue, preferred_language
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient

PACKAGE = Path(crime.__file__).parent
COMMANDS_ONLY = ("portal.py", "row_store.py", "arrow_blocks.py", "csv_blocks.py", "row_blocks.py", "fetched_table.py")
WARNINGS = ("report_warnings.py", "limits.py", "explanation_words.py")


def sources() -> Iterator[Path]:
    """Modules whose messages an answer of the API may hold."""
    for folder in ("reports", "serving", "features"):
        yield from (path for path in (PACKAGE / folder).rglob("*.py") if path.name not in COMMANDS_ONLY)
    yield PACKAGE / "classifier/limits.py"
    yield PACKAGE / "registry/promotion.py"


def template(node: ast.AST) -> str | None:
    """A message with `{}` in place of each value; None if the node is no text of words."""
    if isinstance(node, ast.Constant):
        text = node.value if isinstance(node.value, str) else ""
    elif isinstance(node, ast.JoinedStr):
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    else:
        return None
    return text if re.search(r"[a-z]{3,} [\w{`]|^[^{]*[a-z]{3,}[^{]*\{\}", text) else None


def messages(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    fragments = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        parts: Sequence[ast.AST] = []
        if isinstance(node, ast.Constant) and str(node.value).startswith("expected ") and id(node) not in fragments:
            parts = [node]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            parts = [*node.exc.args, *(keyword.value for keyword in node.exc.keywords)]
        elif path.name in WARNINGS and isinstance(node, ast.Return) and node.value is not None:
            parts = [node.value]
        elif path.name in WARNINGS and isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "append":
            parts = node.args
        yield from filter(None, map(template, parts))


def test_every_message_has_a_french_text() -> None:
    known = {entry.msgid for entry in polib.pofile(str(CATALOGUES / "fr/LC_MESSAGES/crime.po")) if entry.msgstr}
    wanted = {message for path in sources() for message in messages(path)}
    wanted |= {*CATEGORY_NAMES, *FIELD_NAMES.values()}
    wanted |= {column.about for source in SOURCES.values() for column in source.fields.values() if is_sent(column)}
    assert sorted(wanted - known) == []


def is_sent(column: Column) -> bool:
    """Whether a message may say what was expected in this column: required columns alone."""
    return column.required


def test_placeholders_are_all_kept() -> None:
    for entry in polib.pofile(str(CATALOGUES / "fr/LC_MESSAGES/crime.po")):
        assert entry.msgid.count("{}") == len(re.findall(r"\{\d?\}", entry.msgstr)), entry.msgid


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("en-US,en;q=0.9,fr;q=0.8", "en"),
        ("de, fr;q=0.5", "fr"),
        ("fr;q=0, en", "en"),
        ("*", "en"),
        ("fr;q=nonsense", "fr"),
        (",;,;q=" * 1000, "en"),
    ],
)
def test_the_language_that_a_client_prefers(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_a_message_is_translated_with_what_is_in_it() -> None:
    text = catalogue("fr").translate("AREA: expected an area number from 1 to 21")
    assert text == "AREA : attendu : un numéro de secteur de 1 à 21"
    assert catalogue("fr").translate("no text of ours") == "no text of ours"


def test_a_message_that_somebody_made_up_takes_no_longer_than_ours() -> None:
    hostile = [": " * 400, ": " * 100 + ", raises " * 30 + " by " * 60, "{" * 900, "x: " * 100_000]
    seconds = timeit(lambda: list(map(catalogue("fr").translate, hostile)), number=1)
    plain = timeit(lambda: [catalogue("fr").translate("AREA: expected an area number from 1 to 21")] * 4, number=100)
    assert seconds < 50 * plain  # 1.2 s for one of them by regular expressions


def test_what_the_client_sent_is_told_as_it_came(client: TestClient) -> None:
    answer = client.post("/predict", json=REPORT | {"AREA": "no"}, headers=FRENCH)
    assert answer.json()["detail"][0]["value"] == "no"


@pytest.fixture
def client(start_app: Callable[..., TestClient], registry: MemoryRegistry, small_bundle: CategoryBundle) -> TestClient:
    registry.register("crime-category", small_bundle.directory, "champion")
    return start_app()


REPORT = {"DATE OCC": "2023-01-15", "TIME OCC": 1430, "AREA": 1, "Premis Cd": 101}
FRENCH = {"accept-language": "fr-FR,fr;q=0.9"}


def test_errors_and_reasons_come_in_french(client: TestClient) -> None:
    wrong = client.post("/predict", json=REPORT | {"AREA": 99}, headers=FRENCH)
    assert wrong.status_code == 422
    assert wrong.headers["content-language"] == "fr"
    assert wrong.json()["detail"][0]["msg"] == "AREA : attendu : un numéro de secteur de 1 à 21"
    reasons = client.post("/explain", json=REPORT, headers=FRENCH).json()["reasons"]
    premise = next(reason["text"] for reason in reasons if reason["field"] == "Premis Cd")
    assert premise.startswith("Lieu : STREET")
    assert "point" in premise


def test_notes_of_a_table_come_in_french(client: TestClient) -> None:
    table = b"DATE OCC,TIME OCC,AREA\n2023-01-15,1430,99\n2031-01-15,1430,1\n"
    answer = client.post("/predict/batch", content=table, headers=FRENCH | {"content-type": "text/csv"})
    wrong, odd = csv.DictReader(io.StringIO(answer.text))
    assert wrong["error"] == "AREA : attendu : un numéro de secteur de 1 à 21"
    assert odd["warnings"] == "DATE OCC : 2031-01-15 est dans le futur"


def test_who_prefers_english_gets_the_same_bytes_as_before(client: TestClient) -> None:
    plain = client.post("/predict", json=REPORT | {"AREA": 99})
    english = client.post("/predict", json=REPORT | {"AREA": 99}, headers={"accept-language": "en-GB,en"})
    assert plain.content == english.content
    assert "content-language" not in english.headers


def test_tables_and_numbers_are_the_same_in_every_language(client: TestClient) -> None:
    for path, body in (("/predict/batch", [REPORT]), ("/predict", REPORT)):
        english, french = client.post(path, json=body).json(), client.post(path, json=body, headers=FRENCH).json()
        for answer in (english, french):
            (answer[0] if isinstance(answer, list) else answer).pop("inference_time_ms")
        assert english == french
