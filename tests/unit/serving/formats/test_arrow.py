"""Arrow streams are read as pyarrow writes them, and answered as pyarrow reads them."""

import io
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, ScoreBlock, score_columns, score_reports
from crime.core import limits
from crime.core.errors import DataError
from crime.serving.formats.arrow import answer_arrow, open_arrow

COLUMNS: dict[str, list[Any]] = {
    "DATE OCC": ["01/02/2020", "2020-01-03", "never"],
    "TIME OCC": [1200, 30, 1],
    "AREA": [3, 21, 4],
    "Mocodes": [["0344", "1822"], [], None],
    "Premis Cd": ["101", "", None],
}


@pytest.fixture
def score(small_bundle: CategoryBundle) -> ScoreBlock:
    return partial(score_reports, small_bundle)


def stream(table: pa.Table, batch_rows: int = 2, **options: Any) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, batch_rows)
    return out.getvalue()


def answer(body: bytes, score: ScoreBlock) -> pa.Table:
    with open_arrow(io.BytesIO(body)) as arrays:
        return pa.ipc.open_stream(b"".join(answer_arrow(arrays, score))).read_all()


@pytest.mark.parametrize("options", [{}, {"compression": "lz4"}, {"compression": "zstd"}])
def test_rows_are_answered_in_their_order(
    options: dict[str, Any], score: ScoreBlock, small_bundle: CategoryBundle
) -> None:
    found = answer(stream(pa.table(COLUMNS), **options), score)
    expected = score_columns(small_bundle, COLUMNS, 3)
    assert found.column_names == list(ANSWER_COLUMNS)
    for name in ("label", "label_name", "level", "error"):
        assert found[name].to_pylist() == expected[name]
    for name in ("probability", "p_sexual"):
        assert found[name].to_pylist()[:2] == pytest.approx(expected[name][:2], abs=1e-6)
    assert found["error"].to_pylist()[2] == "DATE OCC: expected a date as 01/31/2020 or 2020-01-31"


def test_dictionaries_and_numbers_are_read(score: ScoreBlock) -> None:
    plain = pa.table(COLUMNS).slice(0, 2)
    encoded = plain.set_column(0, "DATE OCC", plain["DATE OCC"].dictionary_encode())
    encoded = encoded.set_column(2, "AREA", pa.array([3.0, 21.0]))
    assert answer(stream(encoded, 3), score).equals(answer(stream(plain, 3), score))


def test_a_batch_longer_than_a_block_is_answered_as_one_block_is(
    score: ScoreBlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pa.concat_tables([pa.table(COLUMNS)] * 5)
    table = table.set_column(0, "DATE OCC", table["DATE OCC"].combine_chunks().dictionary_encode()).slice(1)
    whole = answer(stream(table, 14), score)
    monkeypatch.setattr(limits, "ARROW_BLOCK_ROWS", 4)
    assert answer(stream(table, 14), score).to_pandas().equals(whole.to_pandas())
    assert len(whole) == 14


def test_texts_that_are_not_ascii_or_not_known_are_read(score: ScoreBlock) -> None:
    plain = pa.table(COLUMNS).slice(0, 2)
    names = ["MULTI-UNIT DWELLING (APARTMENT, DUPLEX, ETC) – É", None]
    text, large = (
        plain.append_column("Premis Desc", pa.array(names, kind)) for kind in (pa.string(), pa.large_string())
    )
    assert answer(stream(text), score).equals(answer(stream(large), score))
    assert answer(stream(text), score)["error"].to_pylist() == [None, None]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("batch_rows", [1, 3, 8])
def test_a_text_that_is_null_is_not_known_and_one_that_is_blank_is_none_recorded(
    kind: pa.DataType, batch_rows: int, score: ScoreBlock, small_bundle: CategoryBundle
) -> None:
    columns: dict[str, list[Any]] = {
        "DATE OCC": ["01/02/2020"] * 8,
        "TIME OCC": ["1200"] * 8,
        "AREA": ["3"] * 8,
        "Premis Cd": ["101", "", None, None, "101", None, "101", None],
        "Weapon Used Cd": [None, "", None, "400", None, None, "400", None],
        "Mocodes": [None, None, "", "0344 1822", None, None, None, None],
    }
    table = pa.table({name: pa.array(cells, kind) for name, cells in columns.items()})
    found, expected = answer(stream(table, batch_rows), score), score_columns(small_bundle, columns, 8)
    levels = ["premise", "weapon", "report", "report", "premise", "place_time", "weapon", "place_time"]
    assert found["level"].to_pylist() == expected["level"] == levels
    assert found["probability"].to_pylist() == pytest.approx(expected["probability"], abs=1e-6)
    sliced = table.slice(1, 6)
    assert answer(stream(sliced, batch_rows), score)["level"].to_pylist() == levels[1:7]


def test_types_do_not_depend_on_errors(score: ScoreBlock) -> None:
    good = answer(stream(pa.table(COLUMNS).slice(0, 2)), score)
    assert good.schema == answer(stream(pa.table(COLUMNS)), score).schema
    assert good["error"].null_count == 2


@pytest.mark.parametrize("body", [b"", b"no arrow", stream(pa.table(COLUMNS))[:200], stream(pa.table({"x": [1]}))])
def test_what_is_no_table_is_refused(body: bytes, score: ScoreBlock) -> None:
    with pytest.raises(DataError):
        answer(body, score)


def test_a_record_batch_fits_into_memory(score: ScoreBlock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ARROW_BATCH_ROWS", 2)
    assert len(answer(stream(pa.table(COLUMNS), 2), score)) == 3
    with pytest.raises(DataError, match="3 rows in one record batch: at most 2"):
        answer(stream(pa.table(COLUMNS), 3), score)


def test_a_stream_without_a_row_is_answered_with_none(score: ScoreBlock) -> None:
    empty = pa.table({name: pa.array([], pa.string()) for name in ("DATE OCC", "TIME OCC", "AREA")})
    for body in (stream(empty), stream(pa.table(COLUMNS).slice(0, 0))):
        found = answer(body, score)
        assert (len(found), found.schema) == (0, answer(stream(pa.table(COLUMNS)), score).schema)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[[1]]] * 2),
        pa.array([{"a": 1}] * 2),
        pa.DictionaryArray.from_arrays(pa.array([0, 0]), pa.array([["0344"]])),
    ],
    ids=["list of lists", "struct", "dictionary of lists"],
)
def test_a_nested_column_is_refused_where_it_is_read(column: pa.Array, score: ScoreBlock) -> None:
    table = pa.table(COLUMNS).slice(0, 2)
    assert len(answer(stream(table.append_column("geometry", column)), score)) == 2
    with pytest.raises(DataError, match=r"column 5 of the Arrow stream can't be read"):
        answer(stream(table.set_column(4, "Premis Cd", column)), score)


def test_a_long_value_of_a_dictionary_is_one_text(score: ScoreBlock) -> None:
    """Were it a text for each row, this would take 100 GB."""
    value, rows = "x" * 1_000_000, 100_000
    premises = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value]))
    columns = {"DATE OCC": ["01/02/2020"] * rows, "TIME OCC": [1200] * rows, "AREA": [3] * rows, "Premis Cd": premises}
    assert answer(stream(pa.table(columns), rows), score)["error"].null_count == 0
