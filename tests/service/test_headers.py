"""Every answer says that it is data for the client that asked, whatever answered it."""

import socket

import httpx
import pytest
from harness import Backend
from reports import SMALLEST_REPORT

HEADERS = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "cache-control": "no-store"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/health", "", 200),
        ("GET", "/docs", "", 200),
        ("POST", "/predict", SMALLEST_REPORT, 200),
        ("POST", "/predict", "no report", 422),
        ("POST", "/predict", "x" * 100_000, 413),
        ("GET", "/nowhere", "", 404),
        ("PUT", "/predict", "", 405),
        ("GET", "/" + "a" * 10_000, "", 414),
        ("POST", "/v2/models/crime-category/infer", "no tensors", 422),
        ("POST", "/invocations", "\n", 422),
    ],
)
def test_every_answer_forbids_sniffing_framing_caching_and_foreign_content(
    method: str, path: str, body: str | dict[str, object], status: int, api: httpx.Client
) -> None:
    sent = {"json": body} if isinstance(body, dict) else {"content": body}
    answer = api.request(method, path, headers={"Origin": "https://elsewhere.example"}, **sent)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "://" not in policy
    assert "access-control-allow-origin" not in answer.headers  # CORS is closed


def test_what_is_no_http_is_answered_so_too(backend: Backend) -> None:
    host, port = backend.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"HELO crime\r\n\r\n")
        answer = client.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"x-frame-options: DENY" in answer
