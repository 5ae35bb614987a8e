"""What a page's pod needs at most fits its memory limit; uploads and tables are bounded while they are read."""

import asyncio
import gzip
import io
import json
import os
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pyarrow as pa
import pytest
import yaml
from crime_ui import conversion, incoming, kept, limits
from crime_ui.client import transport
from crime_ui.client.transport import Refused
from crime_ui.conversion import UnreadableTable
from crime_ui.incoming import Uploads
from crime_ui.scored_table import ScoredTable, Tally, TopRows
from crime_ui.uploads import as_csv
from pyarrow import parquet
from recorded import OpenView, RecordedBackend, recorded
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec


def test_all_that_a_pod_may_hold_fits_its_memory(root: Path) -> None:
    values = yaml.safe_load((root / "charts/crime-prediction/values.yaml").read_text())
    assert values["frontend"]["resources"]["limits"]["memory"] == "1Gi"
    needed = (
        limits.BASELINE_BYTES
        + limits.CACHE_BYTES
        + limits.SESSIONS * limits.SESSION_BYTES
        + limits.UPLOADS_BYTES
        + limits.CONVERSIONS * limits.CONVERSION_BYTES
        + limits.KEPT_TABLES * len(ScoredTable(("", "")).top) * limits.TOP_ROWS_BYTES
        + limits.DOWNLOADS_BYTES
    )
    assert needed < 1024 * limits.MIB
    on_disk = limits.RESULTS_BYTES + limits.UPLOADS_BYTES + limits.UPLOAD_BYTES + limits.CONVERTED_BYTES
    assert on_disk < 1100 * limits.MIB  # an emptyDir


def test_streamlit_takes_uploads_of_that_size(root: Path) -> None:
    config = tomllib.loads((root / "services/frontend/.streamlit/config.toml").read_text())
    assert config["server"]["maxUploadSize"] * limits.MIB == limits.UPLOAD_BYTES <= limits.UPLOADS_BYTES


def workbook_of(cells: str) -> bytes:
    """A workbook of one sheet, whose rows are written as they stand."""
    template, made = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(template)
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{cells}'
    with zipfile.ZipFile(template) as given, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in given.namelist():
            content = f"{sheet}</sheetData></worksheet>".encode()
            archive.writestr(name, content if name.endswith("sheet1.xml") else given.read(name))
    return made.getvalue()


def large_workbook() -> bytes:
    cell = '<c t="inlineStr"><is><t>x</t></is></c>'
    return workbook_of(f"<row>{cell * 500}</row>" * 10_000)


def far_apart() -> bytes:
    return workbook_of('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="ALL1048576"><v>1</v></c></row>')


def wide_workbook() -> bytes:
    return workbook_of('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c></row>')


def large_page() -> bytes:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"DATE OCC": [b"\0" * 100_000_000]}), sink, compression="zstd")
    return sink.getvalue()


def repeated_text() -> bytes:
    sink = io.BytesIO()
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 5_000_000, pa.int32()), ["x" * 20_000])
    parquet.write_table(pa.table({"DATE OCC": column}), sink)
    return sink.getvalue()


def large_arrow() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"DATE OCC": [b"\0" * 100_000_000]})
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (large_workbook, "too large"),
        (far_apart, "too large"),
        (wide_workbook, "16384 columns"),
        (large_page, "too large"),
        (repeated_text, "too large"),
        (large_arrow, "too large"),
        (lambda: b'{"a":[' + b'{"x":1},' * 2_000_000 + b"1]}", "too large"),
        (lambda: b"[" * 1_000_000, "can't be read"),
        (lambda: json.dumps([{f"k{number}": 1} for number in range(2_000)]).encode(), "1001 columns"),
    ],
)
def test_a_file_that_unpacks_to_too_much_is_refused(make: Callable[[], bytes], told: str) -> None:
    with pytest.raises(UnreadableTable, match=told):
        as_csv(io.BytesIO(make()))


def test_the_page_lives_on_after_such_a_file(backend: RecordedBackend, open_view: OpenView) -> None:
    view = open_view("batch")
    view.file_uploader[0].set_value(("bomb.xlsx", far_apart(), "application/vnd.ms-excel")).run()
    assert "too large for this page" in view.error[0].value
    view.file_uploader[0].set_value(("a.csv", b"DATE OCC,TIME OCC,AREA\n", "text/csv")).run()
    assert view.metric[0].value == str(len(recorded("table_scored.csv").splitlines()) - 1)


def test_conversions_wait_for_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    from crime_ui import uploads

    monkeypatch.setattr(limits, "CONVERSION_WAIT_SECONDS", 0.01)
    with uploads._turns, pytest.raises(UnreadableTable, match="other files are being read"):
        as_csv(io.BytesIO(b"[]"))


def test_long_lists_of_json_are_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "PIECE", 7)
    text = '\ufeff [ {"a": "é"},\n{"b": [1, 2]} , {"a": null}]\n'
    assert list(conversion.rows_of(io.BytesIO(text.encode())) or ()) == [
        ["a", "b"],
        ["é", None],
        [None, [1, 2]],
        [None, None],
    ]
    for wrong in ('[{"a": 1}', '[{"a": 1}] {"b": 2}', '[{"a": 1'):
        with pytest.raises(ValueError, match=r".+"):
            list(conversion.rows_of(io.BytesIO(wrong.encode())) or ())


# uploads while they arrive

BOUNDARY = b"----a"
FRAME = b'--%s\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' % BOUNDARY


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> MemoryUploadedFileManager:
    manager = MemoryUploadedFileManager("/")
    monkeypatch.setattr(incoming, "_manager", lambda: manager)
    return manager


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """As Streamlit's route: reads the body to its end."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})


def put(uploads: Uploads, pieces: list[bytes], session: str = "s", file: str = "f", wait: float = 0) -> None:
    """Raises `HTTPException`, which Starlette answers."""
    body = iter([FRAME, *pieces])

    async def receive() -> Message:
        piece = next(body, None)
        if piece is None and wait:
            await asyncio.sleep(wait)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Message) -> None: ...

    headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY)]
    scope = {"type": "http", "method": "PUT", "path": f"/base/_stcore/upload_file/{session}/{file}", "headers": headers}
    asyncio.run(uploads(scope, receive, send))


@pytest.mark.parametrize(
    ("changes", "pieces", "status"),
    [
        ({"UPLOAD_BYTES": 1_000, "UPLOAD_FRAME_BYTES": 200}, [b"a" * 500] * 3, 413),
        ({"UPLOADS_BYTES": 1_000}, [b"a" * 500] * 3, 503),
        ({"ARRIVING_UPLOADS": 0}, [], 503),
        ({"UPLOAD_SECONDS": -1e9}, [], 408),
        ({}, [b"\r\n" + FRAME, b"\r\n" + FRAME], 400),
        ({}, [b"\r\n--" + BOUNDARY[:2], BOUNDARY[2:] + b"\r\n", b"\r\n--" + BOUNDARY], 400),
    ],
)
def test_an_upload_that_is_too_large_too_slow_or_of_parts_is_ended(
    changes: dict[str, Any],
    pieces: list[bytes],
    status: int,
    manager: MemoryUploadedFileManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in changes.items():
        monkeypatch.setattr(limits, name, value)
    uploads = Uploads(reading)
    with pytest.raises(HTTPException) as refused:
        put(uploads, pieces)
    assert refused.value.status_code == status
    assert uploads._arriving == {}


def record(session: str, file: str, size: int) -> UploadedFileRec:
    return UploadedFileRec(file, "f.csv", "text/csv", os.urandom(size))


def test_older_uploads_give_way_unless_they_are_being_read(
    manager: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_BYTES", 3_000)
    for session in ("old", "read"):
        manager.add_file(session, record(session, "f", 1_400))
    being_read = manager.file_storage["read"]["f"].data
    uploads = Uploads(reading)
    put(uploads, [b"a" * 1_000], "new")
    assert list(manager.file_storage["old"]) == []
    assert list(manager.file_storage["read"]) == ["f"]
    with pytest.raises(HTTPException):
        put(uploads, [b"a" * 2_000], "new")
    del being_read
    put(uploads, [b"a" * 2_000], "new")
    assert list(manager.file_storage["read"]) == []


def test_an_upload_is_left_to_its_page_for_a_while(
    manager: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UPLOADS_BYTES", 1_000)
    uploads = Uploads(reading)
    put(uploads, [b"a" * 500], "one")
    manager.add_file("one", record("one", "f", 700))
    with pytest.raises(HTTPException):
        put(uploads, [b"a" * 500], "two")
    monkeypatch.setattr(limits, "UPLOAD_READ_SECONDS", -1)
    put(uploads, [b"a" * 500], "two")


def test_a_session_has_only_so_many_uploads(manager: MemoryUploadedFileManager) -> None:
    uploads = Uploads(reading)
    for number in range(10):
        put(uploads, [b"a"], file=str(number))
        manager.add_file("s", record("s", str(number), 1))
    assert len(manager.file_storage["s"]) <= limits.SESSION_UPLOADS


# what is kept of tables

TABLE = "DATE OCC,label,label_name,level,probability,error\n"


def test_rows_that_are_kept_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TOP_ROWS_BYTES", 10_000)
    top = TopRows()
    for number in range(100):
        top.offer(number, number, ["x" * 1_000])
    assert [number for number, _cells in top.rows()] == list(range(99, 90, -1))


def test_reasons_are_bounded() -> None:
    tally = Tally()
    for number in range(1_000):
        tally.count(f"{number} " + "x" * 10_000)
    assert tally.total() == 1_000
    assert len(tally) == limits.DISTINCT_REASONS + 1
    assert max(map(len, tally)) == limits.REASON_CHARACTERS


@pytest.mark.parametrize(("name", "value"), [("ROW_BYTES", 100), ("RESULT_BYTES", 0)])
def test_an_answer_that_is_too_large_is_refused(name: str, value: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, name, value)
    with pytest.raises(Refused, match="too l"):
        ScoredTable.read([TABLE.encode(), os.urandom(60_000).replace(b"\n", b""), b"\n"], ("", ""), lambda _rows: None)


def test_a_large_result_is_downloaded_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = ScoredTable.read([TABLE.encode()], ("", ""), lambda _rows: None)
    assert table.content() == TABLE.encode()
    monkeypatch.setattr(limits, "DOWNLOAD_BYTES", 1)
    assert gzip.decompress(table.content()) == TABLE.encode()


def test_downloads_of_all_sessions_are_bounded_until_they_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DOWNLOADS_BYTES", 100)
    first = kept.for_download(lambda: bytes(60), 60)
    with pytest.raises(MemoryError):
        kept.for_download(lambda: bytes(60), 60)
    del first
    assert len(kept.for_download(lambda: bytes(60), 60)) == 60


def test_the_latest_tables_are_kept(
    backend: RecordedBackend, open_view: OpenView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEPT_TABLES", 1)
    views = [open_view("batch"), open_view("batch")]
    for view in views:
        view.file_uploader[0].set_value(("a.csv", b"DATE OCC,TIME OCC,AREA\n", "text/csv")).run()
        assert view.metric
    assert len(kept._tables) == 1
    views[0].run()  # reads its file again
    assert views[0].metric
    assert len(backend.received("POST", "/predict/batch")) == 3


def test_an_answer_of_the_backend_is_bounded(backend: RecordedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ANSWER_BYTES", 10)
    with pytest.raises(Refused, match="too large"):
        transport.send("GET", "/codes")
    assert httpx.get(f"{backend.url}/codes").is_success
