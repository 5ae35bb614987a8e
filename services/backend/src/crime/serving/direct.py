"""The paths of single predictions, answered without FastAPI's routing, which takes longer than the prediction."""

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
    """Middleware that calls the endpoints of these paths itself. Their errors go to the application's handlers."""

    def __init__(self, app: ASGIApp, handlers: Mapping[Any, Any]):
        self.app, self.handlers = app, handlers
        self.endpoints: dict[str, tuple[APIRoute, Endpoint]] = {
            "/predict": (_route(predictions.router, predictions.predict), _predict),
            "/invocations": (_route(mlflow_scoring.router, mlflow_scoring.invocations), mlflow_scoring.invocations),
            f"/v1/models/{CATEGORY_MODEL}:predict": (
                _route(kserve.router, kserve.predict),
                partial(kserve.predict, CATEGORY_MODEL),
            ),
            f"/v2/models/{CATEGORY_MODEL}/infer": (
                _route(open_inference.router, open_inference.infer),
                partial(open_inference.infer, CATEGORY_MODEL),
            ),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.endpoints.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
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


def _route(router: APIRouter, endpoint: Callable[..., Any]) -> APIRoute:
    """The route of an endpoint, under whose path its requests are counted. Of two it is the one without a version."""
    return [route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is endpoint][-1]
