"""A bound on what a request may carry, kept before anything of it is parsed."""

from __future__ import annotations

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware that refuses bodies over a size.

    The announced length is believed when it is too large; what arrives is counted all the same,
    because a length may be missing or untrue. Starlette's own middleware answers in plain text,
    this one through the application's error handlers.

    Args:
        app: The application.
        limit: Bytes that a body may have.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, watching its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        announced = int(length) if length.isdecimal() else 0
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            if announced > self._limit:
                raise self._refusal()
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._limit:
                raise self._refusal()
            return message

        await self._app(scope, counted, send)

    def _refusal(self) -> HTTPException:
        # The rest of the body is not read, so the connection cannot serve another request.
        return HTTPException(
            413,
            f"The body is too large. Send at most {self._limit:,} bytes.",
            headers={"Connection": "close"},
        )
