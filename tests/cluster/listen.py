"""Take connections at some ports of this pod: `listen.py PORT...`."""

import contextlib
import selectors
import socket
import sys

chosen = selectors.DefaultSelector()
for port in sys.argv[1:]:
    chosen.register(socket.create_server(("", int(port))), selectors.EVENT_READ)
while True:
    for key, _ in chosen.select():
        with contextlib.suppress(OSError):
            key.fileobj.accept()[0].close()  # type: ignore[union-attr]
