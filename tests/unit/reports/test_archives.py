"""Archives are recognised by content."""

import gzip
import io
import zipfile

import pytest
from crime.core.errors import DataError
from crime.reports.archives import UNREADABLE_ERRORS, open_unpacked

TABLE = b"AREA\n1\n" * 100


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


def unpack(content: bytes) -> bytes:
    with open_unpacked(io.BytesIO(content)) as stream:
        return stream.read()


@pytest.mark.parametrize(
    "content", [TABLE, gzip.compress(TABLE), zipped(reports_csv=TABLE, readme_md=b"")], ids=["plain", "gzip", "zip"]
)
def test_a_table_comes_out_of_any_archive(content: bytes) -> None:
    assert unpack(content) == TABLE


@pytest.mark.parametrize("content", [zipped(a_csv=b"", b_TXT=b""), zipped(readme_md=b"")])
def test_a_zip_must_hold_one_table(content: bytes) -> None:
    with pytest.raises(DataError, match="expected one table in the zip, found"):
        unpack(content)


def test_damage_is_one_of_the_errors_that_readers_expect() -> None:
    packed = gzip.compress(TABLE)
    for content in (packed[:-5], packed[:20] + b"x" * 30, packed[:12] + b"x" + packed[13:], zipped(a_csv=TABLE)[:-5]):
        with pytest.raises((*UNREADABLE_ERRORS, DataError)):
            unpack(content)


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_only_deflate_is_unpacked_from_a_zip(method: int, name: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a.csv", TABLE)
    with pytest.raises(DataError, match=f"packed with {name}: expected deflate"):
        unpack(file.getvalue())


@pytest.mark.parametrize("content", [gzip.compress(TABLE) * 3, zipped(a_csv=TABLE * 3)], ids=["members", "zip"])
def test_what_an_archive_unpacks_to_is_bounded(content: bytes) -> None:
    size = 3 * len(TABLE)
    with open_unpacked(io.BytesIO(content), size) as stream:
        assert len(stream.read()) == size
        stream.seek(0)
        assert stream.readline() == b"AREA\n"
    with (
        open_unpacked(io.BytesIO(content), size - 1) as stream,
        pytest.raises(DataError, match="the archive unpacks to more than"),
    ):
        stream.read()


def test_members_of_an_uploaded_gzip_file_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crime.core.limits.GZIP_MEMBERS", 3)
    content = gzip.compress(TABLE) * 3
    with open_unpacked(io.BytesIO(content), 10_000) as stream:
        assert stream.read() == TABLE * 3
    for more in (b"\0" * 500 + gzip.compress(TABLE), gzip.compress(b"") * 2):
        with (
            open_unpacked(io.BytesIO(content + more), 10_000) as stream,
            pytest.raises(DataError, match="at most 3 gzip members"),
        ):
            stream.read()
        assert unpack(content + more).startswith(TABLE * 3)  # of a command, with a file of its user


def test_zeros_behind_a_gzip_file_are_padding_and_other_bytes_are_damage() -> None:
    assert unpack(gzip.compress(TABLE) + b"\0" * 200_000) == TABLE
    with pytest.raises(UNREADABLE_ERRORS):
        unpack(gzip.compress(TABLE) + b"more")


class _Counted(io.BytesIO):
    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        return super().read(size)


def test_a_long_name_in_a_gzip_header_is_not_read_byte_by_byte() -> None:
    """50 MB of it took 13 seconds."""
    packed = gzip.compress(TABLE)
    file = _Counted(packed[:3] + b"\x08" + packed[4:10] + b"n" * 1_000_000 + b"\0" + packed[10:])
    with open_unpacked(file) as stream:
        assert stream.read() == TABLE
    assert file.reads < 100


def test_long_names_in_a_zip_are_told_in_short() -> None:
    content = zipped(**{"a" * 60_000 + "_csv": b"", "b_csv": b""})
    with pytest.raises(DataError) as raised:
        unpack(content)
    assert len(str(raised.value)) < 300


def test_a_zip_of_very_many_files_is_refused_before_they_are_listed() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(30_000):
            archive.writestr(str(number), b"")
    with pytest.raises(DataError, match="the zip holds too many files"):
        unpack(file.getvalue())
