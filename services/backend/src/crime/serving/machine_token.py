"""The bearer token that machines share, in a file."""

import hmac

import structlog

from crime.core.limits import TOKEN_BYTES
from crime.core.regular_files import read_bounded
from crime.core.settings import Settings

log = structlog.get_logger()


def machine_token(settings: Settings) -> str:
    """The token, blank where there is none, or none that can be read. It is read at each call: a Secret may change."""
    try:
        return read_bounded(settings.token_file, TOKEN_BYTES).decode().strip() if settings.token_file else ""
    except (OSError, ValueError) as error:
        log.error("the token can't be read", why=str(error))
        return ""


def is_machine_token(text: str, settings: Settings) -> bool | None:
    """Whether `text` is the machines' token, compared in constant time; None if no token is configured."""
    expected = machine_token(settings)
    return hmac.compare_digest(text.encode(), expected.encode()) if expected else None
