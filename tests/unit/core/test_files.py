"""Files appear whole or not at all."""

import subprocess
import sys
from pathlib import Path

import pytest
from crime.core.files import atomic_write


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "spec.json"
    target.write_text("old")
    with atomic_write(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "spec.json"
    target.write_text("old")

    def write_half() -> None:
        with atomic_write(target) as partial:
            partial.write_text("ne")
            raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError):
        write_half()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_do_not_share_a_file(tmp_path: Path) -> None:
    target = tmp_path / "spec.json"
    with atomic_write(target) as first, atomic_write(target) as second:
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "spec.json"
    code = "import sys, os, pathlib; from crime.core.files import atomic_write\n" + (
        "with atomic_write(pathlib.Path(sys.argv[1])) as partial: partial.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    with atomic_write(target) as partial:
        partial.write_text("new")
    assert list(tmp_path.iterdir()) == [target]


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(FileExistsError, match="no regular file"), atomic_write(Path("/dev/full")):
        pass
    assert not Path("/dev/full").is_file()
