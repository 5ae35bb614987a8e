"""What the largest request of each kind takes, within what `limits` say: a pod must hold all of them at once."""

import json
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pyarrow as pa
import pytest
from crime.core import limits
from crime.serving.admission import RELEASE_SECONDS
from harness import rows_of_sample
from hostile.pod import Pod, pod_memory

KINDS = {"json": "application/json", "csv": "text/csv", "arrow": "application/vnd.apache.arrow.stream"}
NAMES = ["DR_NO", "Date Rptd", "DATE OCC", "TIME OCC", "AREA", "Rpt Dist No", "Mocodes", "Premis Cd", "Weapon Used Cd"]


def reports(count: int) -> list[dict[str, str]]:
    """Whole reports, as the portal sends them."""
    rows = [{name: cell for name, cell in row.items() if cell} for row in rows_of_sample()]
    return (rows * (count // len(rows) + 1))[:count]


def full_lists() -> Iterator[tuple[str, str, bytes]]:
    """Path, kind and body of as many whole reports as one list may have, in each protocol."""
    listed = reports(limits.LIST_REPORTS)
    yield "/predict/batch", "json", json.dumps(listed).encode()
    yield "/v1/models/crime-category:predict", "json", json.dumps({"instances": listed}).encode()
    yield "/invocations", "json", json.dumps({"dataframe_records": listed}).encode()
    tensors = [
        {"name": name, "shape": [len(listed)], "datatype": "BYTES", "data": [row.get(name) for row in listed]}
        for name in NAMES
    ]
    yield "/v2/models/crime-category/infer", "json", json.dumps({"inputs": tensors}).encode()


def odd_lists() -> Iterator[tuple[str, str, bytes]]:
    """Bodies that are small and take much memory once parsed."""
    cells = ",".join(f'"{number}":"{random.randrange(99)}"' for number in range(47))
    yield "/predict/batch", "json", b"[" + b",".join([b"{" + cells.encode() + b"}"] * limits.LIST_REPORTS) + b"]"
    yield "/predict/batch", "json", b"[" + b",".join([b"[]"] * 2_000_000) + b"]"
    yield "/invocations", "json", b'{"inputs":{' + b",".join(b'"%d":[1]' % n for n in range(1_000_000)) + b"}}"
    yield "/predict/batch", "json", b'["' + b"\\u00e9" * 8_000_000 + b'"]'


def blocks() -> Iterator[tuple[str, str, bytes]]:
    """Tables whose blocks are as large as they may be."""
    head = "DATE OCC,TIME OCC,AREA,"
    wide = head + ",".join(f"c{number}" for number in range(limits.COLUMNS - 3))
    row = "01/15/2023,1430,1," + ",".join(str(number % 90 + 10) for number in range(limits.COLUMNS - 3))
    yield "/predict/batch?record=false", "csv", "\n".join([wide, *[row] * 4_000]).encode()
    long = "01/15/2023,1430,1," + "é" * 200_000
    yield "/predict/batch?record=false", "csv", "\n".join([head + "note", *[long] * 100]).encode()
    codes = [f"{number:04}" for number in range(300, 300 + limits.MO_CODES)]
    for count, text in (
        (33_000, lambda number: f"{number:0>300}"),
        (50_000, lambda number: " ".join(random.sample(codes, len(codes)))),
        (limits.ARROW_BLOCK_ROWS, lambda number: f"{number:0>1000}"),
        (5, lambda number: f"{number:0>2000000}"),
    ):
        yield "/predict/batch?record=false", "arrow", one_batch(count, text)


def one_batch(count: int, text: Callable[[int], str]) -> bytes:
    """An Arrow stream of a single record batch with `count` rows and three columns of long texts."""
    texts = [text(number) for number in range(count)]
    columns = {"DATE OCC": ["2023-01-15"] * count, "TIME OCC": [1430] * count, "AREA": [1] * count}
    table = pa.table(columns | {"Mocodes": texts, "Premis Desc": texts, "Weapon Desc": texts})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_batch(table.to_batches(count)[0])
    return bytes(out.getvalue())


def odd_cells() -> Iterator[bytes]:
    """Tables whose cells nearly all differ, so that what is remembered of cells changes all the time."""
    numbers = random.Random(1)
    head = "DATE OCC,TIME OCC,AREA,"
    kinds: dict[str, Callable[[], str]] = {
        "Mocodes": lambda: " ".join(f"{numbers.randrange(10_000):04}" for _ in range(8)),
        "Premis Cd,LOCATION": lambda: f"{numbers.randrange(10**9)},{numbers.randrange(10**30):x}",
        "Premis Desc,Weapon Desc": lambda: f"{numbers.randrange(10**60):x},{numbers.randrange(10**60):x}",
    }
    for names, cells in kinds.items():
        rows = [f"01/15/2023,1430,6,{cells()}" for _ in range(50_000)]
        yield "\n".join([head + names, *rows]).encode()


def come_to_rest(pod: Pod) -> None:
    """Until the process has given back what its last table took."""
    time.sleep(RELEASE_SECONDS + 1)
    pod.backend.http.get("/health")
    pod.forget_peak()


def grown(pod: Pod, ask: Callable[[], object]) -> int:
    """By how many bytes the process grew at most while it was asked, beyond what it holds at rest."""
    come_to_rest(pod)
    before = pod.peak_memory()
    ask()
    return pod.peak_memory() - before


def post(pod: Pod, path: str, kind: str, body: bytes) -> httpx.Response:
    return httpx.post(f"{pod.backend.url}{path}", content=body, headers={"Content-Type": KINDS[kind]}, timeout=300)


@pytest.fixture(scope="module")
def quiet(start_pod: Callable[..., Pod]) -> Pod:
    """A pod without work of its own during the tests: it records predictions only after an hour."""
    return start_pod(record_seconds=3_600)


def test_the_longest_lists(quiet: Pod) -> None:
    for path, kind, body in [*full_lists(), *odd_lists()]:
        size = grown(quiet, lambda: post(quiet, path, kind, body))  # noqa: B023 (called at once)
        print(f"{path}, {len(body) >> 20} MiB: + {size >> 20} MiB")
        assert size < limits.LIST_MEMORY, (path, body[:60])


def test_the_largest_blocks(quiet: Pod) -> None:
    for path, kind, body in blocks():
        size = grown(quiet, lambda: post(quiet, path, kind, body))  # noqa: B023 (called at once)
        print(f"{path}, {kind}, {len(body) >> 20} MiB: + {size >> 20} MiB")
        assert size < limits.TABLE_MEMORY, (kind, body[:60])


def test_what_reads_many_records(quiet: Pod) -> None:
    body = "\n".join([",".join(NAMES[1:5]), *["01/15/2023,01/15/2023,1430,1"] * 20_000]).encode()
    post(quiet, "/predict/batch", "csv", body)
    for path in ("/drift", "/models/crime-category/evaluation", "/reports?area=1", "/openapi.json"):
        size = grown(quiet, lambda: quiet.backend.http.get(path))  # noqa: B023 (called at once)
        print(f"{path}: + {size >> 20} MiB")
        assert size < limits.RECORD_MEMORY, path


def test_full_connections(quiet: Pod) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\n" + (b"X-A: " + b"a" * 1_000 + b"\r\n") * 15
    part = head + b"Content-Length: %d\r\n\r\n{" % limits.BODY_BYTES + b" " * (limits.BODY_BYTES - 100)
    count = limits.CONNECTIONS * 9 // 10

    def ask() -> None:
        with quiet.connections(count, part):
            quiet.backend.http.get("/health")

    size = grown(quiet, ask) // count
    print(f"a connection: + {size >> 10} KiB")
    assert size < limits.CONNECTION_MEMORY


def test_at_rest_after_odd_tables(start_pod: Callable[..., Pod]) -> None:
    """They count as live, so that they are recorded, too."""
    pod = start_pod()
    for body in [*odd_cells()] * 3:
        post(pod, "/predict/batch", "csv", body)
    for path, kind, body in full_lists():
        post(pod, path, kind, body)
    come_to_rest(pod)
    print(f"at rest: {pod.peak_memory() >> 20} MiB")
    assert pod.peak_memory() < limits.IDLE_MEMORY


def test_all_at_once(quiet: Pod) -> None:
    """The largest of each kind at the same time."""
    listed, *_ = full_lists()
    wide, *_ = blocks()
    quiet.forget_peak()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(post, quiet, *kind) for kind in (listed, wide, listed, wide)]
        asked += [pool.submit(quiet.backend.http.get, path) for path in ("/drift", "/reports?area=1")]
        assert {one.result().status_code for one in asked} == {200}
    print(f"at once: {quiet.peak_memory() >> 20} MiB")
    assert quiet.peak_memory() < pod_memory("backend")
