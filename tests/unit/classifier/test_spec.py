"""What a bundle says of itself is validated when it is read, and written without change."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.spec import CategorySpec
from crime.core.bundle_files import BundleSpec, read_spec, write_spec
from crime.core.errors import BundleError


@pytest.fixture
def copied(small_bundle: CategoryBundle, tmp_path: Path) -> Path:
    """The files of a bundle that a test may change."""
    return Path(shutil.copytree(small_bundle.directory, tmp_path / "bundle"))


def change(directory: Path, **values: Any) -> None:
    path = directory / "spec.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_spec_is_written_as_it_was_read(copied: Path) -> None:
    before = (copied / "spec.json").read_bytes()
    write_spec(copied, read_spec(copied, CategorySpec))
    assert (copied / "spec.json").read_bytes() == before
    write_spec(copied, read_spec(copied, BundleSpec))
    assert (copied / "spec.json").read_bytes() == before


def test_data_facts_are_those_of_the_reports(small_bundle: CategoryBundle) -> None:
    data = small_bundle.spec.data
    assert (data.trained_on, data.held_out) == (1578, 316)
    assert data.first_day < data.held_out_from < data.until
    assert (data.systems, data.share) == ({"legacy": 1578}, 1)
    premises = small_bundle.spec.vocabularies["premis_cd"]
    assert 1500 < sum(entry.reports for entry in premises) <= 1578


def test_unknown_keys_of_another_release_are_kept(copied: Path) -> None:
    data = json.loads((copied / "spec.json").read_text())["data"]
    change(copied, invented={"deep": [1]}, data=data | {"city": "Los Angeles"})
    spec = CategoryBundle(copied, "7").spec.as_json()
    assert spec["invented"] == {"deep": [1]}
    assert spec["data"]["city"] == "Los Angeles"
    assert spec["version"] == "7"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"features": "area"}, "features"),
        ({"rounds": {"report": "many"}}, "rounds.report"),
        ({"golden": [["high"]]}, "golden.0.0"),
        ({"data": {"from": "2020-01-01"}}, "data.fingerprint"),
        ({"sha256": None}, "sha256"),
    ],
)
def test_a_malformed_spec_is_refused_by_the_name_of_its_field(copied: Path, values: dict[str, Any], field: str) -> None:
    change(copied, **values)
    with pytest.raises(BundleError, match=rf"spec\.json is malformed: {field}: "):
        CategoryBundle(copied)


def test_a_missing_field_is_named(copied: Path) -> None:
    spec = json.loads((copied / "spec.json").read_text())
    del spec["reference"]
    (copied / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(BundleError, match=r"reference: Field required"):
        CategoryBundle(copied)


@pytest.mark.parametrize("text", ["", "[1]", "{", "null"])
def test_text_that_is_no_spec_is_a_bundle_error(copied: Path, text: str) -> None:
    (copied / "spec.json").write_text(text)
    with pytest.raises(BundleError):
        CategoryBundle(copied)


def test_other_categories_than_this_releases_are_refused(copied: Path) -> None:
    change(copied, categories={"theft": "theft"})
    with pytest.raises(BundleError, match="categories"):
        CategoryBundle(copied)
