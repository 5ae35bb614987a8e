"""A bundle answers for one report as for many, and a damaged one is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.core.errors import BundleError
from crime.features.detail_levels import mask_above
from crime.reports.schema import DETAIL_LEVELS, DetailLevel
from crime.reports.table import Reports


@pytest.fixture
def copied(small_bundle: CategoryBundle, tmp_path: Path) -> Path:
    """The files of a bundle that a test may damage."""
    return Path(shutil.copytree(small_bundle.directory, tmp_path / "bundle"))


@pytest.mark.parametrize("level", DETAIL_LEVELS)
def test_one_report_alone_or_among_many_gets_the_same_answer(
    level: DetailLevel, small_bundle: CategoryBundle, small_reports: Reports
) -> None:
    fields = mask_above(small_reports.fields, level)
    together = small_bundle.predict(fields, len(small_reports))
    np.testing.assert_allclose(together.probabilities.sum(1), 1)
    assert set(together.levels) == {list(DETAIL_LEVELS).index(level)}
    for row in range(0, len(small_reports), 50):
        alone = small_bundle.predict_one({name: column[row] for name, column in fields.items()})
        assert alone.level == level
        np.testing.assert_allclose(alone.probabilities, together.probabilities[row], atol=1e-12)


def test_reports_of_different_levels_may_be_mixed(small_bundle: CategoryBundle, small_reports: Reports) -> None:
    reports = small_reports.take(slice(0, 40))
    fields = reports.fields | {"mocodes": reports.fields["mocodes"].copy()}
    fields["mocodes"][::2] = None
    answers = small_bundle.predict(fields, 40)
    assert answers.levels.tolist() == [2, 3] * 20
    np.testing.assert_array_equal(
        answers.probabilities[1::2], small_bundle.predict(reports.fields, 40).probabilities[1::2]
    )


def test_no_reports_get_no_answers(small_bundle: CategoryBundle, small_reports: Reports) -> None:
    probabilities, levels = small_bundle.predict(small_reports.take(slice(0, 0)).fields, 0)
    assert (probabilities.shape, levels.shape) == ((0, 7), (0,))


def test_vector_and_matrix_agree(small_bundle: CategoryBundle, small_reports: Reports) -> None:
    matrix = small_bundle.matrix(small_reports.fields, len(small_reports))
    assert matrix.shape == (len(small_reports), len(small_bundle.names))
    for row in range(0, len(small_reports), 100):
        vector = small_bundle.vector({name: column[row] for name, column in small_reports.fields.items()})
        np.testing.assert_array_equal(vector, matrix[row])


def test_a_copy_verifies_and_takes_the_registrys_version(small_bundle: CategoryBundle, copied: Path) -> None:
    copy = CategoryBundle(copied, "12")
    copy.verify()
    assert (small_bundle.version, copy.version, copy.spec.version) == ("unregistered", "12", "12")
    assert copy.name == "crime-category"


def test_a_file_that_was_changed_is_refused(copied: Path) -> None:
    text = (copied / "weapon.txt").read_text()
    (copied / "weapon.txt").write_text(text.replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(BundleError, match=r"weapon\.txt is not the file that was trained: its hash differs"):
        CategoryBundle(copied)


@pytest.mark.parametrize("name", ["report.txt", "counts.npz", "evidence.npz", "held_out.npz", "spec.json"])
def test_a_missing_file_is_refused(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleError, match=f"no model bundle in .*{name}"):
        CategoryBundle(copied)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no model bundle"):
        CategoryBundle(tmp_path / "nowhere")


def test_a_bundle_that_answers_otherwise_than_it_did_does_not_verify(copied: Path) -> None:
    spec = json.loads((copied / "spec.json").read_text())
    spec["golden"][0] = spec["golden"][0][::-1]
    (copied / "spec.json").write_text(json.dumps(spec))
    with pytest.raises(BundleError, match="does not give the answers it was stored with"):
        CategoryBundle(copied).verify()
