"""The page in French: every text has a translation, numbers and dates are written as the language does."""

import re
from collections.abc import Iterator
from pathlib import Path

import crime_ui
import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from crime.classifier.review.kinds import KINDS
from crime.monitoring.review_decisions import JUDGEMENTS
from crime.reports.categories import CATEGORY_NAMES
from crime.reports.sources import SOURCES
from crime_ui.client.reports import SYSTEM_NAMES
from recorded import OpenView, RecordedBackend
from streamlit.testing.v1 import AppTest

PAGE = Path(crime_ui.__file__).parent
KEYWORDS = {"_": None, "ngettext": (1, 2)}
VIEWS = ("predict", "forecast", "explore", "batch", "review", "models")
# named by the API's answers, and shown in the page's language
NAMED_BY_ANSWERS = {
    *CATEGORY_NAMES,
    *KINDS,
    *JUDGEMENTS,
    *SYSTEM_NAMES.values(),
    *(column.about for source in SOURCES.values() for column in source.fields.values()),
}


def texts(message: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message or ())


def catalogue() -> Iterator[Message]:
    with (PAGE / "locale/fr/LC_MESSAGES/crime_ui.po").open("rb") as file:
        yield from (message for message in read_po(file, locale="fr") if message.id)


def extracted() -> set[tuple[str, ...]]:
    found = extract_from_dir(PAGE, [("**.py", "python")], keywords=KEYWORDS)
    return {texts(message) for _, _, message, _, _ in found}


def test_every_text_has_a_french_one_and_no_other_is_kept() -> None:
    wanted = extracted() | {(name,) for name in NAMED_BY_ANSWERS}
    known = {texts(message.id) for message in catalogue() if all(texts(message.string))}
    assert sorted(wanted - known) == []
    assert sorted(known - wanted) == []


def test_fields_of_a_text_are_kept() -> None:
    for message in catalogue():
        fields = {name for text in texts(message.id) for name in re.findall(r"{(\w*)}", text)}
        for text in texts(message.string):
            assert set(re.findall(r"{(\w*)}", text)) <= fields, message.id
        assert set(re.findall(r"{(\w*)}", texts(message.string)[-1])) == set(
            re.findall(r"{(\w*)}", texts(message.id)[-1])
        ), message.id


def english_texts(app: AppTest) -> list[str]:
    """Texts with an English word; names of codes after a category are the data's own."""
    elements = [*app.title, *app.subheader, *app.markdown, *app.caption]
    elements += [*app.info, *app.warning, *app.error, *app.success]
    shown = [str(element.value) for element in elements]
    assert shown
    own_words = [text for text in shown if not re.match(r"\*\*[^*]+\*\*: ", text)]
    return [text for text in own_words if re.search(r"\b(the|of|is|are|with|from|and|to)\b", text)]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_in_french_has_no_english_sentence(backend: RecordedBackend, open_view: OpenView, view: str) -> None:
    app = open_view(view, lang="fr")
    assert not app.exception
    assert english_texts(app) == []


def test_the_first_page_in_french_has_no_english_sentence(backend: RecordedBackend, app: AppTest) -> None:
    app.query_params["lang"] = "fr"
    app.run()
    assert not app.exception
    assert app.title[0].value == "Cette semaine"
    assert english_texts(app) == []


def test_numbers_shares_and_days_are_written_as_the_language_does(
    backend: RecordedBackend, open_view: OpenView
) -> None:
    french, english = open_view("explore", lang="fr"), open_view("explore", lang="en")
    assert re.fullmatch(r"\d[\d\s\u202f]*", french.metric[0].value)
    assert "," in english.metric[0].value
    assert french.title[0].value != english.title[0].value
