"""Arrays of bundles are read against a description: nothing is allocated or unpickled that it does not name."""

import io
import pickle
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest
from crime.core import limits
from crime.core.bundle_arrays import ArrayRule, read_array, read_arrays
from crime.core.errors import BundleError

RULES = {
    "count": ArrayRule("integer", ("rows",), 0, 9),
    "share": ArrayRule("number", ("rows", 2), 0, 1),
    "name": ArrayRule("text", ("rows",), required=False),
    "mark": ArrayRule("flag", (2,), required=False),
    "open": ArrayRule("number", ("others",), finite=False, required=False),
}
LONGEST = {"rows": 5, "others": 100}
GOOD: dict[str, Any] = {
    "count": np.array([1, 2], np.uint8),
    "share": np.asfortranarray([[0.5, 0.25], [1, 0]]),
    "name": np.array(["a", "bé"]),
    "mark": np.array([True, False]),
    "open": np.array([np.nan, np.inf]),
}


def archive(arrays: dict[str, Any], save: Any = np.savez_compressed) -> bytes:
    output = io.BytesIO()
    save(output, **arrays)
    return output.getvalue()


def packed(members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", kind) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return output.getvalue()


def member(array: Any) -> bytes:
    output = io.BytesIO()
    np.save(output, array)
    return output.getvalue()


def header(text: str, values: bytes = b"") -> bytes:
    content = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content + values


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_they_were_written(save: Any) -> None:
    read = read_arrays(archive(GOOD, save), RULES, LONGEST)
    assert read.keys() == GOOD.keys()
    for name, values in GOOD.items():
        np.testing.assert_array_equal(read[name], values)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("count", np.array([1, 10]), "count: expected values from 0 to 9, got 10"),
        ("count", np.array([1.0, 2.0]), "count: expected values of kind integer"),
        ("count", np.array([1, 2, 3]), "expected . of a length"),
        ("count", np.array([[1], [2]]), "count: expected 1 dimensions"),
        ("count", np.arange(6) % 2, "count: 6 rows are more than 5"),
        ("share", np.array([[0.5, np.nan], [0, 0]]), "share: not every value is a finite number"),
        ("share", np.array([[0.5, 1.5], [0, 0]]), "share: expected values from 0 to 1, got 1.5"),
        ("share", np.zeros((2, 3)), "share: expected 2 of a length"),
        ("share", np.zeros((2, 2), ">f8"), "share: its header is no plain"),
        ("share", np.zeros((2, 2), complex), "share: its header is no plain"),
        ("name", np.array(["a", b"b"], object), "name: its header is no plain"),
        ("name", np.array([1, 2]), "name: expected values of kind text"),
        ("mark", np.array([1, 0], np.uint8), "mark: expected values of kind flag"),
        ("other", np.array([1]), "has an unknown array 'other'"),
    ],
)
def test_other_arrays_are_refused_by_their_name(name: str, values: Any, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        read_arrays(archive(GOOD | {name: values}), RULES, LONGEST)


def test_text_that_is_no_unicode_is_refused() -> None:
    for point in (0xD800, 0x110000):
        values = np.array([point, 65], np.uint32).view("<U1")
        with pytest.raises(BundleError, match="name: has text that is no Unicode"):
            read_arrays(archive(GOOD | {"name": values}), RULES, LONGEST)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"\0" * 100,
        archive(GOOD)[:-1],
        archive(GOOD)[:-100],
        archive(GOOD) + b"x",
        archive({"count": GOOD["count"]}),
        packed({"count.npy": member(GOOD["count"]), "share.npy": b""}),
        packed(
            {"count.npy": member(GOOD["count"]), "count": member(GOOD["count"]), "share.npy": member(GOOD["share"])}
        ),
        packed({"count.npy": pickle.dumps([1, 2]), "share.npy": member(GOOD["share"])}),
        *(
            packed({f"{name}.npy": member(values) for name, values in GOOD.items()}, kind)
            for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
        ),
        packed({f"{number:099}": b"" for number in range(1_000)}),
    ],
)
def test_what_is_no_archive_of_these_arrays_is_refused(content: bytes) -> None:
    with pytest.raises(BundleError):
        read_arrays(content, RULES, LONGEST)


@pytest.mark.parametrize(
    "head",
    [
        "{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<U999999', 'fortran_order': False, 'shape': (5,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (2**40,), }",
        "{'descr': [('x', '<i8')], 'fortran_order': False, 'shape': (1,), }",
        "__import__('os').abort()",
        "(" * 9_000,
    ],
)
def test_a_header_is_compared_before_anything_is_allocated(head: str) -> None:
    content = packed({"count.npy": header(head, b"x" * 100), "share.npy": member(GOOD["share"])})
    tracemalloc.start()
    try:
        with pytest.raises(BundleError):
            read_arrays(content, RULES, LONGEST | {"rows": 10**13})
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive(GOOD | {"open": np.zeros(100)})
    monkeypatch.setattr(limits, "BUNDLE_FILE_BYTES", 1_000)
    with pytest.raises(BundleError, match="unpacks to more than 1,000 bytes"):
        read_arrays(content, RULES, LONGEST)


def test_one_array_in_a_file_of_its_own() -> None:
    rule = ArrayRule("integer", ("rows", 2), 0, 9)
    np.testing.assert_array_equal(read_array(member(np.eye(2, dtype=int)), "x", rule, LONGEST), np.eye(2))
    for content in (b"", b"\x93NUMPY\x01\x00", member(np.eye(2, dtype=int))[:-1], member(np.eye(2, dtype=int)) + b"x"):
        with pytest.raises(BundleError, match="x: "):
            read_array(content, "x", rule, LONGEST)
