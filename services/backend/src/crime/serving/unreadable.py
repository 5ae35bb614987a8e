"""Tells of files of the record that can't be read, and are left out: in the log, and in a header of the answer."""

from collections.abc import Sequence

import structlog
from fastapi import Response

from crime.serving.errors import Responses

HEADER = "Unreadable-Entries"
LOGGED_PATHS = 5
UNREADABLE_RESPONSES: Responses = {
    200: {"headers": {HEADER: {"description": "entries that can't be read", "schema": {"type": "integer"}}}}
}
log = structlog.get_logger()
_told: dict[str, tuple[str, ...]] = {}


def log_unreadable(what: str, paths: Sequence[str]) -> None:
    """Log files of `what` that are left out, when they are others than before."""
    if _told.get(what, ()) != tuple(paths):
        _told[what] = tuple(paths)
        log.warning("files of the record can't be read", of=what, count=len(paths), files=list(paths[:LOGGED_PATHS]))


def tell_unreadable(response: Response, what: str, paths: Sequence[str]) -> None:
    """`log_unreadable`, and set the header where there are any."""
    log_unreadable(what, paths)
    if paths:
        response.headers[HEADER] = str(len(paths))
