"""The paths by which single reports come, answered without FastAPI's routing, which takes longer than a prediction."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from crime.core.model_names import CATEGORY_MODEL
from crime.serving.routes import kserve, mlflow_scoring, open_inference, predictions

Endpoint = Callable[[Request], Awaitable[Response]]


class DirectAnswers:
    """Middleware that calls the endpoints of these paths itself. Their errors go to the application's handlers.

    A request with a query goes FastAPI's way.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[Any, Any]):
        self.app, self.handlers = app, handlers
        self.endpoints: dict[str, tuple[APIRoute, Endpoint]] = {
            "/predict": (_route(predictions.router, "/predict"), _predict),
            "/invocations": (_route(mlflow_scoring.router, "/invocations"), mlflow_scoring.invocations),
            f"/v1/models/{CATEGORY_MODEL}:predict": (
                _route(kserve.router, "/v1/models/{name:modelname}:predict"),
                partial(kserve.predict, CATEGORY_MODEL),
            ),
            f"/v2/models/{CATEGORY_MODEL}/infer": (
                _route(open_inference.router, "/v2/models/{name}/infer"),
                partial(open_inference.infer, CATEGORY_MODEL),
            ),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] == "POST" and not scope["query_string"]:
            found = self.endpoints.get(scope["path"])
        if found is None:
            await self.app(scope, receive, send)
            return
        scope["route"], endpoint = found
        request = Request(scope, receive)
        try:
            answer = await endpoint(request)
        except (RequestValidationError, HTTPException) as error:
            kind = next(kind for kind in type(error).__mro__ if kind in self.handlers)
            answer = await self.handlers[kind](request, error)
        await answer(scope, receive, send)


async def _predict(request: Request) -> Response:
    whole = await request.receive()  # admission control hands on whole bodies alone
    return predictions.answer_report(request, whole["body"])


def _route(router: APIRouter, path: str) -> APIRoute:
    """The route of a path, under which its requests are counted."""
    return next(route for route in router.routes if isinstance(route, APIRoute) and route.path == path)
