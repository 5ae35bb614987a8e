"""A restore checks everything before it touches anything; a backup names what it can't save."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from crime.core import limits
from crime.core.errors import BackupError, RegistryError
from crime.pipelines.backup import BackupResult, restore_backup, save_backup
from crime.pipelines.backup_archive import unpack_backup
from crime.pipelines.backup_index import INDEX_FILE
from crime.registry.audit import OUTCOME_FOLDER
from crime.registry.embedded import EmbeddedRegistry
from crime.registry.promotion import promote
from published_store import PublishedStore

NAME = "crime-category"
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def archive(published: PublishedStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backup") / "backup.tar.gz"
    save_backup(published.registry, path)
    return path


@pytest.fixture(scope="module")
def files(archive: Path) -> Files:
    """The archive's files, by name."""
    with tarfile.open(archive) as whole:
        return {member.name: whole.extractfile(member).read() for member in whole}  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def small(files: Files) -> Files:
    """Without the models: what is refused before they are looked at."""
    return {name: content for name, content in files.items() if not name.startswith("models/")}


@pytest.fixture
def target(tmp_path: Path) -> EmbeddedRegistry:
    """A registry that does not exist yet."""
    return EmbeddedRegistry(tmp_path / "mlruns")


def write(path: Path, files: Files, *members: tarfile.TarInfo) -> Path:
    """An archive of files, and of other members after them."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def refuse(target: EmbeddedRegistry, source: Path, message: str | None = None) -> None:
    """The restore of `source` is refused, and changes nothing."""
    before = sorted(source.parent.iterdir())
    with pytest.raises(BackupError, match=message):
        restore_backup(target, source)
    assert not target.mlruns.exists()
    assert sorted(source.parent.iterdir()) == before


def changed(files: Files, change: Callable[[Any], Any]) -> Files:
    """The files with another index. `change`: changes the index in place, or returns another."""
    index = json.loads(files[INDEX_FILE])
    other = change(index)
    return files | {INDEX_FILE: other if isinstance(other, bytes) else json.dumps(index).encode()}


def model(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda index: change(index["models"][0]) and None


def first(change: Callable[[Any], Any]) -> Callable[[Any], None]:
    return lambda index: change(index["models"][0]["versions"][0]) and None


INDEXES: dict[str, Callable[[Any], Any]] = {
    "no JSON": lambda index: b"{",
    "no object": lambda index: b"[1]",
    "not UTF-8": lambda index: b"\xff\xfe{}",
    "empty": lambda index: b"",
    "deep": lambda index: b"[" * 200_000,
    "a format of another type": lambda index: index.update(format=[1]),
    "models of another type": lambda index: index.update(models={"a": 1}),
    "a model twice": lambda index: index["models"].append(index["models"][0]),
    "an absolute name": model(lambda part: part.update(name="/path")),
    "a name above": model(lambda part: part.update(name="..")),
    "a name with a slash": model(lambda part: part.update(name="crime-category/../../x")),
    "no name": model(lambda part: part.update(name="")),
    "an unknown model": model(lambda part: part.update(name="another")),
    "a quote in a name": model(lambda part: part.update(name="x' OR name LIKE '%")),
    "versions of another type": model(lambda part: part.update(versions="2")),
    "descending versions": model(lambda part: part["versions"].reverse()),
    "a version twice": model(lambda part: part["versions"].append(part["versions"][-1])),
    "an alias elsewhere": model(lambda part: part["aliases"].update(champion="7")),
    "an alias of a path": model(lambda part: part["aliases"].update({"../x": "1"})),
    "a reserved alias": model(lambda part: part["aliases"].update(latest="1")),
    "a numbered alias": model(lambda part: part["aliases"].update(v1="1")),
    "a huge description": model(lambda part: part.update(description="x" * 100_000)),
    "a surrogate": model(lambda part: part.update(description="\ud800")),
    **{
        f"a version {text!r}": first(lambda part, text=text: part.update(version=text))  # type: ignore[misc]
        for text in ("../x", "/x", "", "0", "-1", "01", " 1", "1.0", "1000000000", "9" * 30, "\u0661", 1, None)
    },
    "a far version": model(lambda part: part["versions"][1].update(version="1000000000")),
    "a tag of another type": first(lambda part: part["tags"].update(a=1)),
    "a tag of a path": first(lambda part: part["tags"].update({"../a": "1"})),
    "a NUL": first(lambda part: part["tags"].update(a="\0")),
    "a huge tag": first(lambda part: part["tags"].update(a="x" * 200_000)),
    "many parameters": first(lambda part: part["run"].update(params={str(n): "1" for n in range(2_000)})),
    "a metric that is no number": first(lambda part: part["run"].update(metrics={"a": "much"})),
    "a parameter of a path": first(lambda part: part["run"].update(params={"/etc/x": "1"})),
}


@pytest.mark.parametrize("what", INDEXES)
def test_an_index_is_checked_before_anything_is_touched(
    what: str, small: Files, target: EmbeddedRegistry, tmp_path: Path
) -> None:
    refuse(
        target,
        write(tmp_path / "hostile.tar.gz", changed(small, INDEXES[what])),
        "hostile.tar.gz is not a complete backup: registry.json",
    )


@pytest.mark.parametrize(
    "name",
    [
        "/etc/crime", "../outside", "models/../../outside", "models/crime-category/1/../../../outside",
        "models//1/a", "models/crime-category/01/a", "models/crime-category/x/a", "models/crime-category/1/a/b",
        "models/crime-category/1/.hidden", "models/crime-category/1/a\\b", "models/crime-category/1/a\nb",
        "models/../1/a", "monitoring/audit/../../x", "monitoring/audit/a/b/c.json", "monitoring/audit", "monitoring/x",
        "monitoring/other/a.json", "mlflow.db", "registry.json/a", "models/crime-category/1/" + "x" * 300,
    ],
)  # fmt: skip
def test_names_are_those_of_a_backup(name: str, small: Files, target: EmbeddedRegistry, tmp_path: Path) -> None:
    refuse(target, write(tmp_path / "hostile.tar.gz", small | {name: b"x"}), "is not a complete backup")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE,
                                  tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE])  # fmt: skip
def test_only_regular_files_are_in_a_backup(
    kind: bytes, small: Files, target: EmbeddedRegistry, tmp_path: Path
) -> None:
    member = tarfile.TarInfo("monitoring/audit/a.json")
    member.type, member.linkname = kind, "/etc/passwd"
    refuse(target, write(tmp_path / "hostile.tar.gz", small, member), "is no regular file")


def test_a_file_that_is_there_twice_is_refused(small: Files, target: EmbeddedRegistry, tmp_path: Path) -> None:
    refuse(target, write(tmp_path / "hostile.tar.gz", small, tarfile.TarInfo(INDEX_FILE)), "twice")


@pytest.mark.parametrize("file", ["spec.json", "report.txt", None])
def test_a_version_that_can_not_be_used_is_refused(
    file: str | None, files: Files, target: EmbeddedRegistry, tmp_path: Path
) -> None:
    """Damaged, or missing as a whole."""
    folder = f"models/{NAME}/2/"
    broken = {name: content for name, content in files.items() if file or not name.startswith(folder)}
    if file:
        broken[folder + file] = b"{}"
    refuse(target, write(tmp_path / "hostile.tar.gz", broken), f"{NAME} version 2")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_source_that_is_no_regular_file_is_refused_at_once(
    make: Callable[[Path], None], target: EmbeddedRegistry, tmp_path: Path
) -> None:
    make(tmp_path / "source")
    refuse(target, tmp_path / "source", "no regular file")


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b""), gzip.compress(b"x" * 2_000), gzip.compress(bytes(512)), bytes(10_000)],
    ids=["nothing", "text", "gzip of nothing", "gzip of text", "gzip of half an end", "zeros"],
)
def test_what_is_no_archive(content: bytes, target: EmbeddedRegistry, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(content)
    refuse(target, tmp_path / "source", "is not a complete backup")


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


BOMBS = {
    "a file": header("monitoring/audit/a.json", 300 << 20),
    "a bundle's file": header(f"models/{NAME}/1/a", 300 << 20),
    "a pax header": header("a", 300 << 20, b"x"),
    "a long name": header("a", 300 << 20, b"L"),
    "a global header": header("a", 300 << 20, b"g"),
    "the end": bytes(1024),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_stops_early(
    what: str, target: EmbeddedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 MB out of 300 KB."""
    monkeypatch.setattr(limits, "BACKUP_BYTES", 20 << 20)
    (tmp_path / "unpacked").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "unpacked"))
    with gzip.open(tmp_path / "bomb.tar.gz", "wb", 1) as bomb:
        bomb.write(BOMBS[what])
        for _ in range(300):
            bomb.write(bytes(1 << 20))
    tracemalloc.start()
    try:
        refuse(target, tmp_path / "bomb.tar.gz")
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_the_number_of_files_is_bounded(
    files: Files, target: EmbeddedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BACKUP_FILES", len(files) - 1)
    refuse(target, write(tmp_path / "many.tar.gz", files), "more than .* files")


@pytest.mark.parametrize("form", ["pax", "gnu", "ustar"])
def test_a_backup_that_was_packed_again_is_read(form: str, archive: Path, files: Files, tmp_path: Path) -> None:
    """By GNU tar, with folders, names that begin with `./`, exact times and long names."""
    long = "monitoring/predictions/2026-01-01/" + "x" * 150 + ".csv.gz"
    if form != "ustar":
        files = files | {long: b"x"}
    for name, content in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    subprocess.run(["tar", f"--format={form}", "-czf", tmp_path / "a.tar.gz", "-C", tmp_path / "in", "."], check=True)
    unpack_backup(tmp_path / "a.tar.gz", tmp_path / "out")
    for name, content in files.items():
        assert (tmp_path / "out" / name).read_bytes() == content


class Killed(BaseException):
    """As if the process had ended."""


@pytest.mark.parametrize("moment", [1, 2, 3, 4])
def test_a_restore_that_is_killed_is_run_again(
    moment: int, files: Files, target: EmbeddedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a gap of deleted versions: versions 3 and 5 alone."""

    def move(part: Any) -> None:
        for version, number in zip(part["versions"], "35", strict=True):
            version["version"] = number
        part["aliases"] = {"champion": "5", "previous": "3"}

    moved = {name.replace("/2/", "/5/").replace("/1/", "/3/"): content for name, content in files.items()}
    source = write(tmp_path / "gap.tar.gz", changed(moved, model(move)))
    register, calls = mlflow.register_model, []

    def register_some(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        result = register(*arguments, **options)
        if len(calls) == moment:
            raise Killed
        return result

    monkeypatch.setattr(mlflow, "register_model", register_some)
    with pytest.raises(Killed):
        restore_backup(target, source)
    assert target.models() == [] or target.models()[0].aliases == {}
    restore_backup(target, source)
    assert [version.version for version in target.versions(NAME)] == ["5", "3"]
    assert target.models()[0].aliases == {"champion": "5", "previous": "3"}


def test_one_that_was_killed_at_its_aliases_is_run_again(
    archive: Path, target: EmbeddedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, "set_registered_model_alias", fail)
        with pytest.raises(Killed):
            restore_backup(target, archive)
    assert target.models()[0].aliases == {}
    restore_backup(target, archive)
    assert target.models()[0].aliases == {"champion": "2", "previous": "1"}


def test_a_restore_that_is_done_changes_no_later_decision(archive: Path, target: EmbeddedRegistry) -> None:
    restore_backup(target, archive)
    promote(target, NAME, "1", "an analyst", "later", force=True)
    restore_backup(target, archive)
    assert target.version(NAME) == "1"


def test_a_registry_with_another_model_of_ours_is_not_empty(archive: Path, target: EmbeddedRegistry) -> None:
    target.mlruns.mkdir()
    mlflow.MlflowClient(target.tracking_uri).create_registered_model("crime-risk")
    with pytest.raises(BackupError, match="restore into an empty one"):
        restore_backup(target, archive)
    assert target.models() == []


def test_a_registry_that_fails_meanwhile_is_one_clear_error(
    archive: Path, target: EmbeddedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise mlflow.MlflowException("the disk is full")

    monkeypatch.setattr(mlflow, "register_model", fail)
    with pytest.raises(RegistryError, match="the disk is full"):
        restore_backup(target, archive)


@pytest.fixture
def used(published: PublishedStore, tmp_path: Path) -> EmbeddedRegistry:
    return published.copy(tmp_path / "used")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_a_backup_replaces_no_pipe_and_no_folder(
    make: Callable[[Path], None], used: EmbeddedRegistry, tmp_path: Path
) -> None:
    make(tmp_path / "output")
    with pytest.raises(BackupError, match="is no regular file"):
        save_backup(used, tmp_path / "output")
    assert not (tmp_path / "output").is_file()


def test_what_can_not_be_saved_is_named_and_the_rest_can_be_restored(
    used: EmbeddedRegistry, target: EmbeddedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(used.bundle(NAME, "1"), broken)
    (broken / "report.txt").write_bytes(b"cut")
    bundle = used.bundle
    monkeypatch.setattr(used, "bundle", lambda name, version: broken if version == "1" else bundle(name, version))
    os.mkfifo(used.mlruns / "monitoring/audit/pipe.json")
    (used.mlruns / OUTCOME_FOLDER / "link.json").symlink_to("/etc/passwd")
    (used.mlruns / "monitoring/audit/a\nb.json").write_bytes(b"{}")
    (used.mlruns / "monitoring/predictions").mkdir(exist_ok=True)
    (used.mlruns / "monitoring/predictions/2026-01-02").write_bytes(b"no folder")
    saved = save_backup(used, tmp_path / "backup.tar.gz")
    assert (saved.versions, len(saved.left_out)) == (1, 5)
    assert saved.left_out[0].startswith(f"{NAME} version 1: ")
    assert restore_backup(target, tmp_path / "backup.tar.gz") == BackupResult(1, saved.files)
    assert target.models()[0].aliases == {"champion": "2"}


def test_a_backup_that_could_not_be_restored_is_not_written(
    used: EmbeddedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BACKUP_BYTES", 1_000)
    with pytest.raises(BackupError, match="too large to be restored"):
        save_backup(used, tmp_path / "backup.tar.gz")
    assert not (tmp_path / "backup.tar.gz").exists()
    assert not list(tmp_path.glob(".backup*"))


def test_models_of_others_on_the_same_server_are_not_saved(used: EmbeddedRegistry, tmp_path: Path) -> None:
    client = mlflow.MlflowClient(used.tracking_uri)
    client.create_registered_model("of others")
    client.create_model_version("of others", "somewhere", None)
    saved = save_backup(used, tmp_path / "backup.tar.gz")
    assert (saved.versions, saved.left_out) == (2, ())
