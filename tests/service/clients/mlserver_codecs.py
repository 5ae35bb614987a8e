"""Answers of the backend to a table of reports that MLServer's codecs wrote, and that they read.

`python mlserver_codecs.py URL < records.json`: prints JSON. It runs in an environment of its own.
"""

import json
import sys
from typing import Any
from urllib.request import Request, urlopen

import pandas as pd
from mlserver.codecs import Base64Codec, NumpyCodec, PandasCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


def infer(url: str, request: InferenceRequest) -> InferenceResponse:
    body = request.model_dump_json(exclude_none=True).encode()
    with urlopen(Request(url, body, {"Content-Type": "application/json"})) as response:
        return InferenceResponse.model_validate_json(response.read())


def main(url: str) -> None:
    frame = pd.DataFrame(json.load(sys.stdin))
    texts = [str(name) for name in frame if pd.api.types.is_string_dtype(frame[name])]
    frame = frame.astype(dict.fromkeys(texts, object))  # the codec does not know the text dtype of pandas 3
    answers: dict[str, Any] = {}
    for use_bytes in (True, False):
        response = infer(url, PandasCodec.encode_request(frame, use_bytes=use_bytes))
        answers[f"pandas, use_bytes={use_bytes}"] = PandasCodec.decode_response(response).to_dict("list")
    inputs = [
        StringCodec.encode_input(name, frame[name].tolist())
        if name in texts
        else NumpyCodec.encode_input(name, frame[name].to_numpy(float))
        for name in frame
        if name != "Mocodes"
    ]
    joined = [" ".join(codes) for codes in frame["Mocodes"]]
    inputs += [StringCodec.encode_input("Mocodes", joined), Base64Codec.encode_input("Premis Desc", [b""] * len(frame))]
    outputs = {output.name: output for output in infer(url, InferenceRequest(inputs=inputs)).outputs}
    answers["a codec for each tensor"] = {
        "label": NumpyCodec.decode_output(outputs["label"]).ravel().tolist(),
        "label_name": StringCodec.decode_output(outputs["label_name"]),
        "probability": NumpyCodec.decode_output(outputs["probabilities"]).max(1).tolist(),
    }
    json.dump(answers, sys.stdout)


main(*sys.argv[1:])
