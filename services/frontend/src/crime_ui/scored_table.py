"""A scored table, read as the backend answers it: what is in it, some of its rows, and all of it for the download."""

import csv
import gzip
import heapq
import json
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import IO, Literal

from crime_ui import limits
from crime_ui.client.transport import Refused
from crime_ui.language import _

Order = Literal["unsure", "differs", "warned", "file", "sure"]
PROGRESS_ROWS = 5_000  # between two calls of `progress`
OTHER = "…"
FIRST_ADDED = "label"  # the first of the columns that the backend adds to the table's own
END = "the table ends here: "  # how the error of a last row begins that is none of the table's
csv.field_size_limit(limits.ROW_BYTES)
SURENESS = (0.5, 0.7, 0.9)  # bounds of the groups in which answers are counted by their probability


class TopRows:
    """The rows of the highest rank, in a heap that is bounded in rows and in bytes."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, bytes]] = []
        self._bytes, self._is_full = 0, False

    def offer(self, rank: float, number: int, cells: list[str]) -> None:
        if self._is_full and (rank, -number) < self._heap[0][:2]:
            return
        packed = json.dumps(cells).encode()
        heapq.heappush(self._heap, (rank, -number, packed))
        self._bytes += len(packed)
        while len(self._heap) > limits.TOP_ROWS or self._bytes > limits.TOP_ROWS_BYTES:
            self._bytes -= len(heapq.heappop(self._heap)[2])
            self._is_full = len(self._heap) > 0

    def __bool__(self) -> bool:
        return bool(self._heap)

    def rows(self) -> list[tuple[int, list[str]]]:
        """Number and cells of each row, the highest rank first."""
        return [(-number, json.loads(packed)) for _rank, number, packed in sorted(self._heap, reverse=True)]


class Tally(Counter[str]):
    """Counts by text. Texts may quote a table's cells: only so many are told apart, the others counted as `OTHER`."""

    def count(self, text: str) -> str:
        """As what it was counted."""
        text = text[: limits.REASON_CHARACTERS]
        counted_as = text if text in self or len(self) < limits.DISTINCT_REASONS else OTHER
        self[counted_as] += 1
        return counted_as


class ScoredTable:
    """A scored table.

    `rows` are counted, and of them `rejected` by reason, `repaired` by kind of repair, `warned` by what the warning is
    about, with an `example_warning` of each. Scored rows are counted by category, by detail level, by how sure the
    answer is (index of a group of `SURENESS`), and where they have a crime code of their own, by its category, the
    predicted one, and whether the model learnt from reports of that day (`compared`). `days`: the first and the last
    that was read. `ended`: why the table could not be read to its end. `top`: rows by order.

    The whole answer is in a temporary file, which goes with this object.
    """

    def __init__(self, learnt_days: tuple[str, str]):
        self.at = datetime.now(UTC)
        self.names: list[str] = []
        self.added: list[str] = []
        self.rows = self.repaired_rows = self.warned_rows = 0
        self.rejected, self.repaired, self.warned = Tally(), Tally(), Tally()
        self.example_warning: dict[str, str] = {}
        self.by_category, self.by_level, self.by_sureness = Counter[str](), Counter[str](), Counter[int]()
        self.compared = Counter[tuple[str, str, bool]]()
        self.days: tuple[str, str] | None = None
        self.ended = ""
        self.top: dict[Order, TopRows] = {order: TopRows() for order in ("unsure", "differs", "warned", "file", "sure")}
        self.top_rejected = TopRows()
        self._learnt_days = learnt_days
        self._size = 0  # of the whole answer
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed with this object)
        weakref.finalize(self, self._file.close)

    @classmethod
    def read(
        cls, pieces: Iterable[bytes], learnt_days: tuple[str, str], progress: Callable[[int], None]
    ) -> "ScoredTable":
        """The table of an answer that comes piece by piece. `learnt_days`: first and last of the model's reports.

        `progress` is told the rows so far.
        """
        table = cls(learnt_days)
        with gzip.GzipFile(fileobj=table._file, mode="wb", compresslevel=1) as packed:
            rows = csv.reader(_lines(table._bounded(pieces), packed))
            header = next(rows, [])
            own = len(header) - header[::-1].index(FIRST_ADDED) - 1
            table.names, table.added = header[:own], header[own:]
            for cells in rows:
                table._add(cells)
                if table.rows % PROGRESS_ROWS == 0:
                    progress(table.rows)
        return table

    def _bounded(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._size += len(piece)
            if self.disk_bytes > limits.RESULT_BYTES:
                raise Refused(_("the answer is too large for this page. Upload the table in parts"))
            yield piece

    @property
    def rejected_rows(self) -> int:
        return self.rejected.total()

    @property
    def scored_rows(self) -> int:
        return self.rows - self.rejected_rows

    @property
    def disk_bytes(self) -> int:
        """What the whole answer takes on disk, compressed."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def is_large(self) -> bool:
        """Whether its download is compressed, too."""
        return self._size > limits.DOWNLOAD_BYTES

    @property
    def download_bytes(self) -> int:
        return self.disk_bytes if self.is_large else self._size

    def content(self) -> bytes:
        """The whole answer as CSV, compressed with gzip if it is large."""
        self._file.seek(0)
        return self._file.read() if self.is_large else gzip.GzipFile(fileobj=self._file).read()

    def examples(self) -> list[str]:
        """The first value of each of the table's own columns among the rows that are kept; blank if there is none."""
        rows = [cells for _number, cells in (*self.top["file"].rows(), *self.top_rejected.rows())]
        return [next(filter(None, (cells[position] for cells in rows)), "") for position in range(len(self.names))]

    def accuracy(self, learnt: bool | None = None) -> tuple[int, int]:
        """Rows with a category of their own, and those of them where it is the predicted one.

        `learnt`: only of days that the model learnt from, or only of others.
        """
        pairs = [(own == predicted, rows) for (own, predicted, is_learnt), rows in self.compared.items()
                 if learnt is None or learnt == is_learnt]  # fmt: skip
        return sum(rows for _is_right, rows in pairs), sum(rows for is_right, rows in pairs if is_right)

    def _add(self, cells: list[str]) -> None:
        added = dict(zip(self.added, cells[len(self.names) :], strict=True))
        if added["error"].startswith(END) and not any(cells[: len(self.names)]):
            self.ended = added["error"].removeprefix(END)
            return
        self.rows += 1
        if added["error"]:
            self.rejected.count(added["error"])
            self.top_rejected.offer(-self.rows, self.rows, cells)
            return
        category, probability, day = added["label_name"], float(added["probability"]), added.get("date_read", "")
        self.by_category[category] += 1
        self.by_level[added["level"]] += 1
        self.by_sureness[sum(probability >= bound for bound in SURENESS)] += 1
        if day:
            first, last = self.days or (day, day)
            self.days = min(first, day), max(last, day)
        self._count_notes(added.get("repaired", ""), added.get("warnings", ""))
        self.top["unsure"].offer(-probability, self.rows, cells)
        self.top["sure"].offer(probability, self.rows, cells)
        self.top["file"].offer(-self.rows, self.rows, cells)
        if added.get("warnings"):
            self.top["warned"].offer(-self.rows, self.rows, cells)
        if recorded := added.get("recorded_name", ""):
            self.compared[recorded, category, self._learnt_days[0] <= day <= self._learnt_days[1]] += 1
            if recorded != category:
                self.top["differs"].offer(probability, self.rows, cells)

    def _count_notes(self, repaired: str, warnings: str) -> None:
        if repaired:
            self.repaired_rows += 1
            for repair in set(repaired.split("; ")):
                self.repaired.count(repair)
        if warnings:
            self.warned_rows += 1
            for warning in warnings.split("; "):
                about = warning.partition(":")[0]
                counted_as = self.warned.count(about)
                self.example_warning.setdefault(counted_as, warning[: limits.REASON_CHARACTERS])


def _lines(pieces: Iterable[bytes], copy: IO[bytes] | gzip.GzipFile) -> Iterator[str]:
    """Lines with their ends; what was read is written to `copy`."""
    rest = b""
    for piece in pieces:
        copy.write(piece)
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > limits.ROW_BYTES:
            raise Refused(_("a row of the answer is too long to be shown"))
        yield from (f"{line.decode()}\n" for line in lines)
    if rest:
        yield rest.decode()
