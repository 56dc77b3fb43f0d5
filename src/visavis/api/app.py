"""The HTTP side: signalling for calls, what the page needs to know, and the page itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from loguru import logger
from pipecat.transports.smallwebrtc.connection import IceServer, SmallWebRTCConnection
from pipecat.transports.smallwebrtc.request_handler import (
    IceCandidate,
    SmallWebRTCPatchRequest,
    SmallWebRTCRequest,
    SmallWebRTCRequestHandler,
)
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from visavis import __version__
from visavis.config import Settings
from visavis.conversation.services import Services
from visavis.conversation.sessions import DrainingError, ServerFullError, Sessions
from visavis.conversation.video_encoder import install as install_video_encoder

#: An SDP offer is a few kilobytes; anything much larger is not one.
MAX_SDP = 200_000
#: Seconds after which a person refused a seat may sensibly ask again.
RETRY_AFTER = 15


class Offer(BaseModel):
    """A WebRTC offer, or a renegotiation of a running connection."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    sdp: Annotated[str, Field(min_length=1, max_length=MAX_SDP)]
    type: Annotated[str, Field(pattern="^offer$")]
    pc_id: Annotated[str | None, Field(max_length=100, alias="pc_id")] = None
    restart_pc: Annotated[bool | None, Field(alias="restart_pc")] = None
    request_data: Any | None = None


class Answer(BaseModel):
    """The server's side of the connection."""

    sdp: str
    type: str
    pc_id: str


class Candidate(BaseModel):
    """One ICE candidate of the browser."""

    candidate: Annotated[str, Field(max_length=2000)]
    sdp_mid: Annotated[str, Field(max_length=100)]
    sdp_mline_index: Annotated[int, Field(ge=0, le=100)]


class Candidates(BaseModel):
    """ICE candidates that came up after the offer."""

    pc_id: Annotated[str, Field(min_length=1, max_length=100)]
    candidates: Annotated[list[Candidate], Field(max_length=200)]


class ReplicaCard(BaseModel):
    """The face, as the page shows it before the call."""

    id: str
    name: str
    portrait_url: str


class PersonaCard(BaseModel):
    """Who one will talk to."""

    name: str
    role: str
    replica: ReplicaCard
    greeting: str
    notice: str


class Status(BaseModel):
    """Whether a conversation can begin now."""

    ok: bool
    ready: bool
    sessions: int
    max_sessions: int
    detail: str
    version: str


class Problem(BaseModel):
    """An error in words."""

    error: str
    detail: str


def _problem(status: int, error: str, detail: str, **headers: str) -> JSONResponse:
    return JSONResponse(
        Problem(error=error, detail=detail).model_dump(), status_code=status, headers=headers
    )


def create_app(settings: Settings) -> FastAPI:
    """The application; models load in its lifespan."""
    install_video_encoder(settings.face.bitrate)
    services = Services(settings)
    sessions = Sessions(services)
    ice = [IceServer(urls=url) for url in settings.server.ice_servers]
    webrtc = SmallWebRTCRequestHandler(ice_servers=ice or None)
    # Between the check for a free seat and the taking of it the offer is negotiated; one at a
    # time, so that two people cannot take the same seat.
    door = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await services.start()  # at once if they run already
        app.state.ready = True
        yield
        app.state.ready = False
        await sessions.drain(settings.server.drain_timeout)
        await webrtc.close()
        await services.stop()

    app = FastAPI(
        title="Vis-à-vis",
        version=__version__,
        summary="Live conversations with an AI face.",
        lifespan=lifespan,
    )
    app.state.ready = False
    app.state.sessions = sessions
    app.state.services = services

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, e: RequestValidationError) -> JSONResponse:
        detail = "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        return _problem(422, "invalid_request", detail)

    @app.exception_handler(HTTPException)
    async def refused(_: Request, e: HTTPException) -> JSONResponse:
        return _problem(e.status_code, "error", str(e.detail))

    @app.get("/api/status", summary="Whether a conversation can begin")
    async def status() -> Status:
        llm = services.llm_server
        detail = "ready" if llm is None or llm.ready else "the language model is restarting"
        return Status(
            ok=True,
            ready=bool(app.state.ready) and (llm is None or llm.ready),
            sessions=len(sessions),
            max_sessions=sessions.limit,
            detail=detail,
            version=__version__,
        )

    @app.get("/api/persona", summary="Who one talks to")
    async def persona() -> PersonaCard:
        p = settings.persona
        assert services.replica is not None
        return PersonaCard(
            name=p.name,
            role=p.role,
            replica=ReplicaCard(
                id=services.replica.manifest.id,
                name=services.replica.manifest.name,
                portrait_url="/api/replica/portrait",
            ),
            greeting=p.greeting,
            notice="The face and the voice are generated by a computer; no such person exists.",
        )

    @app.get(
        "/api/replica/portrait",
        summary="A still of the face",
        response_class=Response,
        responses={200: {"content": {"image/webp": {}}}},
    )
    async def portrait() -> Response:
        return Response(
            services.still,
            media_type="image/webp",
            headers={"Cache-Control": "max-age=3600"},
        )

    @app.post(
        "/api/offer",
        summary="Begin or renegotiate a call",
        responses={
            400: {"model": Problem},
            404: {"model": Problem, "description": "The call to renegotiate has ended"},
            422: {"model": Problem},
            503: {"model": Problem, "description": "No seat is free"},
        },
    )
    async def offer(body: Offer) -> Answer:
        request = SmallWebRTCRequest(
            sdp=body.sdp, type=body.type, pc_id=body.pc_id, restart_pc=body.restart_pc
        )

        async def begin(connection: SmallWebRTCConnection) -> None:
            sessions.open(connection)

        async with door:
            if not body.pc_id:
                sessions.check_room()
            elif body.pc_id not in webrtc._pcs_map:
                # The page begins anew on this; renegotiating would join it to an empty room.
                raise HTTPException(404, "This call has ended.")
            try:
                answer = await webrtc.handle_web_request(request, begin)
            except (ServerFullError, DrainingError, HTTPException):
                raise
            except Exception as e:
                logger.info("Refused an offer: {}", e)
                raise HTTPException(400, "This is not a WebRTC offer we can answer.") from e
        if answer is None:
            raise HTTPException(400, "This is not a WebRTC offer we can answer.")
        return Answer(**answer)

    @app.patch(
        "/api/offer",
        summary="Add ICE candidates",
        responses={400: {"model": Problem}, 404: {"model": Problem}, 422: {"model": Problem}},
    )
    async def candidates(body: Candidates) -> dict[str, str]:
        try:
            await webrtc.handle_patch_request(
                SmallWebRTCPatchRequest(
                    pc_id=body.pc_id,
                    candidates=[IceCandidate(**c.model_dump()) for c in body.candidates],
                )
            )
        except HTTPException:
            raise
        except Exception as e:
            raise HTTPException(400, "These are not ICE candidates.") from e
        return {"status": "success"}

    @app.exception_handler(ServerFullError)
    async def full(_: Request, e: ServerFullError) -> JSONResponse:
        return _problem(
            503,
            "server_full",
            f"{e} Please try again shortly.",
            **{"Retry-After": str(RETRY_AFTER)},
        )

    @app.exception_handler(DrainingError)
    async def draining(_: Request, e: DrainingError) -> JSONResponse:
        return _problem(503, "server_stopping", str(e), **{"Retry-After": "60"})

    _serve_page(app)
    return app


def _serve_page(app: FastAPI) -> None:
    """Serve the built web app, or say how to build it."""
    page = Path(str(files("visavis").joinpath("web_dist")))
    if not (page / "index.html").is_file():

        @app.get("/", include_in_schema=False)
        async def missing() -> JSONResponse:
            return _problem(503, "no_page", "The page is not built. Run `make web`.")

        return

    @app.get("/", include_in_schema=False)
    async def index() -> FileResponse:
        # The page names its assets by hash; only the page itself must not be kept.
        return FileResponse(page / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/", StaticFiles(directory=page), name="page")
