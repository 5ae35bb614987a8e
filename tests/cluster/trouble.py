"""A failing registry inside a pod. `slow`: ten seconds for each answer; `garbage`: HTML instead of JSON."""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Trouble(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if sys.argv[1] == "slow":
            time.sleep(10)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>not what you asked for" * 1000)

    do_POST = do_PUT = do_GET

    def log_message(self, *arguments: object) -> None: ...


ThreadingHTTPServer(("", 5000), Trouble).serve_forever()
