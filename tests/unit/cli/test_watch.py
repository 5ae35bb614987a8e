"""`crime watch` on an embedded store, with a real webhook."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from published_store import PublishedStore
from typer.testing import Result
from webhook import Webhook, webhook

RunCommand = Callable[..., Result]


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


def test_what_is_told_is_printed_and_the_address_never(
    crime: RunCommand, hook: Webhook, published: PublishedStore, tmp_path: Path
) -> None:
    published.copy(tmp_path / "mlruns")
    file = tmp_path / "url"
    file.write_text(f"{hook.address}\n")
    hook.status = 500
    failed = crime("watch", "--webhook-file", file, code=1)
    assert failed.stderr == "error: the webhook answered 500\n"
    hook.status = 200
    first = crime("watch", "--webhook-file", file)
    assert first.stdout.splitlines() == hook.texts[-1].splitlines()
    assert "crime-category version 2 is champion" in first.stdout
    assert crime("watch", "--webhook-file", file).stdout == "nothing new to tell\n"
    for result in (failed, first):
        assert hook.path not in result.output


def test_without_a_registry_it_is_one_line(crime: RunCommand, hook: Webhook, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(hook.address)
    assert crime("watch", "--webhook-file", tmp_path / "none", code=1).stderr.count("\n") == 1
    assert hook.path not in crime("watch", "--webhook-file", file, code=1).output
    assert hook.texts == []
