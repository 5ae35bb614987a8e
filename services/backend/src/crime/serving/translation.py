"""Messages and reasons in the language that a client asks for by `Accept-Language`: English, or French.

Messages are written in English where they arise, with values in them. They are translated here, at the edge, so that
who asks for English pays nothing. `locale/fr/LC_MESSAGES/crime.po` has each message with `{}` in place of its values.
"""

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import polib
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CATALOGUES = Path(__file__).parent / "locale"
LANGUAGES = ("en", "fr")
# of answers: what people read
TRANSLATED_KEYS = (
    "detail",
    "msg",
    "message",
    "error",
    "text",
    "value",
    "warning",
    "warnings",
    "reason",
    "unknown_codes",
)
TRANSLATED_PATHS = ("/predict", "/explain", "/forecast", "/hotspots", "/compstat", "/unusual", "/review")
MAX_CHARACTERS = 1_000  # of a message that is translated
MAX_DEPTH = 4  # of messages within a message


def preferred_language(header: str) -> str:
    """The first of `LANGUAGES` that `Accept-Language` ranks highest (RFC 9110, 12.5.4); English without one."""
    ranked = []
    for position, part in enumerate(header.split(",")[:20]):
        name, _, weight = part.strip().partition(";")
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight)
        quality = float(match[1]) if match else 1.0
        if (language := name.strip().lower().partition("-")[0]) in LANGUAGES and quality:
            ranked.append((-quality, position, language))
    return min(ranked)[2] if ranked else LANGUAGES[0]


class Catalogue:
    """Translations of one language: of whole messages, and of patterns with values."""

    def __init__(self, path: Path):
        self.texts: dict[str, str] = {}
        patterns: list[tuple[int, list[str], str]] = []
        for entry in polib.pofile(str(path)):
            if "{}" not in entry.msgid:
                self.texts[entry.msgid] = entry.msgstr
                continue
            literals = entry.msgid.split("{}")
            patterns.append((sum(map(len, literals)), literals, entry.msgstr))
        patterns.sort(key=lambda entry: -entry[0])  # the most literal first
        self.patterns = [(literals, text) for _, literals, text in patterns]

    def translate(self, message: str, depth: int = MAX_DEPTH) -> str:
        """A message in this language, with the values within it; as it is where the catalogue has none."""
        if text := self.texts.get(message):
            return text
        if depth and len(message) <= MAX_CHARACTERS:
            for literals, text in self.patterns:
                if values := _values_between(literals, message):
                    return text.format(*(self.translate(value, depth - 1) for value in values))
        return message

    def translate_answer(self, value: Any, is_error: bool, is_message: bool = False) -> Any:
        """Parsed JSON with its messages translated: the texts below `TRANSLATED_KEYS`.

        The `value` of an error is what the client sent, and stays.
        """
        if isinstance(value, str):
            return self.translate(value) if is_message else value
        if isinstance(value, list):
            return [self.translate_answer(item, is_error, is_message) for item in value]
        if isinstance(value, dict):
            kept = "value" if is_error else None
            return {
                key: self.translate_answer(item, is_error, key in TRANSLATED_KEYS and key != kept)
                for key, item in value.items()
            }
        return value


def _values_between(literals: list[str], message: str) -> list[str]:
    """What stands between the literal texts in a message, the shortest; empty if they do not make up the message.

    Each literal is searched once, so that it takes no longer for a message that somebody made up than for ours. (A
    regular expression would try every combination.)
    """
    first, *middle, last = literals
    end = len(message) - len(last)
    if not message.startswith(first) or not message.endswith(last):
        return []
    values, start = [], len(first)
    for literal in middle:
        found = message.find(literal, start + 1, end)
        if found < 0:
            return []
        values.append(message[start:found])
        start = found + len(literal)
    return [*values, message[start:end]] if start < end else []


@cache
def catalogue(language: str) -> Catalogue:
    """The catalogue of a language other than English."""
    return Catalogue(CATALOGUES / language / "LC_MESSAGES" / "crime.po")


@lru_cache(1024)
def translate_notes(text: str | None, language: str) -> str | None:
    """Messages of a table's row, with semicolons between them."""
    translate = catalogue(language).translate
    return "; ".join(map(translate, text.split("; "))) if text else text


def language_of(request: Request) -> str:
    """The language that a request asks for."""
    return preferred_language(request.headers.get("accept-language", ""))


class TranslatedAnswers:
    """Middleware that translates the messages of JSON answers for clients that prefer another language than English."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        header = next((value for name, value in scope.get("headers", ()) if name == b"accept-language"), b"")
        if not header or (language := preferred_language(header.decode("latin-1"))) == LANGUAGES[0]:
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def send_translated(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _has_messages(scope, message):
                start = message
                return
            if start is None:
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body", False):
                answer = catalogue(language).translate_answer(json.loads(body), start["status"] >= 400)
                content = json.dumps(answer).encode()
                headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
                headers += [(b"content-length", str(len(content)).encode()), (b"content-language", language.encode())]
                await send({**start, "headers": headers})
                await send({"type": "http.response.body", "body": content})

        await self.app(scope, receive, send_translated)


def _has_messages(scope: Scope, start: Message) -> bool:
    """Whether an answer is JSON that may hold messages: any error, and the answers to single questions."""
    content_type = dict(start["headers"]).get(b"content-type", b"")
    is_json: bool = content_type.startswith(b"application/json")
    return is_json and (start["status"] >= 400 or scope["path"] in TRANSLATED_PATHS)
