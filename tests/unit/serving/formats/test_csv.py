"""A CSV table comes back whole, with the answer's columns behind its own."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

import pytest
from crime.classifier.bundle import CategoryBundle
from crime.classifier.scoring import ANSWER_COLUMNS, score_columns, score_reports
from crime.core import limits
from crime.core.errors import ColumnsError, DataError, DateOrderError
from crime.serving.formats.csv import CsvTable, answer_csv, csv_lines, open_csv
from crime.serving.row_notes import NOTE_COLUMNS

HEADER = ["DATE OCC", "TIME OCC", "AREA", "Mocodes"]
ROWS = [["01/22/2020", "1200", "3", "0344 1822"], ["2020-01-03", "30", "21", ""], ["01/04/2020", "noon", "4", ""]]


Answer = Callable[[CsvTable, int], Iterator[str]]  # pieces of an opened table, in blocks of so many rows


@pytest.fixture
def pieces(small_bundle: CategoryBundle) -> Answer:
    return lambda table, rows: answer_csv(table, partial(score_reports, small_bundle), small_bundle, rows)


def table(rows: list[list[str]], header: list[str] = HEADER) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def answer(
    body: bytes,
    pieces: Answer,
    block_rows: int = 2,
    day_first: bool | None = None,
    mapping: dict[str, str] | None = None,
) -> list[dict[str, str]]:
    text = "".join(pieces(open_csv(io.BytesIO(body), day_first, mapping), block_rows))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_rows_come_back_with_their_answer(pieces: Answer, small_bundle: CategoryBundle) -> None:
    found = answer(table(ROWS), pieces)
    assert [list(row)[: len(HEADER)] for row in found] == [HEADER] * 3
    assert [list(row.values())[: len(HEADER)] for row in found] == ROWS
    expected = score_columns(small_bundle, dict(zip(HEADER, zip(*ROWS, strict=True), strict=True)), 3)
    for name in ANSWER_COLUMNS:
        assert [row[name] for row in found] == ["" if cell is None else str(cell) for cell in expected[name]]
    assert found[2]["error"] == "TIME OCC: expected a 24-hour time from 0000 to 2359"


def test_the_answer_does_not_depend_on_the_size_of_blocks(pieces: Answer) -> None:
    assert answer(table(ROWS * 3), pieces, 1) == answer(table(ROWS * 3), pieces, 100)


def test_a_table_is_answered_block_by_block(pieces: Answer) -> None:
    table = io.BytesIO(b"DATE OCC,TIME OCC,AREA\n" + b"01/22/2020,1200,3\n" * 5)
    assert [piece.count("\n") for piece in pieces(open_csv(table), 2)] == [3, 2, 1]


def test_misshapen_rows_are_kept_and_empty_lines_left_out(pieces: Answer) -> None:
    found = answer(table([ROWS[0], ["a", "b"], ["1", "2", "3", "4", "5"], [], ROWS[1]]), pieces, 10)
    assert [row["error"] for row in found] == ["", "expected 4 cells, found 2", "expected 4 cells, found 5", ""]
    assert [row["DATE OCC"] for row in found] == ["01/22/2020", "a", "1", "2020-01-03"]
    assert list(found[2].values())[:4] == ["1", "2", "3", "4"]


def test_a_last_block_without_a_whole_row_ends_the_table(pieces: Answer) -> None:
    found = answer(table([ROWS[0], ROWS[1], ["Total"]]), pieces, 2)
    assert [row["error"] for row in found] == ["", "", "expected 4 cells, found 1"]


def test_no_cell_comes_back_as_a_formula(pieces: Answer) -> None:
    (row,) = answer(table([["01/22/2020", "1200", "3", "=1+1"]], [*HEADER[:3], "=HYPERLINK"]), pieces)
    assert row["'=HYPERLINK"] == "'=1+1"
    assert row["error"] == ""


def test_bytes_that_are_not_utf8_are_windows_1252() -> None:
    assert list(csv_lines(io.BytesIO("é".encode() + b" \x92 \x81\r\nb"))) == ["é ’ \ufffd\r\n", "b"]


def test_a_file_may_be_closed_while_it_is_read() -> None:
    """As where a client hangs up within its answer; it was a traceback in the log."""
    file = io.BytesIO(b"a,b\n1,2\n")
    lines = csv_lines(file)
    assert next(lines) == "a,b\n"
    file.close()
    lines.close()


def test_a_row_that_is_too_long_is_refused_and_the_table_goes_on(
    pieces: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROW_CHARACTERS", 200)
    good, many_cells, long_cell = "01/22/2020,1200,3,0344\n", "a," * 1_000 + "\n", "x" * 500 + ',1,"2\n3",4\n'
    many_lines = '"' + "a,\n" * 100 + '",1200,3,\n'
    text = ",".join(HEADER) + "\n" + good + many_cells + good + long_cell + many_lines + good
    found = answer(text.encode(), pieces, 10)
    long = "a row of more than 200 characters"
    assert [row["error"] for row in found] == ["", long, "", long, long, ""]
    assert [row["DATE OCC"] for row in found] == ["01/22/2020", "", "01/22/2020", "", "", "01/22/2020"]


def test_a_quote_that_is_never_closed_ends_the_table(pieces: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROW_CHARACTERS", 20_000)
    found = answer(table(ROWS[:1] * 600) + b'"' + b"1,2,3\n" * 10_000, pieces, 300)
    assert [row["error"] for row in found[:-1]] == [""] * 600
    told = "the table ends here: a row of more than 20,000 characters, whose quotes are never closed"
    assert found[-1]["error"] == told


def test_a_table_has_no_more_columns_than_the_limit(pieces: Answer) -> None:
    names = [f"c{number}" for number in range(limits.COLUMNS - len(HEADER))]
    assert answer(table([ROWS[0] + [""] * len(names)], HEADER + names), pieces)[0]["error"] == ""
    with pytest.raises(DataError, match="the table has more than 1,000 columns"):
        answer(table([], [*HEADER, *names, "x"]), pieces)
    with pytest.raises(DataError, match="the header has more than 262,144 characters"):
        answer(table([], [*HEADER, "x" * limits.ROW_CHARACTERS]), pieces)


@pytest.mark.parametrize(("limit", "value"), [("BLOCK_CELLS", 12), ("BLOCK_CHARACTERS", 60), ("BLOCK_ROWS", 3)])
def test_a_block_ends_at_the_first_of_its_limits(
    limit: str, value: int, pieces: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, limit, value)
    csv_table = open_csv(io.BytesIO(table(ROWS[:1] * 10)))
    blocks = [piece.count("\n") for piece in pieces(csv_table, 0)]
    assert (sum(blocks), max(blocks[1:])) == (11, 3)


def test_a_row_of_many_cells_is_answered_without_them(pieces: Answer) -> None:
    found = answer(table([ROWS[0], ["1"] * 100_000, ROWS[1]]), pieces, 10)
    assert [row["error"] for row in found] == ["", "expected 4 cells, found 100000", ""]
    assert list(found[1].values())[:5] == ["1", "1", "1", "1", ""]


@pytest.mark.parametrize("body", [b"", b"\n", b"x,y\n1,2\n", b'DATE OCC,TIME OCC,AREA\n"' + b"0" * 200_000])
def test_what_is_no_table_is_refused(body: bytes, pieces: Answer) -> None:
    with pytest.raises(DataError):
        answer(body, pieces)


def test_a_byte_order_mark_is_no_part_of_the_first_name(pieces: Answer) -> None:
    assert answer("\ufeff".encode() + table(ROWS), pieces) == answer(table(ROWS), pieces)


@pytest.mark.parametrize(
    "body",
    [
        b"sep=;\r\nDATE OCC;TIME OCC;AREA\r\n01/22/2020;1200;3\r\n",
        b"Reports of January\n\nDATE OCC,TIME OCC,AREA\n22/01/2020,12:00 PM,3\n",
        "DATE OCC\tTIME OCC\tAREA\n22.01.2020\t0.5\t3\n".encode("utf-16"),
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(body: bytes, pieces: Answer) -> None:
    plain = answer(b"DATE OCC,TIME OCC,AREA\n2020-01-22,1200,3\n", pieces)
    assert [row["probability"] for row in answer(body, pieces)] == [row["probability"] for row in plain]


def test_dates_that_may_be_either_are_refused_until_the_order_is_told(pieces: Answer) -> None:
    body = b"DATE OCC,TIME OCC,AREA\n03/02/2020,1200,3\n"
    with pytest.raises(DateOrderError, match=r"DATE OCC: 03/02/2020 may have .* \?day_first=true"):
        open_csv(io.BytesIO(body))
    (told,) = answer(body, pieces, day_first=True)
    (march,) = answer(b"DATE OCC,TIME OCC,AREA\n2020-02-03,1200,3\n", pieces)
    assert told["probability"] == march["probability"]


def test_a_row_far_down_tells_the_order_of_dates(pieces: Answer) -> None:
    days = ["03/02/2020"] * 3_000 + ["23/02/2020"]
    found = answer(table([[day, "1200", "3", ""] for day in days]), pieces, 1_000)
    (march,) = answer(table([["2020-02-03", "1200", "3", ""]]), pieces)
    assert {row["error"] for row in found} == {""}
    assert found[0]["probability"] == march["probability"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"DATE OCC,TIME OCC,AREA\n", "no report could be read of 0 rows"),
        (b"DATE OCC,TIME OCC,AREA\n" + b"x,1200,3\n" * 1_200, "no report could be read of 1,200 rows"),
        (b"PAR1", "a Parquet file: this server reads tables as CSV"),
        (b'[{"DATE OCC": "2020-01-22"}]', "a JSON table: this server reads tables as CSV"),
    ],
)
def test_a_table_without_a_readable_row_is_refused(body: bytes, told: str, pieces: Answer) -> None:
    with pytest.raises(DataError, match=told):
        open_csv(io.BytesIO(body))


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("Mocodes", "theft", "Mocodes: expected MO codes of four digits, separated by spaces"),
        ("Premis Cd", "5.1E+02", "Premis Cd: expected an LAPD code, a whole number"),
        ("Date Rptd", "01/21/2020", "Date Rptd: expected a date not before DATE OCC"),
    ],
)
def test_a_row_with_a_value_that_can_not_be_read_gets_no_answer_as_in_predict(
    column: str, cell: str, told: str, pieces: Answer
) -> None:
    rows = [["01/22/2020", "1200", "3", cell], ["01/22/2020", "1200", "3", ""]]
    found = answer(table(rows, [*HEADER[:3], column]), pieces)
    assert found[0]["error"].startswith(told)
    assert (found[0]["label"], found[1]["error"]) == ("", "")


def test_a_table_without_a_readable_row_is_refused_with_the_reason(pieces: Answer) -> None:
    with pytest.raises(DataError, match=r"no report could be read of 2 rows \(Premis Cd: expected an LAPD code"):
        answer(table([["01/22/2020", "1200", "3", "street"]] * 2, [*HEADER[:3], "Premis Cd"]), pieces)
    with pytest.raises(DataError, match=r"no report could be read of 2 rows \(expected 4 cells, found 3: 2\)"):
        answer(table([["01/22/2020", "1200", "3"]] * 2), pieces)


def test_a_table_that_contradicts_itself_is_refused_or_ends_with_the_reason(pieces: Answer) -> None:
    months, days = (
        [f"{{:%{form}/%Y}}".format(date(2020, 1, day)) for day in range(1, 29)] for form in ("m/%d", "d/%m")
    )
    rows = [[day, "1200", "3", ""] for day in months + days]
    with pytest.raises(DataError, match="write all dates one way"):
        answer(table(rows), pieces, 100)
    found = answer(table(rows[:28] * 20 + rows[28:]), pieces, 560)
    assert [row["error"] for row in found[:-1]] == [""] * 560
    assert found[-1]["error"].startswith("the table ends here: DATE OCC: ")
    assert found[-1]["label"] == ""


def test_hours_are_no_times(pieces: Answer) -> None:
    with pytest.raises(DataError, match="TIME OCC: no number is above 24, so 9 may be an hour"):
        answer(table([["01/22/2020", str(hour), "3", ""] for hour in range(5, 15)]), pieces)
    assert answer(table([["01/22/2020", "0013", "3", ""]]), pieces)[0]["error"] == ""


def test_a_column_is_judged_at_the_tables_end(pieces: Answer) -> None:
    """As of a table that is sorted by time and was through pandas: 2 is two minutes after midnight."""
    early = [["01/22/2020", str(minute), "3", ""] for minute in range(2, 24)] * 30
    found = answer(table([*early, ["01/22/2020", "1430", "3", ""]]), pieces, 300)
    assert {row["error"] for row in found} == {""}
    hours = answer(table(early), pieces, 300)
    assert hours[-1]["error"].startswith("the table ends here: TIME OCC: no number is above 24, so 6 may be an hour")


def test_days_further_down_may_tell_the_order(pieces: Answer) -> None:
    rows = [["01/01/2020", "1430", "3", ""]] * 600 + [["01/02/2020", "1430", "3", ""], ["01/13/2020", "1430", "3", ""]]
    assert {row["error"] for row in answer(table(rows), pieces, 300)} == {""}


OTHER_NAMES = "Offences,,\nWhen;Division;Kind of place;AREA\n22/01/2020 12:00;3;101;x\n23/01/2020 00:30;21;;y\n"
MAPPING = {"DATE OCC": "When", "TIME OCC": "When", "AREA": "Division", "Premis Cd": "Kind of place"}


def test_columns_of_other_names_are_read_as_they_are_said_to_be(pieces: Answer) -> None:
    with pytest.raises(ColumnsError) as refused:
        open_csv(io.BytesIO(OTHER_NAMES.encode()))
    assert refused.value.columns == [
        ("When", "22/01/2020 12:00"),
        ("Division", "3"),
        ("Kind of place", "101"),
        ("AREA", "x"),
    ]
    found = answer(OTHER_NAMES.encode(), pieces, mapping=MAPPING)
    named = answer(b"DATE OCC,TIME OCC,AREA,Premis Cd\n2020-01-22,1200,3,101\n2020-01-23,0030,21,\n", pieces)
    assert [row["probability"] for row in found] == [row["probability"] for row in named]
    assert [row["level"] for row in found] == ["premise", "premise"]
    assert list(found[0])[:4] == ["When", "Division", "Kind of place", "AREA"]


def test_a_mapping_must_name_the_tables_columns() -> None:
    with pytest.raises(ColumnsError, match="no column 'Place', which was to be read as 'AREA'"):
        open_csv(io.BytesIO(OTHER_NAMES.encode()), mapping=MAPPING | {"AREA": "Place"})
    with pytest.raises(ColumnsError, match="'Weapn Used Cd' is no column of a report; did you mean Weapon Used Cd"):
        open_csv(io.BytesIO(OTHER_NAMES.encode()), mapping=MAPPING | {"Weapn Used Cd": "Kind of place"})


def test_each_row_tells_how_it_was_read_and_what_to_know(pieces: Answer) -> None:
    header = [*HEADER[:3], "Rpt Dist No", "Premis Cd", "Mocodes", "Crm Cd"]
    rows = [
        ["22/01/2020", "12:00 PM", "3", "0101", "999", "0344 9998", "510"],
        ["23/01/2035", "1200", "3", "0301", "101", "", "777777"],
        ["23/01/2020", "noon", "3", "0101", "999", "", "510"],
    ]
    first, second, rejected = answer(table(rows, header), pieces, 10)
    assert (first["date_read"], first["recorded_name"]) == ("2020-01-22", "theft/burglary")
    repairs = ["TIME OCC: 12-hour time", "Premis Cd: code not in LAPD's table, taken as not known"]
    assert first["repaired"].split("; ") == repairs
    for told in ("Premis Cd 999: not in LAPD's", "Mocodes 9998: not in LAPD's", "Rpt Dist No: 101 is not in AREA 3"):
        assert told in first["warnings"]
    assert (second["recorded_name"], second["warnings"].partition(":")[0]) == ("", "DATE OCC")
    assert "is in the future" in second["warnings"]
    assert rejected["error"]
    assert [rejected[name] for name in NOTE_COLUMNS] == ["", "", "", ""]
    assert answer(table(rows, header), pieces, 1) == [first, second, rejected]
