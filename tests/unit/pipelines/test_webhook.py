"""A webhook's address is a secret, and messages go nowhere else."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from crime.core.errors import WebhookError
from crime.pipelines.webhook import post, read_address
from webhook import Webhook, webhook


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


def test_a_message_arrives_and_calls_nobody_by_name(hook: Webhook) -> None:
    post(hook.address, "drift <!channel> & more: é")
    assert hook.texts == ["drift &lt;!channel&gt; &amp; more: é"]
    assert hook.requests == [hook.path]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int, hook: Webhook) -> None:
    hook.status, hook.location = status, f"{hook.url}/elsewhere"
    with pytest.raises(WebhookError, match=f"^the webhook answered {status}$"):
        post(hook.address, "drift")
    assert hook.requests == [hook.path]


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_a_refusal_tells_its_status_alone(status: int, hook: Webhook) -> None:
    hook.status = status
    with pytest.raises(WebhookError, match=f"^the webhook answered {status}$") as raised:
        post(hook.address, "drift")
    assert raised.value.__cause__ is None


def test_a_webhook_that_is_not_there_tells_no_address(hook: Webhook) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}{hook.path}"
        with pytest.raises(WebhookError, match=r"^the webhook can't be reached: ConnectionRefusedError$"):
            post(address, "drift")
    for odd in (
        "http://no-such-host.invalid/s3cr3t",
        "https://127.0.0.1:1/s3cr3t",
        hook.address.replace("http", "https"),
    ):
        with pytest.raises(WebhookError) as raised:
            post(odd, "drift")
        assert "s3cr3t" not in str(raised.value)
        assert "127.0.0.1" not in str(raised.value)


def test_a_webhook_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.core.limits.WEBHOOK_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted: list[socket.socket] = []
        thread = threading.Thread(target=lambda: accepted.append(server.accept()[0]))
        thread.start()
        with pytest.raises(WebhookError, match=r"^the webhook can't be reached: TimeoutError$"):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/s3cr3t", "drift")
        thread.join()
        accepted[0].close()


def test_an_answer_without_end_is_given_up(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.core.limits.WEBHOOK_ANSWER_BYTES", 1)
    with pytest.raises(WebhookError, match="TooLargeError"):
        post(hook.address, "drift")


@pytest.mark.parametrize("around", ["{}", "{}\n", " {} \r\n"])
def test_an_address_is_read_from_its_file(around: str, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(around.format("https://hooks.example.org/services/a?b=c"))
    assert read_address(file) == "https://hooks.example.org/services/a?b=c"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks.example.org/s3cr3t",
        "file:///etc/passwd?s3cr3t",
        "ftp://example.org/s3cr3t",
        "https:///s3cr3t",
        "https://user:s3cr3t@example.org/",
        "https://example.org:99999/s3cr3t",
        "https://example.org:0/s3cr3t",
        "https://example.org/s3cr3t\nX: y",
        "https://example.org/s3 cr3t",
        "https://example.org/s3cr3t\x00",
        "https://[example.org/s3cr3t",
        "https://example.org/s3cr3t-é",
        "https://example.org/s3cr3t" + "x" * 5_000,
    ],
)
def test_what_is_no_address_is_refused_without_telling_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_bytes(text.encode())
    with pytest.raises(WebhookError, match=str(file)) as raised:
        read_address(file)
    assert "s3cr3t" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(WebhookError, match="FileNotFoundError"):
        read_address(tmp_path / "url")
