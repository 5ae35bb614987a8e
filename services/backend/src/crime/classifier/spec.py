"""What a category bundle's `spec.json` holds, in the order in which it is written."""

from pydantic import Field

from crime.core.bundle_files import BundleSpec, SpecPart, TableFacts, Versions
from crime.features.vocabulary import Coded, VocabularyEntry
from crime.metrics.classification import CalibrationBin
from crime.metrics.drift import ReferenceCounts


class ReportFacts(SpecPart):
    """The reports of a model, which was trained on all of them (in earlier releases only on those not held out).

    The judged model was trained on those before `held_out_from`; the `held_out` others tested it. Days are YYYY-MM-DD.
    `share`: of all reports, where these are a random draw. `frequency`: reports by MO code.
    """

    fingerprint: str
    trained_on: int
    held_out: int
    first_day: str = Field(validation_alias="from", serialization_alias="from")
    until: str
    held_out_from: str
    share: float = 1.0
    frequency: dict[str, int]


class CategoryData(TableFacts, ReportFacts):
    """What a model was trained and tested on. (pydantic puts the fields of the last base first.)"""


VocabularyEntries = dict[Coded, list[VocabularyEntry]]


class JudgedModel(SpecPart):
    """The judged model: trained as the one that answers, but only on the first `trained_on` reports by time.

    `last_minute`: when the latest of them happened, in minutes since 1970-01-01. `rounds`, `vocabularies`: as in
    `CategorySpec`.
    """

    features: list[str]
    vocabularies: VocabularyEntries
    rounds: dict[str, int]
    trained_on: int
    last_minute: int


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

    features: list[str]
    vocabularies: VocabularyEntries
    victim: bool
    categories: dict[str, str]
    rounds: dict[str, int]
    gain: dict[str, float]
    parameters: dict[str, bool | int | float | str]
    data: CategoryData
    versions: Versions
    sha256: dict[str, str]
    metrics: dict[str, dict[str, float]]
    golden: list[list[float]]
    confusion: dict[str, list[list[int]]]
    reference: ReferenceCounts
    calibration: dict[str, list[CalibrationBin]]
    by_system: dict[str, dict[str, dict[str, float]]] = Field(default_factory=dict)
    judged: JudgedModel | None = None
