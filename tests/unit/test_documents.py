"""Documents name paths, commands and options that exist."""

import re
from pathlib import Path

import pytest
import typer
from crime.cli import __main__  # noqa: F401 (registers the commands)
from crime.cli.app import app

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "services/backend/src"
# where a path in a document may begin
PAGE = ROOT / "services/frontend/src"
BASES = (ROOT, ROOT / "tests", SOURCES, SOURCES / "crime", ROOT / "charts/crime-prediction", PAGE, PAGE / "crime_ui")
DOCUMENTS = [
    str(path.relative_to(ROOT)) for glob in ("*.md", "docs/**/*.md", "charts/*/README.md") for path in ROOT.glob(glob)
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_that_a_document_names_exists(document: str) -> None:
    paths = re.findall(r"`([\w./-]+/[\w-]+\.(?:py|csv|yaml|json))`", (ROOT / document).read_text())
    missing = [path for path in paths if not any((base / path).exists() for base in BASES)]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_to_a_file_leads_somewhere(document: str) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / document).read_text())
    assert not [target for target in targets if not (ROOT / document).parent.joinpath(target).exists()]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_option_of_a_command_exists(document: str) -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    unknown = []
    for name, rest in re.findall(r"crime ([a-z]+)([^`|#\n]*)", (ROOT / document).read_text()):
        if name in commands and name != "features":  # a group: the options are those of `features build`
            options = {option for parameter in commands[name].params for option in parameter.opts}
            unknown += [f"{name} {option}" for option in re.findall(r" (--[a-z-]+)", rest) if option not in options]
    assert not unknown


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_document_names_exists(document: str) -> None:
    kinds = "unit|service|browser|chart|hostile|cluster|release"
    named = re.findall(rf"`(?:tests/)?((?:{kinds})/[\w/]+\.(?:py|yaml))(?:::(\w+))?`", (ROOT / document).read_text())
    missing = [
        (path, name)
        for path, name in named
        if not (ROOT / "tests" / path).exists() or f"def {name}(" not in f"def ({(ROOT / 'tests' / path).read_text()}"
    ]
    assert not missing


def test_every_promise_of_security_has_a_test() -> None:
    promises, _, table = (ROOT / "SECURITY.md").read_text().partition("## Which test shows it")
    guarded = promises.partition("## What is guarded against")[2].partition("## What is not")[0]
    bullets = re.findall(r"^- \*\*([^*]+?)\.?\*\*(.*?)(?=^- |\Z)", guarded, re.MULTILINE | re.DOTALL)
    assert len(bullets) > 15
    rows = re.findall(r"^\| ([^|]+) \| `", table, re.MULTILINE)
    untested = [
        name for name, text in bullets if "`tests/" not in text and not any(row.startswith(name) for row in rows)
    ]
    assert not untested


def test_without_internet_only_what_was_carried_is_run() -> None:
    text = (ROOT / "docs/how-to/air-gapped.md").read_text()
    _, inside = text.split("Carry `images.tar.gz`")
    assert not re.findall(r"uv run|uvx|scripts/|pip install", inside)
