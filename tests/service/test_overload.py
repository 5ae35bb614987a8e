"""Admission control: a burst is answered or refused at once, and tables do not hold up single reports."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable

import httpx
from harness import Backend
from reports import SMALLEST_REPORT


def test_a_burst_is_answered_or_refused_and_nothing_breaks(start: Callable[..., Backend]) -> None:
    url = start().url

    async def burst() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(client.post("/predict", json=SMALLEST_REPORT) for _ in range(600)))

    answers = asyncio.run(burst())
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.status_code == 200 for answer in answers) >= 250
    for refused in answers:
        if refused.status_code == 503:
            assert refused.headers["retry-after"] == "1"
            assert "try again" in refused.json()["detail"]
    assert httpx.post(f"{url}/predict", json=SMALLEST_REPORT).status_code == 200


def test_tables_wait_for_each_other_and_reports_do_not_wait_for_them(
    start: Callable[..., Backend], rows: list[dict[str, str]]
) -> None:
    backend = start()
    table = json.dumps(rows * 2).encode()
    is_json = {"content-type": "application/json"}

    async def send() -> tuple[Counter[int], Counter[int]]:
        async with httpx.AsyncClient(base_url=backend.url, timeout=120) as client:
            tables = [
                asyncio.create_task(client.post("/predict/batch", content=table, headers=is_json)) for _ in range(30)
            ]
            await asyncio.sleep(1)
            single = [await client.post("/predict", json=SMALLEST_REPORT) for _ in range(20)]
            done = await asyncio.gather(*tables)
        return Counter(a.status_code for a in done), Counter(a.status_code for a in single)

    tables, single = asyncio.run(send())
    assert single == {200: 20}
    assert tables[200] >= 18
    assert set(tables) <= {200, 503}
    refused = sum(
        float(line.rpartition(" ")[2])
        for line in backend.metrics().splitlines()
        if line.startswith('crime_requests_refused_total{bound="batches"}')
    )
    assert refused == tables[503]
