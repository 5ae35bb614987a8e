"""Answers of the backend to columns of reports, through Triton's own client in each of its ways.

`python triton.py HOST:PORT MODEL < columns.json`: prints JSON. It runs in an environment of its own.
"""

import json
import sys
from typing import Any

import numpy as np
import tritonclient.http as triton


def inputs(columns: dict[str, list[Any]], binary: bool) -> list[triton.InferInput]:
    """Texts as BYTES, whole numbers as INT64, others as FP64; NaN and None stand for what is not known."""
    tensors = []
    for name, cells in columns.items():
        numbers = all(isinstance(cell, int | float) or cell is None for cell in cells)
        array = np.array(cells, float if numbers else object)
        datatype = "FP64" if numbers else "BYTES"
        if numbers and not np.isnan(array).any() and (array % 1 == 0).all():
            array, datatype = array.astype(np.int64), "INT64"
        tensor = triton.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, binary_data=binary)
        tensors.append(tensor)
    return tensors


def answer(result: triton.InferResult) -> dict[str, Any]:
    texts = result.as_numpy("label_name").tolist()
    return {
        "label": result.as_numpy("label").tolist(),
        "label_name": [text.decode() if isinstance(text, bytes) else text for text in texts],
        "probabilities": result.as_numpy("probabilities").tolist(),
    }


def error_of(client: triton.InferenceServerClient, model: str, tensors: list[triton.InferInput]) -> str:
    try:
        client.infer(model, tensors)
    except triton.InferenceServerException as error:
        return str(error.message())
    return ""


def main(address: str, model: str) -> None:
    columns = json.load(sys.stdin)
    client = triton.InferenceServerClient(address)
    binary, plain = inputs(columns, True), inputs(columns, False)
    wanted = [triton.InferRequestedOutput(name, binary_data=False) for name in ("label", "label_name", "probabilities")]
    metadata = client.get_model_metadata(model)
    answers = {
        "defaults": answer(client.infer(model, binary)),
        "json inputs": answer(client.infer(model, plain)),
        "json outputs": answer(client.infer(model, binary, outputs=wanted, request_id="a")),
        "all json": answer(client.infer(model, plain, outputs=wanted)),
        "gzip": answer(client.infer(model, binary, request_compression_algorithm="gzip")),
        "deflate": answer(client.infer(model, plain, request_compression_algorithm="deflate")),
        "version": answer(client.infer(model, binary, model_version=metadata["versions"][0])),
    }
    told = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready() and client.is_model_ready(model),
        "inputs": [tensor["name"] for tensor in metadata["inputs"]],
        "extensions": client.get_server_metadata()["extensions"],
        "errors": [error_of(client, "other", binary), error_of(client, model, binary[:1])],
    }
    json.dump({"answers": answers, "told": told}, sys.stdout)


main(*sys.argv[1:])
