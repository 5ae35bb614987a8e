"""Open the page as a browser does, over its WebSocket, and wait for the prediction it shows, or for its sign-in.

`python -m crime_ui.smoke http://frontend-service:8501` goes through the page to the backend.
"""

import ssl
import sys
import time
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

REPORT = {"date": "2023-01-15", "time": "14:30", "area": "Hollywood (6)", "premise": "Street (101)"}
TIMEOUT_SECONDS = 60
CONNECT_SECONDS = 15


def main(url: str) -> None:
    """Exits with a message unless the page shows a prediction."""
    with open_stream(url) as socket:
        start = BackMsg()
        start.rerun_script.page_name = "predict"
        start.rerun_script.query_string = urlencode(REPORT)
        socket.send(start.SerializeToString())
        while True:
            message = ForwardMsg.FromString(socket.recv(TIMEOUT_SECONDS))
            element = message.delta.new_element
            if element.metric.label == "Most likely":
                print(f"{element.metric.body}: {element.metric.delta}")
                return
            if element.button.label == "Sign in":
                print("sign-in is on: the page asks who opens it")
                return
            if element.alert.body:
                sys.exit(f"the page shows: {element.alert.body}")
            if message.WhichOneof("type") == "script_finished":
                sys.exit("the page loaded without a prediction")


def open_stream(url: str) -> ClientConnection:
    """Connect to the page's WebSocket, again if need be: network policies know a new pod only after a moment."""
    stream = url.replace("http", "ws", 1).rstrip("/") + "/_stcore/stream"
    tls = None
    if url.startswith("https"):  # the certificate names the page's host outside the cluster
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    protocols = [Subprotocol("streamlit")]
    until = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            return connect(stream, subprotocols=protocols, max_size=None, open_timeout=TIMEOUT_SECONDS, ssl=tls)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1])
