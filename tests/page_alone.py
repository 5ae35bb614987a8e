"""The page as a real process, on a backend with recorded answers: quick to start, and its answers can be any."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

from harness import free_port, wait_for
from recorded import RecordedBackend, handler_of


@dataclass
class PageAlone:
    """`url` is the page's."""

    url: str
    process: subprocess.Popen[bytes]
    backend: RecordedBackend

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].partition("/")[0])

    def peak_mib(self) -> int:
        """The most memory that the process had so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) >> 10


@contextmanager
def page_alone(root: Path, **environment: str) -> Iterator[PageAlone]:
    backend, port = RecordedBackend(""), free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_of(backend)) as server, tempfile.TemporaryFile() as log:
        backend.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "src/crime_ui/server.py", f"--server.port={port}"],
            cwd=root / "services/frontend",
            env={**os.environ, "BACKEND_URL": backend.url, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{port}{environment.get('STREAMLIT_SERVER_BASE_URL_PATH', '')}"
        try:
            wait_for(f"{url}/_stcore/health", process, log)
            yield PageAlone(url, process, backend)
        finally:
            process.kill()
            process.wait()
            server.shutdown()
            thread.join()
