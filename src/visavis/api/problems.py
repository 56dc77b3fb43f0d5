"""Errors in words: every answer that is no success is a :class:`Problem` and says what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

#: What errors are called that have no name of their own.
_NAMES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    422: "invalid_request",
    500: "server_error",
}
#: FastAPI's words for a body that is not UTF-8, or nested deeper than a parser goes.
_UNREADABLE = "There was an error parsing the body"


class Problem(BaseModel):
    """An error in words."""

    #: A short name for programs.
    error: str
    #: Sentences for people.
    detail: str


def problem(status: int, error: str, detail: str, **headers: str) -> JSONResponse:
    """The answer to a request that did not succeed."""
    body = Problem(error=error, detail=detail)
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def documented(**descriptions: str) -> dict[int | str, dict[str, Any]]:
    """Entries for a route's `responses`: ``documented(_404="The call has ended")``."""
    return {
        int(status.lstrip("_")): {"model": Problem, "description": text}
        for status, text in descriptions.items()
    }


def install(app: FastAPI) -> None:
    """Have `app` answer all errors with a :class:`Problem`."""

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, e: RequestValidationError) -> JSONResponse:
        return problem(422, "invalid_request", _what_is_wrong(e))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, e: HTTPException) -> JSONResponse:
        status, detail, headers = e.status_code, e.detail, dict(e.headers or {})
        if status == 405:
            allowed = _methods(app, request) or [headers.get("Allow", "")]
            headers["Allow"] = ", ".join(allowed)
            detail = f"{request.url.path} takes {' or '.join(allowed)}, not {request.method}."
        elif detail == HTTPStatus.NOT_FOUND.phrase:
            detail = f"There is nothing at {request.url.path}. /openapi.json lists what there is."
        elif detail == _UNREADABLE:
            detail = "The body cannot be read. Send a JSON object in UTF-8."
        return problem(status, _NAMES.get(status, "error"), detail, **headers)

    @app.exception_handler(Exception)
    async def failed(_: Request, __: Exception) -> JSONResponse:
        # Starlette raises it again once this is sent, so it stands in the server's log.
        return problem(
            500,
            "server_error",
            "The server made a mistake. Please try again; if it stays, its log says what happened.",
        )


def _what_is_wrong(e: RequestValidationError) -> str:
    errors = e.errors()
    if errors[0]["type"] == "json_invalid":
        reason, position = errors[0]["ctx"]["error"], errors[0]["loc"][-1]
        return f"The body is not JSON ({reason}, at character {position}). Send a JSON object."
    if any(tuple(x["loc"]) == ("body",) for x in errors):
        return "Send a JSON object as the body, with the header Content-Type: application/json."
    fields = "; ".join(f"{'.'.join(map(str, x['loc'][1:]))}: {x['msg']}" for x in errors)
    return f"The request cannot be used: {fields}. /openapi.json says what belongs in it."


def _methods(app: FastAPI, request: Request) -> list[str]:
    """What one may do at this address; several routes may share it."""
    return sorted(
        method
        for route in app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods or ()
    )
