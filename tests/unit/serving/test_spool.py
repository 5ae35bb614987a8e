"""Bodies of tables and answers wait on disk within one bound, and the slowest client loses its place first."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from crime.core import limits
from crime.serving.spool import Spool, SpooledAnswer, SpoolFile
from starlette.exceptions import HTTPException
from starlette.types import Message

SIZES = (0, 1, limits.SPOOL_MEMORY_BYTES, limits.SPOOL_MEMORY_BYTES + 1, 5 * limits.SPOOL_MEMORY_BYTES + 7)


def no_drop() -> None:
    raise AssertionError("nobody was slow")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


async def _read_all(receive: Callable[[], Awaitable[Message]]) -> bytes:
    content, more = b"", True
    while more:
        message = await receive()
        content += message["body"]
        more = message["more_body"]
    return content


@pytest.mark.parametrize("size", SIZES)
def test_what_was_appended_is_read_back(size: int) -> None:
    content = bytes(index % 251 for index in range(size))

    async def work() -> None:
        spool = Spool()
        file = SpoolFile(spool, no_drop)
        for first in range(0, size, 10_000):
            await file.append(content[first : first + 10_000])
        assert spool.used == size
        assert await _read_all(file.receive(_gone)) == content
        assert file.open().read() == content
        file.close()
        assert (spool.used, len(spool.files)) == (0, 0)

    run(work())


async def _gone() -> Message:
    return {"type": "http.disconnect"}


def test_after_the_body_comes_that_the_client_is_gone() -> None:
    async def work() -> None:
        file = SpoolFile(Spool(), no_drop)
        await file.append(b"a table")
        receive = file.receive(_gone)
        assert await receive() == {"type": "http.request", "body": b"a table", "more_body": False}
        assert await receive() == {"type": "http.disconnect"}

    run(work())


def test_without_room_the_slowest_client_loses_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPOOL_BYTES", 100)
    dropped: list[str] = []

    async def work() -> None:
        spool = Spool()
        whole = SpoolFile(spool, no_drop)
        await whole.append(b"x" * 40)
        whole.waits_for_client = False
        slow = SpoolFile(spool, lambda: dropped.append("slow"))
        await slow.append(b"x" * 30)
        later = SpoolFile(spool, lambda: dropped.append("later"))
        await later.append(b"x" * 50)
        assert (dropped, spool.used) == (["slow"], 90)
        with pytest.raises(HTTPException) as refused:
            await slow.append(b"x")
        assert refused.value.status_code == 503
        with pytest.raises(HTTPException):
            await later.append(b"x" * 60)  # nobody else is slow
        assert dropped == ["slow"]

    run(work())


def test_an_answer_is_written_at_full_speed_and_read_slowly() -> None:
    sent: list[Message] = []
    piece = b"x" * limits.SPOOL_MEMORY_BYTES

    async def work() -> None:
        may_read = asyncio.Event()

        async def slow_send(message: Message) -> None:
            await may_read.wait()
            sent.append(message)

        answer = SpooledAnswer(SpoolFile(Spool(), no_drop), slow_send)
        forwarding = asyncio.create_task(answer.forward())
        await answer.write({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5):
            await answer.write({"type": "http.response.body", "body": piece, "more_body": True})
        await answer.write({"type": "http.response.body", "body": b"end", "more_body": False})
        assert sent == []  # all was written, though nothing was read
        may_read.set()
        await forwarding
        answer.file.close()

    run(work())
    assert sent[0]["status"] == 200
    assert b"".join(message["body"] for message in sent[1:]) == 5 * piece + b"end"
    assert [message["more_body"] for message in sent[1:]][-1] is False


def test_an_answer_without_room_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SPOOL_BYTES", 10)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def work() -> None:
        answer = SpooledAnswer(SpoolFile(Spool(), no_drop), send)
        forwarding = asyncio.create_task(answer.forward())
        await answer.write({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            await answer.write({"type": "http.response.body", "body": b"x" * 8, "more_body": True})
        await forwarding

    run(work())
    assert [message.get("body") for message in sent[1:]] == [b"x" * 8]  # and no end: the server closes the connection


def test_an_answer_that_ends_while_it_is_read_is_sent_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))

    async def work() -> None:
        file = SpoolFile(Spool(), no_drop)
        answer = SpooledAnswer(file, send)
        read = file.read

        async def read_late(offset: int) -> bytes:
            """Find nothing, as the bytes are not on disk yet, and tell so once they are."""
            monkeypatch.setattr(file, "read", read)
            await answer.write({"type": "http.response.body", "body": b"", "more_body": False})
            return b""

        monkeypatch.setattr(file, "read", read_late)
        await answer.write({"type": "http.response.start", "status": 200, "headers": []})
        await answer.write({"type": "http.response.body", "body": b"all", "more_body": True})
        await asyncio.wait_for(answer.forward(), 1)
        assert b"".join(sent) == b"all"

    run(work())
