"""Packed bodies are read as what they hold, whatever pieces they come in, and never beyond the limits."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from crime.core import limits
from crime.serving.encodings import PIECE_BYTES, unpacked_receive
from fastapi import FastAPI
from reports import SMALLEST_REPORT
from starlette.exceptions import HTTPException
from starlette.requests import Request

CONTENT = json.dumps([SMALLEST_REPORT] * 20_000).encode()  # several pieces
raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
PACKED = {
    "gzip": gzip.compress(CONTENT),
    "x-gzip": gzip.compress(CONTENT[:100]) + gzip.compress(CONTENT[100:]),
    "GZIP ": gzip.compress(CONTENT),
    "deflate": zlib.compress(CONTENT),
    "identity": CONTENT,
    "": CONTENT,
}
RAW_DEFLATE = raw.compress(CONTENT) + raw.flush()


def read(encoding: str, body: bytes, size: int = 1 << 20) -> bytes:
    """The body that an application reads if it comes in pieces of `size` bytes."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    headers = [(b"content-type", b"application/json"), (b"content-encoding", encoding.encode())]
    scope = {"type": "http", "headers": headers}

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def run() -> bytes:
        request = Request(scope, unpacked_receive(scope, receive))
        content = await request.body()
        assert await request.is_disconnected()
        return content

    return asyncio.run(run())


@pytest.mark.parametrize("size", [17, 1000, 1 << 20])
@pytest.mark.parametrize("encoding", PACKED)
def test_a_packed_body_is_what_it_holds(encoding: str, size: int) -> None:
    assert len(CONTENT) > PIECE_BYTES
    assert read(encoding, PACKED[encoding], size) == CONTENT


def test_a_body_has_a_bounded_number_of_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a turn of a thread: 6 MB of empty ones took 26 s."""
    monkeypatch.setattr(limits, "GZIP_MEMBERS", 3)
    assert read("gzip", gzip.compress(b"") * 2 + gzip.compress(CONTENT)) == CONTENT
    with pytest.raises(HTTPException, match="at most 3 gzip members") as refused:
        read("gzip", gzip.compress(b"") * 4)
    assert refused.value.status_code == 400


def test_deflate_may_come_without_a_header_and_a_body_may_be_empty() -> None:
    assert read("deflate", RAW_DEFLATE) == CONTENT
    assert read("gzip", b"") == b""


@pytest.mark.parametrize(
    ("encoding", "body", "status", "message"),
    [
        ("br", b"x", 415, "expected a body in gzip, deflate or no encoding, not 'br'"),
        ("gzip, gzip", b"x", 415, "expected a body in gzip, deflate or no encoding, not 'gzip, gzip'"),
        ("gzip", b"no gzip", 400, "expected a body in gzip, as Content-Encoding says: "),
        (
            "gzip",
            gzip.compress(CONTENT[:100], mtime=0)[:-9],
            400,
            "expected a body in gzip, as Content-Encoding says: it ends too early",
        ),
        ("deflate", b"\x78", 400, "expected a body in deflate, as Content-Encoding says: it ends too early"),
    ],
)
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/features", "/v2/models/crime-category/infer"])
def test_another_encoding_and_a_damaged_body_are_named(
    path: str, encoding: str, body: bytes, status: int, message: str, answering: FastAPI
) -> None:
    answer = post(answering, path, body, encoding)
    told = answer.json()["error" if path.startswith("/v2") else "detail"]
    assert (answer.status_code, told[: len(message)]) == (status, message)
    assert answer.headers.get("accept-encoding") == ("gzip, deflate" if status == 415 else None)


def post(app: FastAPI, path: str, body: bytes | AsyncIterator[bytes], encoding: str) -> httpx.Response:
    headers = {"content-encoding": encoding, "content-type": "application/json"}

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://backend") as client:
            return await client.post(path, content=body, headers=headers)

    return asyncio.run(run())


@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/invocations"])
def test_a_body_is_bounded_as_it_unpacks(path: str, answering: FastAPI) -> None:
    bomb = gzip.compress(b" " * (64 * limits.BODY_BYTES))
    assert len(bomb) < limits.BODY_BYTES
    assert post(answering, path, bomb, "gzip").status_code == 413


@pytest.mark.parametrize(
    ("encoding", "nothing"), [("gzip", gzip.compress(b"", mtime=0)), ("deflate", b"\0\0\0\xff\xff")]
)
def test_a_body_that_unpacks_to_nothing_is_bounded_too(encoding: str, nothing: bytes, answering: FastAPI) -> None:
    async def body() -> AsyncIterator[bytes]:  # whose length is not told
        for _ in range(limits.BODY_BYTES // len(nothing) + 1):
            yield nothing

    assert post(answering, "/predict", body(), encoding).status_code == 413


def test_an_uploaded_file_is_bounded_as_it_unpacks(answering: FastAPI) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = gzip.compress(head + b" " * (64 * limits.BODY_BYTES) + b"\r\n--x--\r\n")
    headers = {"content-encoding": "gzip", "content-type": "multipart/form-data; boundary=x"}

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(answering), base_url="http://backend") as client:
            return await client.post("/predict/batch", content=body, headers=headers)

    assert asyncio.run(run()).status_code == 413


def test_a_packed_report_is_answered(answering: FastAPI) -> None:
    body = json.dumps(SMALLEST_REPORT).encode()
    for path in ("/predict", "/features"):
        plain, packed = post(answering, path, body, ""), post(answering, path, gzip.compress(body), "gzip")
        assert plain.status_code == packed.status_code == 200
        assert plain.json()["level"] == packed.json()["level"] == "place_time"


@pytest.fixture
def answering(start_app: Callable[..., Any], registry: Any, small_bundle: Any) -> FastAPI:
    """An application that answers, and takes uploads of 2 MB."""
    registry.register("crime-category", small_bundle.directory, "champion")
    app: FastAPI = start_app(max_upload_bytes=2 * limits.BODY_BYTES).app
    return app
