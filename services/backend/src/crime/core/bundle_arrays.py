"""NumPy's files `.npz` and `.npy` of bundles, read against a description of what must be in them.

What a header says is compared with the description before anything is allocated for it, and the values before they are
handed on. Nothing is unpickled, and nothing evaluated.
"""

import io
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Literal

import numpy as np

from crime.core import limits
from crime.core.errors import BundleError

END_RECORD_BYTES = 22  # of a zip archive without a comment
MAX_DIRECTORY_BYTES = 64 * limits.KIB  # of a zip archive's list of members: each takes less than 1 KiB of memory
_header = re.compile(
    rb"\{'descr': '([<|])([iufbU])([0-9]{1,7})', 'fortran_order': (True|False), 'shape': \(([0-9, ]{0,200})\), \} *\n"
)
_DTYPES = {"integer": "iu", "number": "iuf", "flag": "b", "text": "U"}
_SIZES = {"i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "b": (1,)}


@dataclass(frozen=True)
class ArrayRule:
    """What an array must be.

    shape: lengths. A text stands for one that is the same wherever it is named in a file, and at most what `longest`
    of `read_arrays` says. low, high: bounds of its values. finite: without NaN; `False` allows NaN, and infinity where
    the bounds do. required: an optional one may be missing.
    """

    kind: Literal["integer", "number", "flag", "text"]
    shape: tuple[int | str, ...]
    low: float = -math.inf
    high: float = math.inf
    finite: bool = True
    required: bool = True


def read_arrays(content: bytes, rules: Mapping[str, ArrayRule], longest: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` archive by name. Raises `BundleError`, which names the array that is wrong."""
    try:
        with zipfile.ZipFile(io.BytesIO(_bounded_archive(content))) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise BundleError("has an array twice")
            if unknown := members.keys() - rules.keys():
                raise BundleError(f"has an unknown array {min(unknown)[:60]!r}")
            for name, rule in rules.items():
                if rule.required and name not in members:
                    raise BundleError(f"has no array {name}")
            if sum(member.file_size for member in members.values()) > limits.BUNDLE_FILE_BYTES:
                raise BundleError(f"unpacks to more than {limits.BUNDLE_FILE_BYTES:,} bytes")
            lengths: dict[str, int] = {}
            return {
                name: _member(archive, member, name, rules[name], lengths, longest) for name, member in members.items()
            }
    # what Python's reader raises where an archive is damaged is not one tree of errors
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError, OSError, ValueError) as error:
        raise BundleError(f"is no archive of arrays: {error}") from None


def read_array(content: bytes, name: str, rule: ArrayRule, longest: Mapping[str, int]) -> np.ndarray:
    """The array of an `.npy` file. Raises `BundleError`."""
    return _array(io.BytesIO(content), len(content), name, rule, {}, longest)


def _bounded_archive(content: bytes) -> bytes:
    """The archive's bytes. Raises `BundleError` if its central directory exceeds `MAX_DIRECTORY_BYTES`."""
    end = content[-END_RECORD_BYTES:]
    if not end.startswith(b"PK\x05\x06") or content[-END_RECORD_BYTES - 20 :].startswith(b"PK\x06\x07"):
        raise BundleError("is no archive of arrays")
    if int.from_bytes(end[12:16], "little") > MAX_DIRECTORY_BYTES:
        raise BundleError("has too many arrays")
    return content


def _member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    name: str,
    rule: ArrayRule,
    lengths: dict[str, int],
    longest: Mapping[str, int],
) -> np.ndarray:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BundleError(f"{name}: is neither stored nor deflated")
    with archive.open(member) as file:
        return _array(file, member.file_size, name, rule, lengths, longest)


def _array(
    file: IO[bytes],
    size: int,
    name: str,
    rule: ArrayRule,
    lengths: dict[str, int],
    longest: Mapping[str, int],
) -> np.ndarray:
    """An array whose file has `size` bytes. `lengths`: those that arrays before it have had by name."""
    start = file.read(10)
    if start[:8] != b"\x93NUMPY\x01\x00" or len(start) < 10:
        raise BundleError(f"{name}: is no array of NumPy's format 1.0")
    header_bytes = int.from_bytes(start[8:10], "little")
    header = _header.fullmatch(file.read(header_bytes))
    if header is None:
        raise BundleError(f"{name}: its header is no plain array's")
    dtype = _dtype(header, name, rule)
    shape = tuple(int(length) for length in header[5].replace(b" ", b"").split(b",") if length)
    _check_shape(shape, name, rule, lengths, longest)
    count = math.prod(shape)
    if size != len(start) + header_bytes + count * dtype.itemsize or size > limits.BUNDLE_FILE_BYTES:
        raise BundleError(f"{name}: {size:,} bytes are not those of {dtype} {shape}")
    values = file.read(count * dtype.itemsize)
    if len(values) != count * dtype.itemsize or file.read(1):
        raise BundleError(f"{name}: has more or fewer bytes than it says")
    array = np.frombuffer(values, dtype) if values else np.empty(0, dtype)
    array = array.reshape(shape, order="F" if header[4] == b"True" else "C")
    _check_values(array, name, rule)
    return array


def _dtype(header: re.Match[bytes], name: str, rule: ArrayRule) -> np.dtype:
    order, kind, size = header[1].decode(), header[2].decode(), int(header[3])
    sizes = _SIZES.get(kind, (size,))
    is_byte = kind != "U" and size == 1  # which alone has no order
    if kind not in _DTYPES[rule.kind] or size not in sizes or (order == "|") != is_byte:
        raise BundleError(f"{name}: expected values of kind {rule.kind}, got {order}{kind}{size}")
    return np.dtype(f"{order}{kind}{size}")


def _check_shape(
    shape: tuple[int, ...], name: str, rule: ArrayRule, lengths: dict[str, int], longest: Mapping[str, int]
) -> None:
    if len(shape) != len(rule.shape):
        raise BundleError(f"{name}: expected {len(rule.shape)} dimensions, got {shape}")
    for length, wanted in zip(shape, rule.shape, strict=True):
        if isinstance(wanted, str):
            if length > longest[wanted]:
                raise BundleError(f"{name}: {length:,} {wanted} are more than {longest[wanted]:,}")
            wanted = lengths.setdefault(wanted, length)
        if length != wanted:
            raise BundleError(f"{name}: expected {wanted} of a length, got {shape}")


def _check_values(array: np.ndarray, name: str, rule: ArrayRule) -> None:
    if array.dtype.kind == "U":
        if array.dtype.itemsize == 0:
            raise BundleError(f"{name}: texts of no length")
        points = np.ascontiguousarray(array).view(np.uint32)
        if (points > 0x10FFFF).any() or ((points >= 0xD800) & (points < 0xE000)).any():
            raise BundleError(f"{name}: has text that is no Unicode")
        return
    if array.dtype.kind == "f" and rule.finite and not np.isfinite(array).all():
        raise BundleError(f"{name}: not every value is a finite number")
    if array.dtype.kind in "iuf" and array.size:
        with np.errstate(invalid="ignore"):
            wrong = (array < rule.low) | (array > rule.high)  # False where NaN
        if wrong.any():
            raise BundleError(f"{name}: expected values from {rule.low:g} to {rule.high:g}, got {array[wrong].flat[0]}")
