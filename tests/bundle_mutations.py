"""Hypothesis strategies that damage real bundles: their bytes, their spec, their arrays and their trees."""

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np
from hypothesis import strategies as st

Files = dict[str, bytes]
Damage = Callable[[random.Random, Files], None]
ODD_NUMBERS = (0, -1, 1, 2, 7, 255, 65_536, 2**31 - 1, 2**31, -(2**31), 2**63, 10**30, 0.5, -0.5, 1e308, 1e-320)
ODD_TEXTS = (
    "",
    "x",
    "../x",
    "/etc/passwd",
    "nan",
    "1",
    "\0",
    "\ud800",
    "é" * 40,
    "[click](http://x)",
    "x" * 5_000,
    "{}",
)
ODD_VALUES: tuple[Any, ...] = (
    *ODD_NUMBERS,
    *ODD_TEXTS,
    None,
    True,
    [],
    {},
    [[]],
    [None],
    {"x": 1},
    float("nan"),
    float("inf"),
)
ODD_TOKENS = (
    "0", "-1", "1", "-2", "7", "99999", "2147483647", "-2147483648", "4294967296", "1e308", "1e400", "-1e300", "nan",
    "inf", "-inf", "", "1 2", "x", "1e", "-", "0x10", "1_0", "3.5", "\0", "é", "1" * 400,
)  # fmt: skip

TREE_LINES = (
    "left_child=", "right_child=", "split_feature=", "num_leaves=", "threshold=", "leaf_value=", "decision_type=",
    "leaf_count=", "internal_count=", "num_cat=", "tree_sizes=", "",
)  # fmt: skip


def broken_bundles(bundles: list[tuple[str, Files]]) -> st.SearchStrategy[tuple[str, str, Files]]:
    """Kind of model, what was done, and the files: those of one of the bundles with one to three kinds of damage."""
    return st.builds(
        lambda bundle, damages, seed, honest: _damaged(bundle[0], bundle[1], damages, seed, honest),
        st.sampled_from(bundles),
        st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=3),
        st.integers(0, 2**32),
        st.integers(0, 9).map(lambda number: number > 0),  # mostly the hashes are made to fit
    )


def _damaged(kind: str, files: Files, damages: list[Damage], seed: int, honest: bool) -> tuple[str, str, Files]:
    dice, changed = random.Random(seed), dict(files)
    for damage in damages:
        damage(dice, changed)
    if honest:
        fit_hashes(changed)
    return kind, f"{[damage.__name__ for damage in damages]} {seed} {honest}", changed


def fit_hashes(files: Files) -> None:
    """Write the files' own hashes into the spec, where it still has a place for them."""
    try:
        spec = json.loads(files["spec.json"])
        spec["sha256"] = {
            name: sha256(files[name]).hexdigest() if name in files else digest
            for name, digest in spec["sha256"].items()
        }
        files["spec.json"] = json.dumps(spec).encode()
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        pass


def _pick(dice: random.Random, files: Files, ending: str = "") -> str:
    return dice.choice(sorted(name for name in files if name.endswith(ending)) or sorted(files))


def cut(dice: random.Random, files: Files) -> None:
    name = _pick(dice, files)
    files[name] = files[name][: dice.randrange(len(files[name]) + 1)]


def flip(dice: random.Random, files: Files) -> None:
    name = _pick(dice, files)
    content = bytearray(files[name])
    for _ in range(dice.choice((1, 1, 8, 100))):
        if content:
            content[dice.randrange(len(content))] = dice.randrange(256)
    files[name] = bytes(content)


def repeat(dice: random.Random, files: Files) -> None:
    name = _pick(dice, files)
    first, last = sorted(dice.randrange(len(files[name]) + 1) for _ in range(2))
    files[name] = files[name][:last] + files[name][first:last] * dice.choice((1, 2, 50)) + files[name][last:]


def swap_files(dice: random.Random, files: Files) -> None:
    first, second = _pick(dice, files), _pick(dice, files)
    files[first], files[second] = files[second], files[first]


def lose_file(dice: random.Random, files: Files) -> None:
    del files[_pick(dice, files)]
    files.setdefault("other.bin", b"x")


def name_files(dice: random.Random, files: Files) -> None:
    """Other names in `sha256`."""

    def change(spec: Any) -> None:
        names = spec["sha256"]
        digest = names.pop(dice.choice(sorted(names)))
        names[dice.choice(("../spec.json", "/etc/passwd", "spec.json", "other.txt", "counts.npy", "week.npz"))] = digest

    _edit_spec(files, change)


def _edit_spec(files: Files, change: Callable[[Any], None]) -> None:
    try:
        spec = json.loads(files["spec.json"])
        change(spec)
        files["spec.json"] = json.dumps(spec).encode()
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        pass


def edit_spec(dice: random.Random, files: Files) -> None:
    """A value somewhere in the spec becomes another, is lost, doubled or renamed."""

    def change(spec: Any) -> None:
        for _ in range(dice.choice((1, 1, 3))):
            at = spec
            while True:
                key = dice.choice(list(at) if isinstance(at, dict) else range(len(at)))
                if not isinstance(at[key], dict | list) or not at[key] or dice.random() < 0.2:
                    break
                at = at[key]
            match dice.randrange(6):
                case 0:
                    del at[key]
                case 1 if isinstance(at, list):
                    at.insert(dice.randrange(len(at) + 1), at[key])
                case 1:
                    at[dice.choice(ODD_TEXTS)] = at.pop(key)
                case 2 if isinstance(at[key], int | float):
                    at[key] = at[key] * dice.choice((-1, 0, 2, 0.5, 1e9)) + dice.choice((0, 1))
                case 3 if isinstance(at, list):
                    dice.shuffle(at)
                case _:
                    at[key] = dice.choice(ODD_VALUES)

    _edit_spec(files, change)


def edit_online(dice: random.Random, files: Files) -> None:
    name = "online.json"
    if name in files:
        odd = json.dumps(dice.choice(ODD_VALUES)).encode()
        files[name] = re.sub(rb"\d+", lambda number: odd if dice.random() < 0.1 else number[0], files[name])


def edit_tree(dice: random.Random, files: Files) -> None:
    """Tokens of a tree's text become others, or are lost or doubled; sizes are made to fit, mostly."""
    name = _pick(dice, files, ".txt")
    lines = files[name].decode("latin-1").split("\n")
    for _ in range(dice.choice((1, 1, 1, 4))):
        wanted = dice.choice(TREE_LINES)
        number = dice.choice([n for n, line in enumerate(lines) if line.startswith(wanted)] or [0])
        if number >= len(lines):
            break
        key, equals, value = lines[number].partition("=")
        tokens = value.split(" ")
        match dice.randrange(7):
            case 0:
                del lines[number]
            case 1:
                lines.insert(number, lines[number])
            case 2:
                tokens.insert(dice.randrange(len(tokens) + 1), dice.choice(tokens))
            case 3:
                del tokens[dice.randrange(len(tokens))]
            case 4:
                dice.shuffle(tokens)
            case _:
                tokens[dice.randrange(len(tokens))] = dice.choice((*ODD_TOKENS, *tokens))
        if number < len(lines) and lines[number].startswith(key + equals):
            lines[number] = f"{key}{equals}{' '.join(tokens)}"
    text = "\n".join(lines)
    files[name] = (fit_sizes(text) if dice.random() < 0.8 else text).encode("latin-1")


def fit_sizes(text: str) -> str:
    """The text with `tree_sizes` that are those of its trees."""
    head, *trees = re.split(r"(?=^Tree=)", text, flags=re.MULTILINE)
    if trees:
        trees[-1] = trees[-1].partition("end of trees")[0]
    return (
        re.sub(r"^tree_sizes=.*$", f"tree_sizes={' '.join(str(len(t)) for t in trees)}", head, flags=re.MULTILINE)
        + text[len(head) :]
    )


def edit_array(dice: random.Random, files: Files) -> None:
    """An array gets other values, another kind of number, shape or name, or is lost."""
    name = _pick(dice, files, ".npz")
    try:
        with np.load(io.BytesIO(files[name])) as stored:
            arrays = dict(stored)
    except Exception:  # damaged before
        return
    key = dice.choice(sorted(arrays))
    array = arrays[key].copy()
    match dice.randrange(9):
        case 0:
            del arrays[key]
        case 1:
            arrays[dice.choice(("x", "codes", "district_ids", *arrays))] = array
        case 2:
            arrays[key] = array[: dice.randrange(len(array) + 1)] if array.ndim else array
        case 3:
            arrays[key] = np.concatenate([array, array[:1]]) if array.ndim else array
        case 4:
            arrays[key] = array.T if array.ndim > 1 else array[:, None] if array.ndim else array
        case 5:
            kind = dice.choice(("f8", "f2", "i8", "u1", "b1", "U3", ">f8", "c16", "O", "S4", "M8[D]"))
            with np.errstate(all="ignore"):
                try:
                    arrays[key] = array.astype(kind)
                except (ValueError, TypeError):
                    return
        case 6 if array.ndim:
            arrays[key] = array[::-1]
        case _ if array.size and array.dtype.kind in "iufb":
            with np.errstate(all="ignore"):
                odd = np.array([dice.choice((0, -1, 1, 22, 300, 65_535, 1e9, np.nan, np.inf, -np.inf))]).astype(
                    array.dtype
                )
            flat = array.reshape(-1)
            if dice.random() < 0.2:
                flat[dice.randrange(array.size) :] = odd
            else:
                flat[[dice.randrange(array.size) for _ in range(dice.choice((1, 1, 5, array.size)))]] = odd
            arrays[key] = flat.reshape(array.shape)
        case _ if array.size and array.dtype.kind == "U":
            array.reshape(-1)[dice.randrange(array.size)] = dice.choice(
                ("", "x", "?", "legacy:", "nibrs:1 x", "9" * 50)
            )
            arrays[key] = array
    output = io.BytesIO()
    np.savez_compressed(output, **arrays)
    files[name] = output.getvalue()


def edit_header(dice: random.Random, files: Files) -> None:
    """The header of an array says something else, or the archive packs its members otherwise."""
    name = _pick(dice, files, ".npz")
    output = io.BytesIO()
    headers = (
        (rb"'shape': \((\d+)", rb"'shape': (%d" % dice.choice((0, 1, 10**6, 10**12, 10**18, 2**63))),
        (
            rb"'descr': '.(..)'",
            rb"'descr': '%s'" % dice.choice((b"|O", b">f8", b"<f8", b"<U9", b"<i8", b"<U999999999")),
        ),
        (rb"'fortran_order': False", rb"'fortran_order': True "),
        (rb"\(", b"(" * 500),
        (rb"\{", b"{'x': __import__('os').getcwd(), "),
        (rb"NUMPY\x01", rb"NUMPY\x02"),
    )
    pattern, other = dice.choice(headers)
    try:
        with zipfile.ZipFile(io.BytesIO(files[name])) as stored:
            chosen = dice.choice(stored.namelist())
            packing = dice.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
            with zipfile.ZipFile(output, "w", packing) as written:
                for member in stored.namelist():
                    content = stored.read(member)
                    if member == chosen and dice.random() < 0.9:
                        content = re.sub(pattern, lambda _: other, content, count=1)
                    written.writestr(member, content)
    except Exception:  # damaged before
        return
    files[name] = output.getvalue()


DAMAGES: tuple[Damage, ...] = (
    cut,
    flip,
    repeat,
    swap_files,
    lose_file,
    name_files,
    edit_spec,
    edit_spec,
    edit_spec,
    edit_online,
    edit_tree,
    edit_tree,
    edit_tree,
    edit_array,
    edit_array,
    edit_array,
    edit_header,
)
