"""Hostile input ends in a clear error, in bounded time and memory, and the next request is answered."""

import gzip
import io
import json
import os
import re
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import openpyxl
import pyarrow as pa
import pytest
from bundle_mutations import fit_sizes
from crime.core.bundle_files import file_hashes
from crime.core.model_names import CHALLENGER_MODEL
from harness import Backend, Store, wait_until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet
from reports import SMALLEST_REPORT
from spoilt_tables import HEAD, KINDS, TABLE, spoilt, zip_file

ARROW = "application/vnd.apache.arrow.stream"
MEMORY_LIMIT = 3 << 30  # bytes of address space for one command, most of it libraries
TIMEOUT = 10  # seconds


def test_any_bytes_are_answered(backend: Backend) -> None:
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, (table := pa.table({"DATE OCC": ["2023-01-15"], "AREA": [1]})).schema) as writer:
        writer.write_table(table)
    kinds = {"text/csv": TABLE, ARROW: stream.getvalue()}
    kinds["application/json"] = json.dumps([SMALLEST_REPORT] * 3).encode()

    @settings(max_examples=400, deadline=TIMEOUT * 1000, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(list(kinds)).flatmap(lambda kind: st.tuples(st.just(kind), spoilt(kinds[kind]))))
    def answered(case: tuple[str, bytes]) -> None:
        kind, content = case
        try:
            answer = client.post("/predict/batch", content=content, headers={"Content-Type": kind})
        except httpx.RemoteProtocolError:  # a stream that breaks off halfway has no other way to say so
            return
        assert answer.status_code in (200, 413, 422), answer.text

    with httpx.Client(base_url=backend.url, timeout=60) as client:
        answered()
    assert httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).status_code == 200


def _write_bomb(path: Path, head: bytes, part: bytes, times: int) -> None:
    """A gzip file with a part repeated so many times: gigabytes in a few megabytes."""
    pack = zlib.compressobj(1, wbits=31)
    with path.open("wb") as file:
        file.write(pack.compress(head))
        for _ in range(times):
            file.write(pack.compress(part))
        file.write(pack.flush())


def hostile_files(tmp_path: Path) -> Iterator[tuple[str, Path, str]]:
    """Name, file, and what the error must say."""

    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    yield "a line of 100 MB", write("line.csv", TABLE + b"x" * (100 << 20) + b"\n"), "can't be read"
    bomb = tmp_path / "bomb.csv.gz"
    _write_bomb(bomb, HEAD.encode(), b"1," * (1 << 19), 4_000)  # 4 GB in one line
    yield "a gzip bomb without a line's end", bomb, "can't be read"
    yield "a zip in a zip", write("zip.zip", zip_file(KINDS["zip"], "inner.zip")), "expected one table in the zip"
    yield "a truncated gzip", write("cut.csv.gz", gzip.compress(TABLE * 999)[:-9]), "can't be read"
    yield "a truncated Parquet file", write("cut.parquet", KINDS["parquet"][:-9]), "can't be read"
    yield "NULs", write("nul.csv", b"\0" * 10_000), "the file is binary"
    yield "an open quote to the end", write("quote.csv", TABLE + b'"' + b"a,b\n" * (30 << 18)), "can't be read"
    yield "a header of a million columns", write("wide.csv", b"a," * 1_000_000 + b"\n1"), "not an LAPD table"
    yield "a header of ten thousand columns", write("columns.csv", HEAD.encode()[:-1] + b",x" * 10_000), "1,000 columns"
    os.mkfifo(tmp_path / "pipe.csv")
    yield "a pipe", tmp_path / "pipe.csv", "neither a file nor a folder"
    yield "a device", Path("/dev/zero"), "neither a file nor a folder"
    yield "LZMA in a zip", write("lzma.zip", zip_file(TABLE, method=zipfile.ZIP_LZMA)), "expected deflate"
    yield from hostile_columns(tmp_path)
    yield from hostile_documents(tmp_path)


def hostile_columns(tmp_path: Path) -> Iterator[tuple[str, Path, str]]:
    """Parquet and Feather of a few kilobytes that hold 100 GB."""
    rows = 100_000
    long_text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * (1 << 20)]))
    columns = {"DATE OCC": ["01/15/2023"] * rows, "TIME OCC": ["1200"] * rows, "AREA": ["1"] * rows}
    table = pa.table(columns | {"Mocodes": long_text})
    for name, options in {"dictionary": {"store_schema": False}, "schema": {}}.items():
        path = tmp_path / f"{name}.parquet"
        parquet.write_table(table, path, compression="zstd", **options)
        yield f"a Parquet {name} of a long text", path, "memory"
    path = tmp_path / "delta.parquet"
    short = pa.table(
        {name: column[:2_000] for name, column in columns.items()} | {"Mocodes": ["x" * (1 << 20)] * 2_000}
    )
    parquet.write_table(short, path, use_dictionary=False, column_encoding={"Mocodes": "DELTA_BYTE_ARRAY"})
    yield "a Parquet file whose texts repeat the one before", path, "memory"
    path = tmp_path / "wide.parquet"
    parquet.write_table(pa.table({f"c{number}": [1] for number in range(5_000)}), path)
    yield "a Parquet file of 5,000 columns", path, "5,000 columns: at most 1,000"
    path = tmp_path / "long.feather"
    feather.write_feather(table, path, compression="zstd", chunksize=rows)
    yield "a Feather dictionary of a long text", path, "memory"


def hostile_documents(tmp_path: Path) -> Iterator[tuple[str, Path, str]]:
    """Workbooks and JSON that take gigabytes once they are read."""
    workbook = openpyxl.Workbook()
    assert workbook.active
    workbook.active.append(HEAD.strip().split(","))
    workbook.active["XFD1048576"] = "x"
    workbook.save(tmp_path / "far.xlsx")
    yield "a workbook with a cell in its last corner", tmp_path / "far.xlsx", "memory"
    with (
        zipfile.ZipFile(tmp_path / "far.xlsx") as plain,
        zipfile.ZipFile(tmp_path / "long.xlsx", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed,
    ):
        for name in plain.namelist():
            before, end, after = plain.read(name).partition(b"</sheetData>")
            with packed.open(name, "w", force_zip64=True) as member:
                member.write(before)
                for _ in range(3_000 if end else 0):
                    member.write(b'<row><c t="inlineStr"><is><t>' + b"y" * (1 << 20) + b"</t></is></c></row>")
                member.write(end + after)
    yield "a workbook that unpacks to 3 GB", tmp_path / "long.xlsx", "memory"
    _write_bomb(tmp_path / "lists.json", b"[", (b"[" * 150 + b"]" * 150 + b",") * 3_000, 200)
    yield "JSON of a hundred million lists", tmp_path / "lists.json", "write it as lines"
    _write_bomb(tmp_path / "text.json", b'[{"AREA":"', b"x" * (1 << 20), 3_000)
    yield "JSON with a text of 3 GB", tmp_path / "text.json", "write it as lines"
    _write_bomb(tmp_path / "line.json", b'{"AREA":1}\n{"AREA":"', b"x" * (1 << 20), 3_000)
    yield "a JSON line of 3 GB", tmp_path / "line.json", "line 2: more than 1,048,576 bytes"


def test_hostile_files_end_in_a_clear_error_within_bounds(tmp_path: Path) -> None:
    for what, path, message in hostile_files(tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "crime.cli", "check", "--data", str(path)],
            capture_output=True,
            text=True,
            timeout=120,
            env={"COLUMNS": "400", "PATH": "", "OPENBLAS_NUM_THREADS": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT)),
        )
        assert done.returncode == 1, (what, done.stdout, done.stderr)
        assert "error:" in done.stderr, what
        assert message in done.stderr, what
        assert "Traceback" not in done.stderr, what


def test_a_full_disk_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("no small disk can be mounted")
    try:
        for ending in ("csv", "csv.gz", "parquet"):
            (disk / "filled").write_bytes(b"x" * 900_000)
            commands = ["twin", "--rows", "50000", "--output", str(disk / f"out.{ending}")]
            done = subprocess.run(
                [sys.executable, "-m", "crime.cli", *commands],
                capture_output=True,
                text=True,
                env=os.environ,
                check=False,
            )
            assert done.returncode == 1, done.stderr
            assert "error:" in done.stderr
            assert "No space left" in done.stderr
            assert "Traceback" not in done.stderr
            assert [path.name for path in disk.iterdir()] == ["filled"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def hostile_tables(tmp_path: Path) -> Iterator[tuple[str, str, bytes, str]]:
    """Name, media type, body and what the answer must say: tables that are small until they are read."""
    table = gzip.compress(TABLE + (b"1," * 400_000 + b"\n") * 600)
    yield "600 rows of 400,000 cells", "text/csv", table, "a row of more than 262,144 characters"
    cells = gzip.compress(TABLE + (b"1," * 100_000 + b"\n") * 300)
    yield "300 rows of 100,000 cells", "text/csv", cells, "expected 6 cells, found 100001"
    lines = gzip.compress(TABLE + b'"' + b"a,\n" * 1_000 + b'"\n' + b'"' + b"a,\n" * 3_000_000, 1)
    yield "a quote that is never closed", "text/csv", lines, "whose quotes are never closed"
    short = gzip.compress(TABLE + b"a\n" * 300_000, 1)
    yield "300,000 rows of one cell", "text/csv", short, "expected 6 cells, found 1"
    bomb = tmp_path / "row.csv.gz"
    _write_bomb(bomb, TABLE, b"x" * (1 << 20), 1_100)
    yield "a row of a gigabyte", "text/csv", bomb.read_bytes(), "the archive unpacks to more than"
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        packed = zip_file(TABLE, method=method)
        yield f"method {method} in a zip", "text/csv", packed, "expected deflate, as most programs write it"
    damaged = bytearray(zip_file(TABLE))
    damaged[60:70] = b"x" * 10
    yield "a damaged zip", "text/csv", bytes(damaged), ""
    arrow = io.BytesIO()
    schema = pa.schema([(name, pa.null()) for name in ("DATE OCC", "TIME OCC", "AREA")])
    with pa.ipc.new_stream(arrow, schema) as writer:
        writer.write_batch(pa.record_batch([pa.nulls((1 << 31) - 1)] * 3, schema=schema))
    yield "two thousand million values without bytes", ARROW, arrow.getvalue(), "rows in one record batch: at most"
    arrow, text = io.BytesIO(), pa.table({"DATE OCC": ["x" * (2_000 << 20)], "TIME OCC": [1], "AREA": [1]})
    with pa.ipc.new_stream(arrow, text.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(text)
    yield "a buffer of 2 GB", ARROW, arrow.getvalue(), "bytes in one record batch: at most"


def test_hostile_tables_take_little_memory(backend: Backend, tmp_path: Path) -> None:
    for what, kind, body, told in hostile_tables(tmp_path):
        before = _reset_peak_memory(backend)
        found = False
        with httpx.stream("POST", f"{backend.url}/predict/batch", content=body, headers={"Content-Type": kind},
                          timeout=200) as answer:  # fmt: skip
            assert answer.status_code in (200, 422), what
            rest = ""
            for piece in answer.iter_text():
                rest = rest[-200:] + piece
                found = found or told in rest
        assert found, (what, rest[-300:])
        assert _peak_memory(backend) - before < 100 << 10, (what, (_peak_memory(backend) - before) >> 10)
    assert httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).status_code == 200


BODIES: dict[str, tuple[str, bytes]] = {
    "deep JSON": ("/predict", b"[" * 500_000),
    "deep JSON in a list": ("/predict/batch", b"[" + b'{"a":' * 500_000),
    "a million lists": ("/predict/batch", b"[" + b"[]," * 4_000_000 + b"[]]"),
    "ten million numbers": ("/predict/batch", b"[" + b"0," * 10_000_000 + b"0]"),
    "a string of 60 MB": ("/predict/batch", b'["' + b"x" * (60 << 20) + b'"]'),
    "a report of 2 MB": ("/predict", json.dumps(SMALLEST_REPORT | {"Mocodes": "0344 " * 400_000}).encode()),
    "numbers beyond any": ("/predict", json.dumps(SMALLEST_REPORT | {"AREA": 1}).replace("1430", "1" * 5000).encode()),
    "not a number": ("/predict", b'{"DATE OCC":"01/15/2023","TIME OCC":NaN,"AREA":Infinity}'),
    "nested lists": ("/predict/batch", b"[" + (b"[" * 150 + b"]" * 150 + b",") * 150_000 + b"0]"),
    "nested lists for MLflow": ("/invocations", b'{"inputs":[' + (b"[" * 150 + b"]" * 150 + b",") * 150_000 + b"0]}"),
    "a million rows that are none": (
        "/invocations",
        b'{"dataframe_split":{"columns":["a"],"data":[' + b"0," * 1_500_000 + b"0]}}",
    ),
    "a million tensors that are none": ("/v2/models/crime-category/infer", b'{"inputs":[' + b"0," * 1_500_000 + b"0]}"),
    "ten million lines": ("/invocations", b"\n" * 10_000_000),
}


@pytest.mark.parametrize("what", BODIES)
def test_hostile_bodies_are_refused_within_bounds(what: str, backend: Backend) -> None:
    path, body = BODIES[what]
    before = _reset_peak_memory(backend)
    kind = "text/csv" if body[:1] == b"\n" else "application/json"
    answer = httpx.post(f"{backend.url}{path}", content=body, headers={"Content-Type": kind}, timeout=TIMEOUT)
    assert answer.status_code in (413, 422), answer.text[:300]
    assert answer.json().get(
        {"/invocations": "message", "/v2/models/crime-category/infer": "error"}.get(path, "detail")
    )
    assert _peak_memory(backend) - before < 300 << 10
    assert httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).status_code == 200


def _reset_peak_memory(backend: Backend) -> int:
    Path(f"/proc/{backend.process.pid}/clear_refs").write_text("5")
    return _peak_memory(backend)


def _peak_memory(backend: Backend) -> int:
    """The most memory the process held since the last reset, in KiB."""
    lines = Path(f"/proc/{backend.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def test_a_body_without_end_is_cut(backend: Backend) -> None:
    """Sent in pieces, without a length."""
    host, port = backend.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: crime\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent, answer = 0, b""
        with suppress(OSError):
            while sent < 64 << 20:
                client.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                sent += 0x10000
        with suppress(OSError):
            answer = client.recv(1000)
    assert answer.startswith(b"HTTP/1.1 413") or sent < 64 << 20
    assert httpx.post(f"{backend.url}/predict", json=SMALLEST_REPORT).status_code == 200


def cut_off(text: str) -> str:
    return text[: text.index("Tree=3") + 100]


def absurd_sizes(text: str) -> str:
    return re.sub("tree_sizes=[0-9]+", "tree_sizes=99999999999", text)


def child_out_of_range(text: str) -> str:
    return fit_sizes(re.sub("left_child=[0-9]+", "left_child=3000000", text, count=1))


def cycle(text: str) -> str:
    return fit_sizes(re.sub("left_child=[0-9]+", "left_child=0", text, count=1))


def damaged_copy(directory: Path, target: Path, damage: Callable[[str], str]) -> Path:
    """A bundle whose trees for whole reports are damaged, with their right hash."""
    shutil.copytree(directory, target)
    whole = (target / "report.txt").read_text()
    (target / "report.txt").write_text(damage(whole))
    assert (target / "report.txt").read_text() != whole
    spec = json.loads((target / "spec.json").read_text())
    spec["sha256"] = file_hashes(target, spec["sha256"])
    (target / "spec.json").write_text(json.dumps(spec))
    return target


def plant(mlruns: Path, bundle: Path, alias: str) -> str:
    """Add a version to an embedded store as someone does who can write there, with an alias; returns the version."""
    with closing(sqlite3.connect(mlruns / "mlflow.db")) as database, database:
        database.row_factory = sqlite3.Row
        where = "name = 'crime-category'"
        row = dict(database.execute(f"SELECT * FROM model_versions WHERE {where} ORDER BY version DESC").fetchone())
        folder = bundle.parent / f"{bundle.name}-artifacts"
        shutil.copytree(bundle, folder / "data" / "bundle")
        row |= {"version": int(row["version"]) + 1, "storage_location": str(folder)}
        names = ", ".join(row)
        database.execute(
            f"INSERT INTO model_versions ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )
        database.execute(f"DELETE FROM registered_model_aliases WHERE {where} AND alias = ?", (alias,))
        aliases = [description[1] for description in database.execute("PRAGMA table_info(registered_model_aliases)")]
        values = {"name": "crime-category", "alias": alias, "version": row["version"]}
        assert set(values) <= set(aliases)
        extra = {name: "default" for name in aliases if name == "workspace"}
        values |= extra
        database.execute(
            f"INSERT INTO registered_model_aliases ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            list(values.values()),
        )
    return str(row["version"])


@pytest.mark.parametrize("damage", [cut_off, absurd_sizes, child_out_of_range, cycle])
def test_a_champion_of_damaged_trees_changes_nothing(
    damage: Callable[[str], str], start: Callable[..., Backend], store: Store, tmp_path: Path
) -> None:
    """Planted beside a running backend it is told, as challenger too, and refused as a promotion; then at a start."""
    copied = store.copy(tmp_path / "mlruns")
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test")
    running = start(mlruns=copied.mlruns, refresh_seconds=0.2, token_file=token)
    good = running.http.get("/ready").json()["version"]
    bad = damaged_copy(store.bundle(), tmp_path / "bad", damage)
    version = plant(copied.mlruns, bad, "challenger")
    wait_until(lambda: "report.txt: " in running.http.get("/ready").json()["trouble"].get(CHALLENGER_MODEL, ""))
    promoted = running.http.post(
        "/models/crime-category/promote",
        json={"version": version, "force": True, "by": "a test", "reason": "to see it refused"},
        headers={"Authorization": "Bearer a-token-of-this-test"},
    )
    assert promoted.status_code == 409
    assert "report.txt: " in promoted.json()["detail"]
    plant(copied.mlruns, bad.rename(tmp_path / "worse"), "champion")
    wait_until(lambda: "report.txt: " in running.http.get("/ready").json()["trouble"].get("crime-category", ""))
    assert running.http.post("/predict", json=SMALLEST_REPORT).json()["model_version"] == good
    assert 'crime_model_trouble{model="crime-category"} 1.0' in running.metrics()
    plant(copied.mlruns, damaged_copy(store.bundle(), tmp_path / "before", damage), "previous")
    started = start(mlruns=copied.mlruns, refresh_seconds=0.2)
    answer = started.http.get("/ready")
    assert (answer.status_code, started.http.get("/health").status_code) == (503, 200)
    assert "report.txt: " in answer.json()["why"]
    image = start(model_dir=tmp_path / "worse")
    assert "report.txt: " in image.http.get("/ready").json()["why"]
