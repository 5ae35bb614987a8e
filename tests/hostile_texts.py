"""Answers of a backend in which every text is hostile."""

import re
from typing import Any

HOST = "x.test"
MARKER = f"[m](https://{HOST})![i](https://{HOST}/t.png)<img src=https://{HOST}/i onerror=alert(1)>$x$:red[y] :smile:"
# what a page parses or looks up: days, times, keys and kinds
KEPT_KEYS = {
    *("at", "date", "day", "first", "last", "made_at", "first_day", "last_day", "from", "until", "complete_until"),
    *("data_until", "week", "created", "kind", "model", "system", "judgement", "label_name", "category", "guess"),
    *("champion", "challenger", "field", "fields", "trained_until", "time", "entity", "value"),
}
KEPT_TEXT = re.compile(r"[\d.,:TZ+-]*|(version )?\d+|legacy:\w+|nibrs:\w+")


def hostile(answer: Any, key: str = "") -> Any:
    """An answer with the marker behind every text that the page shows as it comes; keys and numbers stay."""
    if isinstance(answer, dict):
        return {name: hostile(part, name) for name, part in answer.items()}
    if isinstance(answer, list):
        return [hostile(part, key) for part in answer]
    if isinstance(answer, str) and key not in KEPT_KEYS and not KEPT_TEXT.fullmatch(answer):
        return f"{answer} {MARKER}"
    return answer
