"""The backend's JSON answers: the keys that the page reads. It ignores any others."""

from typing import Literal, NotRequired, TypedDict

DetailLevel = Literal["place_time", "premise", "weapon", "report"]
CodeKind = Literal["area", "premis", "weapon", "mo", "crime"]
ReportSystem = Literal["legacy", "nibrs"]
PlaceKind = Literal["area", "district"]
Period = Literal["week", "four_weeks", "year_to_date"]
PeriodAhead = Literal["day", "week", "four_weeks"]


class Code(TypedDict):
    """`system`: the report system that a code belongs to. `category`: the name of a crime code's category."""

    code: str
    name: str
    system: ReportSystem
    category: NotRequired[str | None]


class Feature(TypedDict):
    name: str
    about: str
    source: list[str]
    use: str
    share_of_gain: float
    entity: list[str]


class ReportCounts(TypedDict):
    """Reports that match the filters. `by_area` by area number; `by_weekday_hour`: 7 rows (Monday first) of 24.

    `first_day`, `last_day`: of all reports. `by_code`: by crime code with its system, such as legacy:510. A model of an
    earlier release counts months alone: what it lacks is None. `complete_until`: the last day of which all reports are
    in the table, where that is not its last.
    """

    total: int
    by_category: dict[str, int]
    by_area: dict[str, int]
    by_month: dict[str, int]
    first_day: str
    last_day: str
    by_day: dict[str, int] | None
    by_district: dict[str, int] | None
    by_code: dict[str, int] | None
    by_weekday_hour: list[list[int]]
    complete_until: NotRequired[str | None]


class Scores(TypedDict):
    """Metrics of a classifier on held-out reports."""

    accuracy: float
    weighted_f1: float
    macro_auc: float
    log_loss: float
    ece: float


class CalibrationBin(TypedDict):
    """Mean confidence, accuracy, and share of the reports of one bin."""

    confidence: float
    accuracy: float
    share: float


# "from" is a keyword, so this one needs the functional form
TrainingData = TypedDict(
    "TrainingData",
    {
        "fingerprint": str,
        "trained_on": int,
        "held_out": int,
        "from": str,
        "until": str,
        "held_out_from": str,
        "rows": int,
        "rejected": dict[str, int],
        "share": NotRequired[float],
        "simulated": NotRequired[int],
    },
)


class ServingModel(TypedDict):
    """The version of the category model that answers. Scores by detail level, and `overall`.

    `by_system`: those of each report system's reports, where they are of both.
    """

    version: str
    metrics: dict[str, Scores]
    by_system: NotRequired[dict[ReportSystem, dict[str, Scores]]]
    confusion: dict[str, list[list[int]]]
    calibration: dict[str, list[CalibrationBin]]
    data: TrainingData
    categories: dict[str, str]


class CategoryModel(TypedDict):
    """The answer about `crime-category`."""

    name: str
    serving: ServingModel


class Interval(TypedDict):
    """Expected reports with the bounds of their 80 % and 95 % intervals."""

    mean: float
    low80: float
    high80: float
    low95: float
    high95: float


class ForecastDay(Interval):
    date: str


class PastForecastDay(ForecastDay):
    """A day of an earlier forecast, and the reports that came."""

    reports: int


class DayCount(TypedDict):
    date: str
    reports: int


class Place(Interval):
    """An area or reporting district; the coordinates are the centre of its `located` reports, None where unknown."""

    id: int
    name: str
    area: int
    latitude: float | None
    longitude: float | None
    located: int | None


class HistoryTable(TypedDict):
    """The table that a forecast was made from; `usual_per_day`: reports that LAPD takes a day."""

    reports: int
    first: str
    last: str
    per_day: float
    usual_per_day: int


class Hotspots(TypedDict):
    """Places with the most expected reports of a period; `first` and `last` are the days the forecast covers.

    `share`: of all reports, where the forecast was made from a random draw. `warning`: that the forecast is old.
    """

    made_at: str
    simulated: bool
    share: NotRequired[float]
    warning: NotRequired[str | None]
    first: str
    last: str
    until: str
    table: HistoryTable
    places: list[Place]


class PlaceForecast(TypedDict):
    """Expected reports by day and in all; `recent`: reports known when it was made; `before`: the previous forecast.

    `total_range`: that of the total; None in a forecast of an earlier release.
    """

    place: str
    days: list[ForecastDay]
    total: float
    total_range: Interval | None
    recent: list[DayCount]
    before: list[PastForecastDay]


class Span(TypedDict):
    """Days from `first` to `last`; `days` of them are in the table, 0 where it covers less than half."""

    first: str
    last: str
    days: int


class Counted(TypedDict):
    """Reports known, and those with the ones still to come: `corrected`, and the bounds of its 95 % range."""

    reports: int
    corrected: float
    low: float
    high: float


class Change(TypedDict):
    """Ratio of rates with its 95 % interval; None: no bound. `marked`: more than chance over the whole table."""

    ratio: float | None
    low: float | None
    high: float | None
    marked: bool


class Compared(TypedDict):
    """A place (`area` 0: the city) and a category (None: all reports), now and earlier; None: not in the table."""

    area: int
    place: str
    category: str | None
    now: Counted
    before: Counted | None
    year_before: Counted | None
    to_before: Change | None
    to_year_before: Change | None


class Made(TypedDict):
    """Which forecast it is of; `share`: of all reports, where its table is a random draw; `warning`: that it is old."""

    made_at: str
    simulated: bool
    share: float
    warning: str | None


class Compstat(Made):
    now: Span
    before: Span
    year_before: Span
    rows: list[Compared]


class Week(TypedDict):
    """A week up to `last`: reports known, and what a forecast had expected to be known; None if there was none."""

    last: str
    reports: int
    expected: float | None
    low95: float | None
    high95: float | None


class UnusualPlace(TypedDict):
    """The last `days` of a place and category outside their 95 % range. `alarm`: chance does not explain it."""

    kind: Literal["city", "area", "district"]
    place: str
    area: int
    category: str | None
    days: int
    reports: int
    expected: float
    low95: float
    high95: float
    alarm: bool


class Unusual(TypedDict):
    """`looked_at`: how many places and categories were compared."""

    looked_at: int
    places: list[UnusualPlace]


class Me(TypedDict):
    """Who is signed in, and with which role; name, subject and expiry are None without sign-in."""

    sign_in: bool
    name: str | None
    subject: str | None
    role: str
    expires: float | None


class DataAge(TypedDict):
    """The last day of the reports that a model was made from, days from it to today, and how many are usual."""

    until: str
    days_behind: int
    usual: int
