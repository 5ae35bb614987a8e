"""Answers of the backend to reports through KServe's own client, in both of its protocols.

`python kserve_client.py URL MODEL < records.json`: prints JSON. It runs in an environment of its own.
"""

import asyncio
import json
import sys
from typing import Any

import pandas as pd
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig


def tensor(name: str, cells: list[Any]) -> InferInput:
    """A column of texts, in which `None` is what numpy makes of a null."""
    column = InferInput(name, [len(cells)], "BYTES")
    column.set_data_from_numpy(pd.Series(cells, dtype=object).astype(str).to_numpy(object), binary_data=False)
    return column


async def ask(url: str, model: str) -> dict[str, Any]:
    records = json.load(sys.stdin)
    first = InferenceRESTClient(RESTConfig(protocol="v1"))
    second = InferenceRESTClient(RESTConfig(protocol="v2"))
    one = await first.infer(url, {"instances": records}, model_name=model)
    names = list(dict.fromkeys(name for record in records for name in record))
    tensors = [tensor(name, [record.get(name) for record in records]) for name in names]
    two = await second.infer(url, InferRequest(model, tensors), model_name=model)
    outputs = {output.name: output.as_numpy() for output in two.outputs}
    ready = [await client.is_model_ready(url, model) for client in (first, second)]
    alive = [await client.is_server_live(url) for client in (first, second)]
    answers = {
        "v1": {name: [row[name] for row in one["predictions"]] for name in ("label", "label_name", "probability")},
        "v2": {
            "label": outputs["label"].tolist(),
            "label_name": [str(name) for name in outputs["label_name"]],
            "probability": outputs["probabilities"].max(1).tolist(),
        },
    }
    return {"answers": answers, "ready": ready, "alive": alive}


print(json.dumps(asyncio.run(ask(*sys.argv[1:]))))
