"""Opens bundles and asks their models all that a backend asks, as a process of its own.

Reads a line for each bundle, `KIND DIRECTORY`, and answers with a line of JSON: `refused` with the reason, or
`answered`. What a bundle must not do is `failed`, with a traceback. The first argument limits memory, in bytes.
"""

import json
import os
import resource
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from crime.classifier.bundle import CategoryBundle
from crime.classifier.contributions import ScoreContributions
from crime.core.errors import BundleError, EvaluationError
from crime.core.settings import Settings
from crime.features.detail_levels import mask_above
from crime.forecaster.bundle import ForecastBundle
from crime.registry.evaluation import evaluate_versions
from crime.registry.gates import size_gate
from crime.registry.kinds import CATEGORY, FORECAST, MODEL_KINDS, Model
from crime.reports.categories import CATEGORIES
from crime.reports.schema import DETAIL_LEVELS
from crime.serving import app as serving_app
from memory_registry import MemoryRegistry
from starlette.testclient import TestClient

SMALLEST = {"DATE OCC": "01/15/2023", "TIME OCC": 1430, "AREA": 1}
LEGACY = SMALLEST | {"Date Rptd": "02/15/2023", "Premis Cd": 501, "LAT": 34.05, "LON": -118.25, "Rpt Dist No": 163}
WHOLE = LEGACY | {"Weapon Used Cd": 400, "Mocodes": "0344 1822 0416", "Vict Age": 33, "Vict Sex": "F"}
NIBRS = SMALLEST | {"System": "nibrs", "Premis Cd": "RA", "Premis Desc": "Single family home", "Victim Shot": "N"}
PREDICTED: list[dict[str, object]] = [
    SMALLEST,
    LEGACY,
    WHOLE,
    NIBRS,
    SMALLEST | {"DATE OCC": "12/31/1999", "AREA": 21, "Premis Cd": 999_999},
]
EXPLAINED: list[dict[str, object]] = [
    {},
    SMALLEST,
    WHOLE,
    {"AREA": 7, "Mocodes": "0344"},
    {"System": "nibrs", "Victim Shot": "Y"},
]
OF_FORECAST = [
    "/forecast",
    "/forecast?area=1&horizon=7&shift=1",
    "/forecast?area=6&category=theft_burglary",
    "/forecast?district=101&horizon=28&shift=0&category=vandalism_destruction",
    "/hotspots",
    "/hotspots?by=area&period=four_weeks&category=theft_burglary",
    "/hotspots?period=week&area=1&shift=2",
    *(f"/compstat?period={period}" for period in ("week", "four_weeks", "year_to_date")),
    "/weeks",
    "/weeks?area=1&category=theft_burglary",
    "/unusual",
    "/features/area/6",
    "/features/district/101",
    "/models/crime-risk",
]
OF_CATEGORY = [
    "/features",
    "/codes",
    "/reports",
    "/reports?first=2021-01-01&last=2021-03-31&area=1&category=theft_burglary",
    "/models/crime-category",
]
ALLOWED = {200, 404, 422}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
    registry = MemoryRegistry()
    vars(serving_app)["open_registry"] = lambda settings: registry
    app = serving_app.create_app(Settings(refresh_seconds=600, record_seconds=600, mlruns=Path(os.devnull)))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is logged is no answer
    good: dict[str, Model] = {}
    with TestClient(app) as client:
        manager = app.state.backend.models
        for line in sys.stdin:
            name, _, directory = line.rstrip("\n").partition(" ")
            try:
                model = MODEL_KINDS[name].open(Path(directory), "7")
                manager.serving[name] = model
                good.setdefault(name, model)  # the first one that is sent
                for url in ask(client, model, good[name]):
                    check(url)
                answer = {"answered": name}
            except BundleError as error:
                answer = {"refused": str(error)}
            except Exception:
                answer = {"failed": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)


def ask(client: TestClient, model: Model, good: Model) -> Iterator[Any]:
    """All answers of a model, each to be finite."""
    if isinstance(model, CategoryBundle):
        yield from ask_category(client, model, good)
    else:
        assert isinstance(model, ForecastBundle)
        for url in OF_FORECAST:
            yield answer_of(client.get(url))
        for champion, challenger in ((model, good), (good, model)):
            FORECAST.gates(champion, challenger)  # type: ignore[arg-type]
    assert client.get("/ready").status_code in (200, 503)
    assert client.get("/metrics").status_code == 200


def ask_category(client: TestClient, model: CategoryBundle, good: Model) -> Iterator[Any]:
    assert isinstance(good, CategoryBundle)
    for report in PREDICTED:
        yield answer_of(client.post("/predict", json=report), {200})
    yield answer_of(client.post("/predict/batch", json=PREDICTED), {200})
    for report in EXPLAINED:
        yield answer_of(client.post("/explain", json=report), {200})
    yield answer_of(client.post("/features", json=WHOLE), {200})
    for url in OF_CATEGORY:
        yield answer_of(client.get(url))
    fields, rows = good.held_out.fields, len(good.held_out)
    for level in DETAIL_LEVELS:
        answers = model.predict(mask_above(fields, level), rows).probabilities
        assert np.allclose(answers.sum(1), 1)
        assert answers.shape == (rows, len(CATEGORIES))
        some = model.encoder.matrix({name: column[:3] for name, column in fields.items()}, min(3, rows))
        yield ScoreContributions(model, some, level).scores().tolist()
    for champion, challenger in ((model, good), (good, model)):
        CATEGORY.gates(champion, challenger)
    CATEGORY.first_gates(model)
    size_gate(model.directory, good.directory, "1")
    CATEGORY.run_record(model)
    with suppress(EvaluationError):  # of too few reports that are new to both
        evaluate_versions([model, good])


def answer_of(response: Any, allowed: set[int] = ALLOWED) -> Any:
    assert response.status_code in allowed, f"{response.url}: {response.status_code} {response.text[:500]}"
    return json.loads(response.text, parse_constant=no_number)


def no_number(text: str) -> NoReturn:
    raise AssertionError(f"{text} in an answer")


def check(value: Any) -> None:
    """Every number is finite."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            check(inner)
    elif isinstance(value, float):
        assert np.isfinite(value)


if __name__ == "__main__":
    main()
