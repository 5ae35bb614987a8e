"""The premises and the weapons that a model knows, by code and by name: learnt in training, carried in its bundle.

LAPD's own codes are all known, in the order of their numbers. NIBRS codes, of which no list is published, are learnt
from the reports. A NIBRS premise is the same as one of LAPD's own where the names are, but for case and punctuation, or
where `reports/tables/premises_joined.csv` says so.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from crime.core.bundle_files import Count, SpecPart, Text
from crime.reports.codes import code_names
from crime.reports.systems import Code, comparable_text

Coded = Literal["premis_cd", "weapon_used_cd"]
CODED_FIELDS: dict[Coded, str] = {"premis_cd": "premis", "weapon_used_cd": "weapon"}  # and the table of LAPD's codes
MAX_LEARNT = 1_000  # entries learnt in training, the most frequent: a table of nonsense must not fill a bundle
MAX_REMEMBERED = 10_000  # codes whose number is remembered: more come only from a table of nonsense
NO_NAMES = ("not specified", "retired duplicate do not use this code")  # several codes of LAPD's have these
MAX_ENTRIES = 1_499  # of a vocabulary that is read: naive Bayes has tables of so many values
MAX_NAMES = 10_000  # of one entry


def _code_key(key: str) -> str:
    if not Code.from_key(key).code:
        raise ValueError(f"expected a code as legacy:501, got {key[:40]!r}")
    return key


class VocabularyEntry(SpecPart):
    """A premise or weapon. `codes`: the keys it has without their names, `legacy:102`; `texts`: comparable names.

    `reports`: how many training reports have it.
    """

    name: Text
    codes: Annotated[list[Annotated[Text, AfterValidator(_code_key)]], Field(max_length=MAX_LEARNT)]
    texts: Annotated[list[Text], Field(max_length=MAX_NAMES)]
    reports: Count = 0


class Vocabulary:
    """Maps premises or weapons to numbers: 0 for none recorded, else the position of their entry, from 1."""

    def __init__(self, entries: list[VocabularyEntry]):
        self.entries = entries
        self._by_code = {code: number for number, entry in enumerate(entries, 1) for code in entry.codes}
        self._numbers: dict[Code | None, float] = {}
        self._by_text = {text: number for number, entry in enumerate(entries, 1) for text in entry.texts}

    def number(self, code: Code | None) -> float:
        """The entry of a code, or of its name where the code is not known; NaN for neither and for None."""
        number = self._numbers.get(code)
        if number is None:
            number = self._find(code)
            if len(self._numbers) < MAX_REMEMBERED:
                self._numbers[code] = number
        return number

    def _find(self, code: Code | None) -> float:
        if code is None:
            return np.nan
        if not code.code and not code.text:
            return 0.0
        number = self._by_code.get(f"{code.system}:{code.code}") if code.code else None
        return number or self._by_text.get(code.text) or np.nan

    def numbers(self, codes: np.ndarray) -> np.ndarray:
        """(n,) numbers of codes (n,). Of a table most rows share few objects, so that each is looked up once."""
        objects = codes.tolist()
        identities = list(map(id, objects))
        of_identity = {
            identity: self.number(code) for identity, code in dict(zip(identities, objects, strict=True)).items()
        }
        return np.fromiter(map(of_identity.__getitem__, identities), float, len(codes))

    def kinds(self) -> np.ndarray:
        """(entries + 1,) the kind of each number: the hundreds of LAPD's own code, 0 for none recorded, -1 for others.

        LAPD numbers stores from 401, dwellings from 501, firearms from 101.
        """
        kinds = [0]
        for entry in self.entries:
            legacy = [int(code.removeprefix("legacy:")) for code in entry.codes if code.startswith("legacy:")]
            kinds.append(legacy[0] // 100 if legacy else -1)
        return np.array(kinds)


def learn_vocabulary(field: Coded, codes: Iterable[Code | None]) -> list[VocabularyEntry]:
    """The entries of a field: those of LAPD's own table, and what else reports have, the most frequent first."""
    entries = [entry.model_copy(deep=True) for entry in legacy_entries(field)]
    legacy = Vocabulary(entries)
    positions: dict[str, int] = {}  # of entries, by the keys and names that reports were found to have
    learnt = 0
    reports = Counter[int]()
    counts = Counter(code for code in codes if code is not None and (code.code or code.text))
    for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        key = f"{code.system}:{code.code}" if code.code else ""
        number = legacy.number(code)
        # the most frequent wording of a code decides which entry it is
        found = positions.get(key or code.text, positions.get(code.text))
        if found is not None:
            position = found
        elif number == number:
            position = int(number) - 1
        elif learnt < MAX_LEARNT:
            position, learnt = len(entries), learnt + 1
            entries.append(VocabularyEntry(name=code.text or code.code, codes=[], texts=[]))
        else:
            continue
        for name in filter(None, (key, code.text)):
            positions.setdefault(name, position)
        reports[position] += count
        entry = entries[position]
        if key and key not in entry.codes:  # a key has one position
            entry.codes.append(key)
        if code.text and positions[code.text] == position and code.text not in entry.texts:
            entry.texts.append(code.text)
    return [entry.model_copy(update={"reports": reports[position]}) for position, entry in enumerate(entries)]


@cache
def legacy_entries(field: Coded) -> list[VocabularyEntry]:
    """An entry for each of LAPD's own codes, in the order of their numbers."""
    joined = _joined_texts() if field == "premis_cd" else {}
    names = {code: name for code, name in code_names(CODED_FIELDS[field]).items() if code != "0"}
    return [
        VocabularyEntry(
            name=name,
            codes=[f"legacy:{code}"],
            texts=[] if comparable_text(name) in NO_NAMES else [comparable_text(name), *joined.get(code, [])],
        )
        for code, name in sorted(names.items(), key=lambda item: int(item[0]))
    ]


@cache
def legacy_vocabularies() -> Mapping[Coded, Vocabulary]:
    """The vocabularies of LAPD's own codes alone, without counts."""
    return {field: Vocabulary(legacy_entries(field)) for field in CODED_FIELDS}


@cache
def _joined_texts() -> Mapping[str, list[str]]:
    """Comparable names of NIBRS premises by the code of LAPD's own that is the same place."""
    texts: dict[str, list[str]] = {}
    with (files("crime.reports") / "tables" / "premises_joined.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            texts.setdefault(row["Premis Cd"], []).append(comparable_text(row["NIBRS Premise Desc"]))
    return texts
