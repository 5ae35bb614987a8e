"""What a forecast bundle's `spec.json` holds, in the order in which it is written."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from crime.core.bundle_files import (
    BundleSpec,
    Count,
    Day,
    DayNumber,
    Finite,
    Hashes,
    SpecPart,
    TableFacts,
    Text,
    Versions,
    check_names,
)
from crime.features.windows import Entity
from crime.reports.places import PlaceKind

ARRAYS_FILE, FEATURES_FILE, WEEK_FILE = "forecast.npz", "online.json", "week.npz"
StepLength = Literal["day", "week"]  # of a backtest


class MethodScores(SpecPart):
    """Scores of one method over the scored origins of a backtest.

    `deviance` is the mean Poisson deviance and `pinball` the mean pinball loss. For the 5, 10 and 20 % of places with
    the highest forecast: `hit` is the share of all reports in them, `pai` the prediction accuracy index (Chainey,
    Tompson and Uhlig 2008) and `pei` the prediction efficiency index (Hunt 2016). `coverage` is the share of outcomes
    inside the 80 % and the 95 % interval.
    """

    deviance: Finite
    pinball: Finite
    hit5: Finite
    pai5: Finite
    pei5: Finite
    hit10: Finite
    pai10: Finite
    pei10: Finite
    hit20: Finite
    pai20: Finite
    pei20: Finite
    coverage80: Finite
    coverage95: Finite


class BacktestSummary(SpecPart):
    """The result of a backtest of one kind of place, by steps of a day or a week.

    `origins` counts the scored origins, `chosen` names the method with the lowest deviance, `gain` is the share by
    which ours lowers the best baseline's deviance. On a simulated city, whose true intensity is known, `reached` is
    how much of the way from the best baseline's deviance to that of the truth ours goes.
    """

    by: PlaceKind
    every: StepLength
    origins: Count
    methods: Annotated[dict[Text, MethodScores], Field(max_length=50)]
    chosen: Text
    gain: Finite
    reached: Finite | None = None

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON, without `reached` where it is not known."""
        return self.model_dump(exclude_none=True)


class HistoryFacts(SpecPart):
    """The reports that a forecast was made from. Days are YYYY-MM-DD.

    `share`: of all reports, where the table is a random draw; the forecast is of all reports.
    """

    reports: Count
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    first_day: Day = Field(validation_alias="from", serialization_alias="from")
    until: Day


class ForecastData(TableFacts, HistoryFacts):
    """The table that a forecast was made from. (pydantic puts the fields of the last base first.)"""


class ForecastSpec(BundleSpec):
    """`origin` and `past_origin` are day numbers: of this forecast, and of the latest one in its backtest."""

    origin: DayNumber
    past_origin: DayNumber
    backtest: dict[Entity, BacktestSummary]
    data: ForecastData
    versions: Versions
    sha256: Hashes

    @model_validator(mode="after")
    def _parts_agree(self) -> "ForecastSpec":
        check_names(self.sha256, (ARRAYS_FILE, FEATURES_FILE), (WEEK_FILE,))
        if wrong := [kind for kind, summary in self.backtest.items() if summary.by != kind]:
            raise ValueError(f"the backtest of {wrong[0]} is of another kind of place")
        if self.data.first_day > self.data.until:
            raise ValueError("data begins after it ends")
        return self

    def as_json(self) -> dict[str, Any]:
        exclude = None if "format" in self.model_fields_set else {"format"}
        return self.model_dump(by_alias=True, exclude_none=True, exclude=exclude)
