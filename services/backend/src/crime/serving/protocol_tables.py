"""Other servers' protocols, so that their clients and KServe can use the backend as it is.

MLflow's scoring protocol (https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally) and the Open Inference
Protocol v2 over REST (https://github.com/kserve/open-inference-protocol). Both answer with the champion.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import HTTPException, Request
from pydantic import BaseModel

from crime.classifier.scoring import parse_table
from crime.core.errors import DataError
from crime.reports.table import Reports
from crime.serving.dependencies import settings_of
from crime.serving.errors import field_problem

ColumnTable = Mapping[str, Sequence[Any]]


def limit_rows(rows: int, request: Request) -> None:
    most = settings_of(request).max_batch
    if rows > most:
        raise HTTPException(413, f"{rows:,} rows in one request: at most {most:,}, or send a CSV table")


def body_schema(kind: type[BaseModel], *others: str) -> dict[str, Any]:
    """OpenAPI's words for a body that the endpoint reads itself."""
    schema = kind.model_json_schema()
    parts = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, dict):
            part = parts.get(node.get("$ref", "").rpartition("/")[2])
            return whole(part) if part else {name: whole(value) for name, value in node.items()}
        return [whole(value) for value in node] if isinstance(node, list) else node

    content = {"application/json": {"schema": whole(schema)}} | {
        other: {"schema": {"type": "string"}} for other in others
    }
    return {"requestBody": {"required": True, "content": content}}


def parse_table_body(columns: ColumnTable, rows: int) -> Reports:
    """Reports of a request's table. Raises `RequestValidationError` where it is no LAPD table."""
    try:
        return parse_table(columns, rows)
    except DataError as error:
        raise field_problem("columns", None, str(error)) from None
