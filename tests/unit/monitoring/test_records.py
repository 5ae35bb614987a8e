"""Records survive being written and read; whatever else is in a file does not stop reading."""

import csv
import gzip
import io
import tracemalloc
from typing import Any

import numpy as np
import pytest
from crime.classifier.bundle import Prediction
from crime.monitoring.records import (
    EARLIER_COLUMNS,
    NUMBER_FIELDS,
    RECORD_COLUMNS,
    PredictionRecord,
    decode_records,
    encode_records,
    marked_version,
    stack_fields,
)
from crime.reports.schema import DETAIL_LEVELS
from crime.reports.systems import NONE_RECORDED, SYSTEMS, Code
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.one_of(st.just(float("nan")), st.integers(-100_000, 100_000).map(float))
MO_CODES = st.none() | st.lists(st.from_regex("[0-9]{4}", fullmatch=True), max_size=10).map(tuple)
CODES = (
    st.none()
    | st.just(NONE_RECORDED)
    | st.builds(
        Code,
        st.sampled_from(SYSTEMS),
        st.from_regex("[0-9A-Z]{1,4}", fullmatch=True),
        st.sampled_from(["", "single family home"]),
    )
)
RECORDS = st.builds(
    lambda at, version, shadow, level, shares, number, values, premise, weapon, mocodes: PredictionRecord(
        at,
        version,
        Prediction(np.array(shares) / sum(shares), level),
        number,
        dict(zip(NUMBER_FIELDS, values, strict=True))
        | {"premis_cd": premise, "weapon_used_cd": weapon, "mocodes": mocodes},
        shadow,
    ),
    st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
    st.from_regex("[0-9]{1,6}|image-[a-z]{1,9}", fullmatch=True),
    st.booleans(),
    st.sampled_from(list(DETAIL_LEVELS)),
    st.lists(st.floats(0.001, 1), min_size=7, max_size=7),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.lists(NUMBERS, min_size=5, max_size=5),
    CODES,
    CODES,
    MO_CODES,
)


@given(st.lists(RECORDS, max_size=5))
def test_records_come_back(records: list[PredictionRecord]) -> None:
    recorded = decode_records([encode_records(records)])
    assert len(recorded) == len(records)
    assert recorded.probabilities.shape == (len(records), 7)
    for row, record in enumerate(records):
        assert recorded.time[row] == pytest.approx(record.time, abs=0.001)
        assert recorded.version[row] == record.version
        assert recorded.shadow[row] == record.shadow
        assert recorded.level[row] == record.prediction.level
        assert recorded.label[row] == record.prediction.probabilities.argmax()
        assert recorded.probabilities[row] == pytest.approx(record.prediction.probabilities, abs=1e-5)
        assert recorded.report_number[row] == record.report_number
        for name in ("premis_cd", "weapon_used_cd", "mocodes"):
            assert recorded.fields[name][row] == record.fields[name]
        for name in NUMBER_FIELDS:
            np.testing.assert_equal(recorded.fields[name][row], record.fields[name])


def test_files_are_read_one_after_another(make_record: Any) -> None:
    files = [encode_records([make_record(number)]) for number in ("a", "b", "c")]
    assert decode_records(files).report_number.tolist() == ["a", "b", "c"]


def test_damaged_and_foreign_files_are_skipped(make_record: Any) -> None:
    whole = encode_records([make_record("a")])
    foreign = [b"", b"no gzip", whole[:-20], gzip.compress(b"\xff\xfe"), gzip.compress(b"a,b\n1,2\n")]
    assert decode_records([*foreign, whole, *foreign]).report_number.tolist() == ["a"]
    cut_row = gzip.compress(gzip.decompress(whole) + b"1,2,3\n")
    assert decode_records([cut_row]).report_number.tolist() == ["a"]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("at", "nan"), ("at", "inf"), ("at", "-1"), ("at", "1e300"), ("at", "x"), ("at", ""),
        ("version", ""), ("version", "7" * 1000),
        ("level", "nothing"), ("level", ""),
        ("label", "7"), ("label", "-1"), ("label", "1.5"), ("label", "9" * 400), ("label", ""),
        ("p_theft", "nan"), ("p_theft", "inf"), ("p_theft", "-0.1"), ("p_theft", "0.9"), ("p_theft", "x"),
        ("area", "inf"), ("area", "x"), ("system", "1e300"), ("date_occ", ""),
        ("premis_cd", "502"), ("weapon_used_cd", "other:502"), ("premis_cd", "nan"),
    ],
)  # fmt: skip
def test_a_file_with_a_value_that_no_prediction_has_is_skipped(column: str, cell: str, make_record: Any) -> None:
    whole = encode_records([make_record("a")])
    rows = list(csv.reader(io.StringIO(gzip.decompress(whole).decode())))
    column = next(name for name in RECORD_COLUMNS if name == column or (column == "p_theft" and name.startswith("p_")))
    rows[1][RECORD_COLUMNS.index(column)] = cell
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    assert decode_records([gzip.compress(text.getvalue().encode()), whole]).report_number.tolist() == ["a"]


def test_a_bomb_is_skipped_within_bounds(make_record: Any) -> None:
    whole = encode_records([make_record("a")])
    head, row = gzip.decompress(whole).splitlines(keepends=True)
    bombs = [
        gzip.compress(b"0" * 200_000_000, 1),
        gzip.compress(head + b"\n" * 100_000_000, 1),
        gzip.compress(head + row * 100_000, 1),
        gzip.compress(head + b"," * 50_000_000, 1),
        whole + whole,
    ]
    tracemalloc.start()
    try:
        assert decode_records([*bombs, whole]).report_number.tolist() == ["a"]
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("number", ["1\r2", "1\n2", '1"2', "1,2", "1\x002"])
def test_a_report_number_of_any_characters_does_not_spoil_the_file(number: str, make_record: Any) -> None:
    records = [make_record("a"), make_record(number), make_record("b")]
    assert decode_records([encode_records(records)]).report_number.tolist() == ["a", number, "b"]


def test_files_of_the_release_before_are_read() -> None:
    """They have no report system, and codes as numbers; lines may end without a carriage return."""
    shares = "0.1,0.1,0.4,0.1,0.1,0.1,0.1"
    lines = [
        ",".join(EARLIER_COLUMNS),
        f"1.5,7,report,2,{shares},190101,18000.0,18001.0,720.0,1.0,101.0,502.0,nan,0344 1822",
        f"2,8,report,2,{shares},b,18000.0,nan,720.0,1.0,nan,0.0,102.0,?",
    ]
    read = decode_records([gzip.compress("\n".join(lines).encode())])
    assert read.report_number.tolist() == ["190101", "b"]
    assert read.fields["premis_cd"].tolist() == [Code("legacy", "502", ""), NONE_RECORDED]
    assert read.fields["weapon_used_cd"].tolist() == [None, Code("legacy", "102", "")]
    assert read.fields["mocodes"].tolist() == [("0344", "1822"), None]
    assert read.fields["system"].tolist() == [0, 0]


def test_the_format_of_a_file(make_record: Any) -> None:
    """Files of earlier releases look like this."""
    records = [
        make_record("190101", 1.5, "7", category=2, mocodes=("0344", "1822")),
        make_record("", 2, "8", shadow=True, mocodes=None),
        make_record("3", 3, "7", mocodes=()),
    ]
    header, first, second, third = gzip.decompress(encode_records(records)).decode().splitlines()
    assert header == ",".join(RECORD_COLUMNS)
    fields = "0.0,18000.0,18001.0,720.0,1.0,legacy:502,?,0344 1822"
    assert first == f"1.5,7,report,2,0.1,0.1,0.4,0.1,0.1,0.1,0.1,190101,{fields}"
    assert second.startswith("2,8 (shadow),report,0,")
    assert second.endswith(",legacy:502,?,?")
    assert third.endswith(",legacy:502,?,")


def test_no_victim_attribute_and_no_place_finer_than_the_area_is_recorded() -> None:
    assert not [column for column in RECORD_COLUMNS if "vict" in column.lower()]
    assert not {"rpt_dist_no", "lat", "lon"} & set(RECORD_COLUMNS)


def test_rows_are_taken(make_record: Any) -> None:
    recorded = decode_records([encode_records(make_record(str(n), at=n, area=n) for n in range(5))])
    taken = recorded.take(np.array([3, 1]))
    assert taken.report_number.tolist() == ["3", "1"]
    assert taken.time.tolist() == [3, 1]
    assert taken.fields["area"].tolist() == [3, 1]
    assert len(recorded.take(slice(-2, None))) == 2


def test_a_shadow_version_is_marked() -> None:
    assert marked_version("7", shadow=True) == "7 (shadow)"
    assert marked_version("7", shadow=False) == "7"


def test_fields_are_stacked(make_record: Any) -> None:
    stacked = stack_fields([make_record(mocodes=("0344",)).fields, make_record(mocodes=None, area=3.0).fields])
    assert stacked["area"].tolist() == [1, 3]
    assert stacked["mocodes"].tolist() == [("0344",), None]
    assert stack_fields([]) == {}
