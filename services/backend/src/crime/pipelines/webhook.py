"""Posts messages to a webhook that takes Slack's JSON. Its address is a secret: whoever has it can post, too.

So no message of an error has it, nor an error's cause, which may quote it.
"""

import json
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request

from crime.core import limits
from crime.core.bounded_http import fetch
from crime.core.errors import WebhookError
from crime.core.regular_files import read_bounded


def read_address(path: Path) -> str:
    """The address in a file. Raises `WebhookError` where it is none of http or https."""
    try:
        address = read_bounded(path, limits.TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WebhookError(f"no webhook's address can be read from {path}: {type(error).__name__}") from None
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or "@" in parts.netloc or not all("!" <= character <= "~" for character in address):
        raise WebhookError(f"{path} holds no address of http or https")
    return address


def post(address: str, text: str) -> None:
    """Post a message as `{"text": ...}`. Raises `WebhookError` unless it is answered with a status of 200 to 299.

    Redirects are not followed: they would take the message elsewhere.
    """
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # or a name may call everybody
        text = text.replace(character, escaped)
    request = Request(address, json.dumps({"text": text}).encode(), {"Content-Type": "application/json"})
    try:
        answer = fetch(request, limits.WEBHOOK_ANSWER_BYTES, limits.WEBHOOK_SECONDS)
    except OSError as error:
        reason = getattr(error, "reason", None)  # of a URLError
        kind = type(reason if isinstance(reason, Exception) else error).__name__
        raise WebhookError(f"the webhook can't be reached: {kind}") from None
    if not 200 <= answer.status < 300:
        raise WebhookError(f"the webhook answered {answer.status}")
