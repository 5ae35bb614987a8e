"""A portal inside a pod: serves a simulated city's reports up to a day that can be moved, by the city portal's API.

It has one dataset, `twin-2020`, which is none of LAPD's: 404 for any other.
`POST /until?2020-05-01` moves it; `POST /feed?N` asks backend-service for predictions of the N latest until then.
"""

import csv
import json
import re
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

from crime.reports.schema import column_key
from crime.reports.sources import SOURCES
from crime.simulation.city import SimulatedCity
from crime.simulation.settings import CitySettings
from crime.simulation.tables import write_city

seed, rows, drift, areas = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
table = Path("/tmp/reports.csv")
write_city(SimulatedCity(CitySettings(seed, rows, drift)), table)
keys = {column.name: column_key(column.name) for column in SOURCES["legacy"].columns}
reports: list[dict[str, str]] = []
cells: list[dict[str, str]] = []
with table.open(newline="") as file:
    for row in csv.DictReader(file):
        if int(row["AREA"]) <= areas:
            month, day, year = row["DATE OCC"].split(" ")[0].split("/")
            when = f"{year}-{month}-{day}T00:00:00.000"
            cells.append(row)
            reports.append(
                {":id": f"row-{len(reports):07}", ":updated_at": when + "Z"}
                | {keys[name]: cell for name, cell in row.items() if cell}
                | {"date_occ": when}
            )
until = "2020-01-01"


class Portal(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if urlparse(self.path).path != "/resource/twin-2020.json":
            self.answer({"message": "Not found"}, 404)
            return
        query = {name: values[0] for name, values in parse_qs(urlparse(self.path).query).items()}
        found = [row for row in reports if row["date_occ"] <= until + "T99"]
        for name, sign, value in re.findall(r"(:?\w+) (>=|>) '([^']*)'", query.get("$where", "")):
            found = [row for row in found if row[name] > value or (sign == ">=" and row[name] == value)]
        if query.get("$select") == "count(*)":
            self.answer([{"count": str(len(found))}])
        else:
            self.answer(found[: int(query.get("$limit", 1000))])

    def do_POST(self) -> None:
        global until
        what, _, value = self.path.partition("?")
        if what == "/until":
            until = value
            self.answer({})
        else:
            known = [cell for cell, row in zip(cells, reports, strict=True) if row["date_occ"] <= until + "T99"]
            body = json.dumps(known[-int(value) :]).encode()
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request("http://backend-service:5000/predict/batch", body, headers)
            with urllib.request.urlopen(request, timeout=60) as response:
                self.answer({"answers": len(json.load(response))})

    def answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None: ...


print("ready", flush=True)
ThreadingHTTPServer(("", 8000), Portal).serve_forever()
