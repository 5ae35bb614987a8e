"""What a forecast bundle's `spec.json` holds, in the order in which it is written."""

from typing import Any, Literal

from pydantic import Field

from crime.core.bundle_files import BundleSpec, SpecPart, TableFacts, Versions
from crime.reports.places import PlaceKind

StepLength = Literal["day", "week"]  # of a backtest


class MethodScores(SpecPart):
    """Scores of one method over the scored origins of a backtest.

    `deviance` is the mean Poisson deviance and `pinball` the mean pinball loss. For the 5, 10 and 20 % of places with
    the highest forecast: `hit` is the share of all reports in them, `pai` the prediction accuracy index (Chainey,
    Tompson and Uhlig 2008) and `pei` the prediction efficiency index (Hunt 2016). `coverage` is the share of outcomes
    inside the 80 % and the 95 % interval.
    """

    deviance: float
    pinball: float
    hit5: float
    pai5: float
    pei5: float
    hit10: float
    pai10: float
    pei10: float
    hit20: float
    pai20: float
    pei20: float
    coverage80: float
    coverage95: float


class BacktestSummary(SpecPart):
    """The result of a backtest of one kind of place, by steps of a day or a week.

    `origins` counts the scored origins, `chosen` names the method with the lowest deviance, `gain` is the share by
    which ours lowers the best baseline's deviance. On a simulated city, whose true intensity is known, `reached` is
    how much of the way from the best baseline's deviance to that of the truth ours goes.
    """

    by: PlaceKind
    every: StepLength
    origins: int
    methods: dict[str, MethodScores]
    chosen: str
    gain: float
    reached: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON, without `reached` where it is not known."""
        return self.model_dump(exclude_none=True)


class HistoryFacts(SpecPart):
    """The reports that a forecast was made from. Days are YYYY-MM-DD.

    `share`: of all reports, where the table is a random draw; the forecast is of all reports.
    """

    reports: int
    share: float = 1.0
    first_day: str = Field(validation_alias="from", serialization_alias="from")
    until: str


class ForecastData(TableFacts, HistoryFacts):
    """The table that a forecast was made from. (pydantic puts the fields of the last base first.)"""


class ForecastSpec(BundleSpec):
    """`origin` and `past_origin` are day numbers: of this forecast, and of the latest one in its backtest."""

    origin: int
    past_origin: int
    backtest: dict[PlaceKind, BacktestSummary]
    data: ForecastData
    versions: Versions
    sha256: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_none=True)
