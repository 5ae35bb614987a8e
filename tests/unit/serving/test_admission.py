"""Admission control: what goes beyond a bound is refused at once, and the rest is answered."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from clock import Clock
from crime.core import limits
from crime.serving.admission import AdmissionControl, TokenBucket
from crime.serving.state import AppState
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MakeState = Callable[..., AppState]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("crime.serving.admission.time", clock)
    return clock


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


PATHS = ("/predict", "/predict/batch", "/invocations", "/v2/models/crime-category/infer", "/ready")
TABLE = b"x" * (limits.SMALL_LIST_BYTES + 1)
ECHO = Starlette(routes=[Route(path, _length, methods=["GET", "POST"]) for path in PATHS])


def client(app: ASGIApp, address: str = "10.0.0.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://backend")


@pytest.mark.parametrize(("rate", "burst"), [(5.0, 5), (0.25, 1), (1.0, 1)])
def test_a_token_bucket_allows_a_burst_and_then_its_rate(rate: float, burst: int, clock: Clock) -> None:
    bucket = TokenBucket(rate)
    assert [bucket.take() for _ in range(burst + 2)] == [True] * burst + [False] * 2
    clock.now += 0.5 / rate
    assert not bucket.take()
    clock.now += 0.75 / rate
    assert bucket.take()
    clock.now += 3600  # saves up no more than one burst
    assert sum(bucket.take() for _ in range(burst + 5)) == burst


def test_one_client_is_slowed_down_and_others_are_not(
    make_state: MakeState, clock: Clock, metric: Callable[..., float]
) -> None:
    app = AdmissionControl(ECHO, make_state(rate_limit=5))
    refused = metric("crime_requests_refused_total", bound="client")

    async def run() -> None:
        async with client(app) as one, client(app, "10.0.0.2") as other:
            answers = [await one.post("/predict") for _ in range(7)]
            assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
            assert answers[-1].headers["retry-after"] == "1"
            assert "try again" in answers[-1].json()["detail"]
            assert (await other.post("/predict")).status_code == 200
            assert (await one.get("/ready")).status_code == 200  # probes are never refused
            clock.now += 1
            assert (await one.post("/predict")).status_code == 200

    asyncio.run(run())
    assert metric("crime_requests_refused_total", bound="client") == refused + 2


def test_the_client_seen_longest_ago_is_forgotten_first(
    make_state: MakeState, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RATED_CLIENTS", 2)
    app = AdmissionControl(ECHO, make_state(rate_limit=1))

    async def status(address: str) -> int:
        async with client(app, address) as one:
            return (await one.post("/predict")).status_code

    async def run() -> list[int]:
        return [await status(address) for address in ("a", "b", "a", "c", "a", "b")]

    assert asyncio.run(run()) == [200, 200, 429, 200, 429, 200]  # `b` was forgotten when `c` came


def test_beyond_the_bound_on_open_requests_new_ones_are_refused(
    make_state: MakeState, metric: Callable[..., float]
) -> None:
    state = make_state()
    app = AdmissionControl(ECHO, state)
    refused = metric("crime_requests_refused_total", bound="requests")

    async def run() -> None:
        state.open_requests.count = limits.REQUESTS + 1
        async with client(app) as one:
            answer = await one.post("/predict")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert answer.json() == {"detail": "too many requests at once: try again in a second"}
            assert (await one.get("/ready")).status_code == 200
            assert (await one.post("/predict/batch", content=TABLE)).status_code == 200  # tables have their own bound
            assert (await one.post("/predict/batch")).status_code == 503  # a small list counts as a report does
            state.open_requests.count -= 1
            assert (await one.post("/predict")).status_code == 200

    asyncio.run(run())
    assert metric("crime_requests_refused_total", bound="requests") == refused + 2


@pytest.mark.parametrize(
    ("path", "kind", "places"),
    [
        ("/predict/batch", "text/csv; charset=utf-8", limits.TABLES),
        ("/predict/batch", "application/json", 1),  # in memory as a whole
        ("/invocations", "text/csv", 1),
        ("/v2/models/crime-category/infer", "application/json", 1),
    ],
)
def test_tables_wait_for_each_other_and_reports_and_small_lists_do_not_wait_for_them(
    path: str, kind: str, places: int, make_state: MakeState
) -> None:
    running: list[int] = []

    async def run() -> tuple[Counter[int], int, int, int]:
        release = asyncio.Event()

        async def slow_table(request: Request) -> PlainTextResponse:
            running.append(1)
            await release.wait()
            return PlainTextResponse("scored")

        listed = "/v1/models/crime-category:predict"
        routes = [Route(path, slow_table, methods=["POST"])]
        routes += [Route(other, _length, methods=["POST"]) for other in ("/predict", listed)]
        async with client(AdmissionControl(Starlette(routes=routes), make_state())) as one:
            tables = [
                asyncio.create_task(one.post(path, content=TABLE, headers={"Content-Type": kind}))
                for _ in range(limits.TABLES + limits.WAITING_TABLES + 3)
            ]
            while sum(table.done() for table in tables) < 3:  # noqa: ASYNC110 (no event for it)
                await asyncio.sleep(0.01)
            at_once, report = len(running), (await one.post("/predict")).status_code
            small_list = (await one.post(listed, content=TABLE[1:])).status_code
            release.set()
            answers = await asyncio.gather(*tables)
            again = await one.post(path, content=TABLE)
        return Counter(answer.status_code for answer in [*answers, again]), at_once, report, small_list

    codes, at_once, report, small_list = asyncio.run(run())
    assert (at_once, report, small_list) == (places, 200, 200)
    assert codes == {200: limits.TABLES + limits.WAITING_TABLES + 1, 503: 3}


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/predict/batch", {"Content-Type": "application/json"}, b"x" * limits.SMALL_LIST_BYTES, 200),
        ("/predict/batch", {}, b"x", 200),
        ("/invocations", {"Content-Type": "text/csv"}, b"x" + b"\n" * (limits.SMALL_LIST_MARKS - 1), 200),
        ("/invocations", {"Content-Type": "text/csv"}, b"\r" * limits.SMALL_LIST_MARKS, 503),  # as many rows
        ("/invocations", {}, b'{"instances":[{}' + b",{}" * limits.SMALL_LIST_MARKS + b"]}", 503),
        ("/v2/models/crime-category/infer", {"Inference-Header-Content-Length": "1"}, b"x" * 999, 503),  # rows as bytes
        ("/predict/batch", {"Content-Type": "application/octet-stream"}, b"\x1f\x8b", 503),  # thousands of rows, packed
        ("/predict/batch", {"Content-Type": ""}, b"x", 503),
        ("/predict/batch", {"Content-Type": "multipart/form-data; boundary=x"}, b"x", 503),
        ("/review", {"Content-Type": "application/json"}, b"x", 503),
    ],
)
def test_only_a_list_of_few_reports_needs_no_place(
    path: str, headers: dict[str, str], body: bytes, status: int, make_state: MakeState
) -> None:
    app = AdmissionControl(Starlette(routes=[Route(path, _length, methods=["POST"])]), make_state())
    app.tables = limits.TABLES + limits.WAITING_TABLES

    async def in_pieces() -> AsyncIterator[bytes]:
        yield body

    async def run() -> None:
        async with client(app) as one:
            for content in (body, in_pieces()):  # with its length, and without
                answer = await one.post(path, content=content, headers=headers)
                assert answer.status_code == status, answer.text

    asyncio.run(run())


async def _send_and_hang_up(app: ASGIApp, hang_up: asyncio.Event, body: bytes = b"x" * 100_000) -> None:
    """Send a table, and hang up at `hang_up`."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await hang_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    path = "/predict/batch"
    await app(
        {"type": "http", "path": path, "method": "POST", "headers": [(b"content-type", b"text/csv")]}, receive, send
    )


def test_a_table_whose_client_hangs_up_while_it_waits_is_not_answered(make_state: MakeState) -> None:
    answered: list[Scope] = []

    async def run() -> None:
        release, hang_up = asyncio.Event(), asyncio.Event()

        async def slow_table(scope: Scope, receive: Receive, send: Send) -> None:
            answered.append(scope)
            await release.wait()
            await PlainTextResponse("scored")(scope, receive, send)

        app = AdmissionControl(slow_table, make_state())
        stays = [asyncio.create_task(_send_and_hang_up(app, asyncio.Event())) for _ in range(limits.TABLES)]
        while len(answered) < len(stays):  # noqa: ASYNC110 (no event for it)
            await asyncio.sleep(0.01)
        goes = [asyncio.create_task(_send_and_hang_up(app, hang_up)) for _ in range(limits.WAITING_TABLES)]
        while app.tables < len(stays) + len(goes):  # noqa: ASYNC110 (no event for it)
            await asyncio.sleep(0.01)
        hang_up.set()
        await asyncio.wait_for(asyncio.gather(*goes), 10)
        assert app.tables == limits.TABLES  # others may wait in their stead
        release.set()
        await asyncio.gather(*stays)
        await asyncio.wait_for(_send_and_hang_up(app, asyncio.Event()), 10)  # all places are free again
        assert (app.tables, app.whole_tables, app.spool.used) == (0, 0, 0)

    asyncio.run(run())
    assert len(answered) == limits.TABLES + 1


@pytest.mark.parametrize("begins", [False, True])
def test_a_client_that_hangs_up_during_its_answer_leaves_nothing(begins: bool, make_state: MakeState) -> None:
    """The application returns then, without an end of its answer; its body stayed on disk for ever."""

    async def stops(scope: Scope, receive: Receive, send: Send) -> None:
        if begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})

    async def run() -> None:
        app = AdmissionControl(stops, make_state())
        await asyncio.wait_for(_send_and_hang_up(app, asyncio.Event()), 10)
        assert (app.tables, app.whole_tables, app.spool.used) == (0, 0, 0)

    asyncio.run(run())


async def _pieces(size: int) -> AsyncIterator[bytes]:
    """A body sent in pieces, without a length."""
    for _ in range(size // 1024):
        yield b"x" * 1024


@pytest.mark.parametrize(("size", "status"), [(limits.BODY_BYTES, 200), (limits.BODY_BYTES + 1024, 413)])
def test_the_body_of_a_report_is_bounded(size: int, status: int, make_state: MakeState) -> None:
    app = AdmissionControl(ECHO, make_state())

    async def run() -> None:
        async with client(app) as one:
            for body in (b"x" * size, _pieces(size)):
                answer = await one.post("/predict", content=body)
                assert answer.status_code == status, answer.text
            assert (await one.post("/predict/batch", content=b"x" * size)).status_code == 200  # bounded by its route

    asyncio.run(run())
