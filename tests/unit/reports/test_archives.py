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
