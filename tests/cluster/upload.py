"""Uploads from inside a pod, to the page as a browser does, over `frontend-service`; then one line of JSON."""

import json
import sys
import urllib.request

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

HOST = "frontend-service:8501"
BOUNDARY = "crime-boundary"
refused = []
with urllib.request.urlopen(f"http://{HOST}/_stcore/health", timeout=30) as response:
    cookie = next(c for c in response.headers.get_all("Set-Cookie") if c.startswith("_streamlit_xsrf")).split(";")[0]
for at in range(int(sys.argv[1])):
    with connect(f"ws://{HOST}/_stcore/stream", subprotocols=[Subprotocol("streamlit")], max_size=None) as socket:
        start = BackMsg()
        start.rerun_script.query_string = ""
        socket.send(start.SerializeToString())
        ask = BackMsg()
        session = ""
        while True:
            message = ForwardMsg.FromString(socket.recv(60))
            if message.WhichOneof("type") == "new_session":
                session = message.new_session.initialize.session_id
            if message.WhichOneof("type") == "script_finished":
                ask.file_urls_request.request_id = f"upload-{at}"
                ask.file_urls_request.file_names.append("reports.csv")
                ask.file_urls_request.session_id = session
                socket.send(ask.SerializeToString())
            if message.WhichOneof("type") == "file_urls_response":
                url = message.file_urls_response.file_urls[0].upload_url
                break
        body = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="reports.csv"\r\n'
            f"Content-Type: text/csv\r\n\r\nDATE OCC,TIME OCC,AREA\r\n01/15/2023,1430,1\r\n--{BOUNDARY}--\r\n"
        ).encode()
        # a connection of its own, as a browser's: the service decides which pod gets it
        request = urllib.request.Request(f"http://{HOST}{url}", body, method="PUT")
        request.add_header("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        request.add_header("Cookie", cookie)
        request.add_header("X-Xsrftoken", cookie.partition("=")[2].strip('"'))
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                if response.status not in (200, 204):
                    refused.append(response.status)
        except Exception as error:
            refused.append(repr(error))
print(json.dumps({"uploads": int(sys.argv[1]), "refused": refused}))
