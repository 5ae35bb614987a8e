"""What a category bundle's `spec.json` holds, in the order in which it is written."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from crime.classifier.counted_reports import COUNTS_FILE
from crime.classifier.naive_bayes import NAIVE_BAYES_INPUTS
from crime.core import limits
from crime.core.bundle_files import (
    BundleSpec,
    Count,
    Counts,
    Day,
    Finite,
    Hashes,
    Share,
    SpecPart,
    TableFacts,
    Text,
    Versions,
    Whole,
    check_names,
)
from crime.core.days import FIRST_DAY, LAST_DAY
from crime.features.definitions import FIXED_FEATURES, describe_feature, is_mo_feature
from crime.features.vocabulary import CODED_FIELDS, MAX_ENTRIES, Coded, VocabularyEntry
from crime.metrics.classification import CALIBRATION_BINS, CalibrationBin
from crime.metrics.drift import ReferenceCounts
from crime.reports.categories import CATEGORIES
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.sources import FIELDS, REQUIRED_FIELDS

NAIVE_BAYES_FILE, HELD_OUT_FILE = "evidence.npz", "held_out.npz"
MONTHLY_COUNTS_FILE = "counts.npy"  # of an earlier release
JUDGED_PREFIX = "judged_"  # before the names of the judged model's files
GOLDEN_REPORTS = 20  # held-out reports whose answers `verify` compares
SHARE_ERROR = 1e-3  # by which probabilities, which add up to 1, may differ from it
MODEL_FILES = (NAIVE_BAYES_FILE, *(f"{level}.txt" for level in DETAIL_LEVELS))
JUDGED_FILES = tuple(JUDGED_PREFIX + name for name in MODEL_FILES)
_mo_feature = re.compile(r"mo_[0-9A-Za-z]{1,8}")


def _known_features(names: list[str]) -> list[str]:
    """Fixed features, then those of MO codes, none twice, some of each column that every report has."""
    fixed = [name in FIXED_FEATURES for name in names]
    for name in names:
        if name not in FIXED_FEATURES and not (is_mo_feature(name) and _mo_feature.fullmatch(name)):
            raise ValueError(f"no feature {name[:60]!r}")
    if len(set(names)) < len(names) or fixed != sorted(fixed, reverse=True):
        raise ValueError("expected each feature once, those of MO codes last")
    sources = {describe_feature(name).source[0] for name in names}
    if missing := [FIELDS[key].name for key in REQUIRED_FIELDS if FIELDS[key].name not in sources]:
        raise ValueError(f"no feature of {', '.join(missing)}")
    return names


def _shares(probabilities: list[float]) -> list[float]:
    if abs(sum(probabilities) - 1) > SHARE_ERROR:
        raise ValueError("probabilities do not add up to 1")
    return probabilities


def _of_all_levels(rounds: dict[DetailLevel, int]) -> dict[DetailLevel, int]:
    if rounds.keys() != DETAIL_LEVELS.keys():
        raise ValueError(f"expected {', '.join(DETAIL_LEVELS)}")
    return rounds


def _of_all_fields(vocabularies: "VocabularyEntries") -> "VocabularyEntries":
    if vocabularies.keys() != CODED_FIELDS.keys():
        raise ValueError(f"expected {', '.join(CODED_FIELDS)}")
    return vocabularies


_SIZE = len(CATEGORIES)
Features = Annotated[list[Text], Field(max_length=limits.FEATURES), AfterValidator(_known_features)]
Rounds = Annotated[
    dict[DetailLevel, Annotated[int, Field(ge=1, le=limits.TREE_ROUNDS)]], AfterValidator(_of_all_levels)
]
Probabilities = Annotated[list[Share], Field(min_length=_SIZE, max_length=_SIZE), AfterValidator(_shares)]
Confusion = Annotated[
    list[Annotated[list[Count], Field(min_length=_SIZE, max_length=_SIZE)]], Field(min_length=_SIZE, max_length=_SIZE)
]
Metrics = Annotated[dict[Text, Finite], Field(max_length=20)]
MetricsByLevel = Annotated[dict[Text, Metrics], Field(max_length=10)]


class ReportFacts(SpecPart):
    """The reports of a model, which was trained on all of them (in earlier releases only on those not held out).

    The judged model was trained on those before `held_out_from`; the `held_out` others tested it. Days are YYYY-MM-DD.
    `share`: of all reports, where these are a random draw. `frequency`: reports by MO code.
    """

    fingerprint: Text
    trained_on: Count
    held_out: Count
    first_day: Day = Field(validation_alias="from", serialization_alias="from")
    until: Day
    held_out_from: Day
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    frequency: Counts


class CategoryData(TableFacts, ReportFacts):
    """What a model was trained and tested on. (pydantic puts the fields of the last base first.)"""


VocabularyEntries = dict[Coded, Annotated[list[VocabularyEntry], Field(max_length=MAX_ENTRIES)]]
Vocabularies = Annotated[VocabularyEntries, AfterValidator(_of_all_fields)]


class JudgedModel(SpecPart):
    """The judged model: trained as the one that answers, but only on the first `trained_on` reports by time.

    `last_minute`: when the latest of them happened, in minutes since 1970-01-01. `rounds`, `vocabularies`: as in
    `CategorySpec`.
    """

    features: Features
    vocabularies: Vocabularies
    rounds: Rounds
    trained_on: Count
    last_minute: Annotated[int, Field(ge=FIRST_DAY * 1440, le=LAST_DAY * 1440)]


class CategorySpec(BundleSpec):
    """`spec.json` of a category model.

    `vocabularies`: premises and weapons, in the order of their numbers.
    `rounds`: trees per category, by detail level. `gain`: each input's share of the loss reduction in the model for
    whole reports. `golden` (reports, 7): probabilities of the first held-out reports. `reference`: counts to detect
    drift by. `metrics`, `confusion` (7, 7; a row for each true category) and `calibration` are those of the judged
    model on the held-out reports as they are (`overall`) and masked to each detail level. `by_system`: its metrics on
    each report system's, where there are two. `judged`: None in bundles of earlier releases, whose only model was
    trained on the reports that were not held out.
    """

    features: Features
    vocabularies: Vocabularies
    victim: bool
    categories: Annotated[dict[Text, Text], Field(max_length=100)]
    rounds: Rounds
    gain: Annotated[dict[Text, Share], Field(max_length=limits.FEATURES)]
    parameters: Annotated[dict[Text, bool | Whole | Finite | Text], Field(max_length=200)]
    data: CategoryData
    versions: Versions
    sha256: Hashes
    metrics: MetricsByLevel
    golden: Annotated[list[Probabilities], Field(max_length=GOLDEN_REPORTS)]
    confusion: Annotated[dict[Text, Confusion], Field(max_length=10)]
    reference: ReferenceCounts
    calibration: Annotated[
        dict[Text, Annotated[list[CalibrationBin], Field(max_length=CALIBRATION_BINS)]], Field(max_length=10)
    ]
    by_system: Annotated[dict[Text, MetricsByLevel], Field(max_length=10)] = Field(default_factory=dict)
    judged: JudgedModel | None = None

    @model_validator(mode="after")
    def _parts_agree(self) -> "CategorySpec":
        counts = MONTHLY_COUNTS_FILE if MONTHLY_COUNTS_FILE in self.sha256 else COUNTS_FILE
        required = (*MODEL_FILES, HELD_OUT_FILE, counts, *(JUDGED_FILES if self.judged else ()))
        check_names(self.sha256, required, JUDGED_FILES)
        if missing := {*self.features, *NAIVE_BAYES_INPUTS} - self.gain.keys():
            raise ValueError(f"gain lacks {min(missing)}")
        if self.data.first_day > self.data.until:
            raise ValueError("data begins after it ends")
        return self

    def check_measured(self, held_out: int) -> None:
        """Raise `ValueError` unless all is there that training measures, with so many held-out reports."""
        levels = {"overall", *DETAIL_LEVELS}
        for name, measured in (
            ("metrics", self.metrics),
            ("confusion", self.confusion),
            ("calibration", self.calibration),
        ):
            if measured.keys() != levels:
                raise ValueError(f"{name} is not of {', '.join(sorted(levels))}")
        if len(self.golden) != min(GOLDEN_REPORTS, held_out):
            raise ValueError(f"golden has {len(self.golden)} answers to {held_out} held-out reports")
