"""Held-out reports come back from their file as they were."""

from pathlib import Path

import numpy as np
from crime.classifier import held_out
from crime.classifier.held_out import HeldOutReports
from crime.reports.sources import CIRCUMSTANCES
from crime.reports.table import Reports


def test_held_out_reports_are_read_as_they_were_written(small_reports: Reports, tmp_path: Path) -> None:
    reports = small_reports.take(slice(0, 50))
    reports.fields["mocodes"] = reports.fields["mocodes"].copy()
    reports.fields["mocodes"][3], reports.fields["mocodes"][4] = None, ()
    stored = HeldOutReports.newest(reports, ["area", "premise", "mo_count"])
    stored.save(tmp_path / "held_out.npz")
    read = HeldOutReports.load((tmp_path / "held_out.npz").read_bytes())
    assert len(read) == 50
    np.testing.assert_array_equal(read.label, reports.label)
    np.testing.assert_array_equal(read.fields["premis_cd"], reports.fields["premis_cd"])
    assert read.fields["mocodes"].tolist() == reports.fields["mocodes"].tolist()


def test_fields_that_no_feature_reads_are_not_stored(small_reports: Reports, tmp_path: Path) -> None:
    stored = HeldOutReports.newest(small_reports, ["area", "premise", "mo_count"])
    assert set(stored.fields) == {"area", "premis_cd", "weapon_used_cd", "mocodes", "system", *CIRCUMSTANCES}
    stored.save(tmp_path / "held_out.npz")
    assert np.isnan(HeldOutReports.load((tmp_path / "held_out.npz").read_bytes()).fields["vict_age"]).all()


def test_only_the_newest_are_carried(small_reports: Reports) -> None:
    many = small_reports.take(np.arange(held_out.MAX_HELD_OUT + 7) % len(small_reports))
    stored = HeldOutReports.newest(many, ["mo_count"])
    assert len(stored) == held_out.MAX_HELD_OUT
    np.testing.assert_array_equal(stored.label, many.label[7:])
