"""Cells become text, whatever type and encoding they have."""

from typing import Any

import pytest
from crime.reports.cells import OMITTED, cell_text, decode_escaped_bytes, parse_cell
from crime.reports.systems import NONE_RECORDED, Code
from crime.reports.table import CellError


@pytest.mark.parametrize("cell", [None, float("nan"), "", "  ", b"", "NaN", "null", "NULL", "None", "NaT"])
def test_blank_cells(cell: Any) -> None:
    assert cell_text(cell)[0] == ""


@pytest.mark.parametrize(
    ("cell", "text", "repair"),
    [
        ("101", "101", None),
        (b"101", "101", None),
        (101, "101", None),
        (101.0, "101.0", None),
        (" 101\t", "101", "spaces around a value"),
        ("CAÑON", "CAÑON", None),
        (b"CA\xd1ON".decode("utf-8", "crime-escaped"), "CAÑON", "not UTF-8, read as Windows-1252"),
    ],
)
def test_cells_as_text(cell: Any, text: str, repair: str | None) -> None:
    assert cell_text(cell) == (text, repair)


def test_every_invalid_byte_is_read_as_windows_1252() -> None:
    for byte in range(128, 256):
        raw = bytes([byte])
        assert decode_escaped_bytes(raw.decode("utf-8", "crime-escaped")) == raw.decode("cp1252", "replace")


def test_a_code_that_lapd_does_not_have_is_not_known() -> None:
    parsed = parse_cell("legacy", "weapon_used_cd", "999", False)
    assert (parsed.value, parsed.error) == (None, None)
    assert parsed.repair == "Weapon Used Cd: code not in LAPD's table, taken as not known"
    assert parse_cell("legacy", "weapon_used_cd", "400", False).value == Code("legacy", "400", "")


def test_a_crime_code_needs_a_category() -> None:
    assert parse_cell("legacy", "crime_code", "510", False).error is None
    assert parse_cell("legacy", "crime_code", "999", False).error == CellError(
        "Crm Cd", "unknown_code", "no category is known for code 999"
    )


@pytest.mark.parametrize(("key", "none"), [("mocodes", ()), ("premis_cd", NONE_RECORDED), ("lat", None)])
def test_blank_and_omitted_cells_differ_where_none_can_be_recorded(key: str, none: Any) -> None:
    assert parse_cell("legacy", key, "", True).value == none
    assert parse_cell("legacy", key, OMITTED, True).value is None
    for cell in ("", OMITTED):
        error = parse_cell("legacy", key, cell, True).error
        assert error
        assert error.kind == "missing"


def test_equal_cells_of_different_types_are_parsed_apart() -> None:
    assert parse_cell("legacy", "premis_cd", 101, False).repair is None
    assert parse_cell("legacy", "premis_cd", 101.0, False).repair == "decimal point in a code"
