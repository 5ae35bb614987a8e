"""LAPD's two report systems, and codes as reports carry them: text with the system that it belongs to.

Until 2024 LAPD classified reports by its own crime codes; since 7 March 2024 by the FBI's National Incident-Based
Reporting System (NIBRS). The same text means other things in each: crime code 510 is a stolen car before, bribery now.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

System = Literal["legacy", "nibrs"]
SYSTEMS: tuple[System, ...] = get_args(System)
SYSTEM_NAMES: dict[System, str] = {"legacy": "LAPD crime codes (until 2025)", "nibrs": "LAPD NIBRS (since 2024)"}

_number_in_front = re.compile(r"^\s*\d+\s*-\s*")
_words = re.compile(r"[^\W_]+")


class Code(NamedTuple):
    """A premise or a weapon of a report: its code and its name as comparable text, of which one may be missing.

    `NONE_RECORDED`, with neither, stands for a field that the report has and that is blank.
    """

    system: System
    code: str
    text: str

    @property
    def key(self) -> str:
        """The code as bundles and logs write it, such as `nibrs:RA single family home`; blank for none recorded."""
        return f"{self.system}:{self.code} {self.text}".rstrip() if self.code or self.text else ""

    @classmethod
    def from_key(cls, key: str) -> "Code":
        """The code of a `key`. Raises `ValueError` if the text is none."""
        if not key:
            return NONE_RECORDED
        system, separator, rest = key.partition(":")
        if system not in SYSTEMS or not separator:
            raise ValueError(f"expected a code as legacy:501, got {key[:40]!r}")
        code, _, text = rest.partition(" ")
        return cls(system, code, text)

    @property
    def shown(self) -> str:
        """What a person calls it: the code, or the text where there is no code."""
        return self.code or self.text


NONE_RECORDED = Code("legacy", "", "")


@lru_cache(1 << 12)
def comparable_text(text: str) -> str:
    """A name without what differs from table to table: case, punctuation, and a number in front (`244 - `)."""
    return " ".join(_words.findall(_number_in_front.sub("", text).casefold()))
