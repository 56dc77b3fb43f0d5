"""The HTTP side: signalling for calls, what the page needs to know, and the page itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi import Path as PathParameter
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
from visavis.api.limits import BodyLimit
from visavis.api.offers import OfferError, check_offer
from visavis.api.problems import documented, problem
from visavis.api.problems import install as install_problems
from visavis.api.replica_files import serve_file
from visavis.config import Render, Settings
from visavis.conversation.services import Services
from visavis.conversation.sessions import DrainingError, ServerFullError, Sessions
from visavis.conversation.video_encoder import install as install_video_encoder

#: An SDP offer is a few kilobytes; anything much larger is not one.
MAX_SDP = 200_000
#: Bytes of a request's body; the longest offer, with every character escaped, takes less.
MAX_BODY = 3_000_000
#: Seconds after which a person refused a seat may sensibly ask again.
RETRY_AFTER = 15
NO_OFFER = "This is not an SDP offer that can be answered. Send the one the browser makes."
NO_CANDIDATES = "These are not ICE candidates. Send them as the browser gives them."
NOT_DRAWABLE = "This face cannot be drawn in the browser. Ask for render: server."
CALL_ENDED = "There is no such call, or it has ended. Begin anew with an offer without pc_id."
NOT_BEGUN = "The conversation could not begin. The server's log says why; please try again."
#: Where the built web app is.
PAGE = Path(str(files("visavis").joinpath("web_dist")))


class Wishes(BaseModel):
    """What the page asks of a new call."""

    #: Who draws the face. With ``auto`` it is the server: whether a browser has WebGL2 only its
    #: page knows.
    render: Render = "auto"


class Offer(BaseModel):
    """A WebRTC offer, or a renegotiation of a running connection."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, strict=True)

    sdp: Annotated[str, Field(min_length=1, max_length=MAX_SDP)]
    type: Literal["offer"]
    pc_id: Annotated[str | None, Field(max_length=100, alias="pc_id")] = None
    restart_pc: Annotated[bool | None, Field(alias="restart_pc")] = None
    request_data: Wishes | None = None


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


class Feeling(BaseModel):
    """What the face shall show."""

    model_config = ConfigDict(strict=True)

    emotion: Annotated[str, Field(max_length=40, examples=["happy"])]
    intensity: Annotated[float, Field(ge=0, le=1)] = 0.7


class Felt(BaseModel):
    """The face shows it now."""

    status: Literal["success"] = "success"


class Added(BaseModel):
    """The candidates are known now."""

    status: Literal["success"] = "success"


class ReplicaCard(BaseModel):
    """The face, as the page shows it before the call."""

    id: str
    name: str
    portrait_url: str
    #: Whether a browser can draw it from the bundle, with ``render: browser`` in the offer.
    drawable: bool


class PersonaCard(BaseModel):
    """Who one will talk to."""

    name: str
    role: str
    replica: ReplicaCard
    greeting: str
    notice: str
    #: Who draws the face if the page is not told otherwise.
    render: Render


class Status(BaseModel):
    """Whether a conversation can begin now."""

    ok: bool
    ready: bool
    sessions: int
    max_sessions: int
    detail: str
    version: str


def create_app(settings: Settings, page: Path = PAGE) -> FastAPI:
    """The application; models load in its lifespan.

    Args:
        settings: What is configured.
        page: Folder of the built web app; without one in it the application says how to build it.
    """
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

    app.add_middleware(BodyLimit, limit=MAX_BODY)
    install_problems(app)

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
                drawable=services.drawable,
            ),
            greeting=p.greeting,
            notice="The face and the voice are generated by a computer; no such person exists.",
            render=settings.face.render,
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

    @app.get(
        "/api/replica/files/{name:path}",
        summary="A file of the face's bundle, for browsers that draw it",
        response_class=Response,
        responses={
            200: {
                "content": {
                    "application/octet-stream": {},
                    "application/json": {},
                    "model/gltf-binary": {},
                    "image/webp": {},
                    "image/png": {},
                }
            },
            304: {"description": "Not changed since"},
            **documented(_404="The bundle has no such file", _422="The name is too long"),
        },
    )
    async def replica_file(
        request: Request,
        name: Annotated[str, PathParameter(max_length=200, examples=["replica.json"])],
        v: Annotated[
            str | None, Query(max_length=64, description="Its checksum in replica.json, if known.")
        ] = None,
    ) -> Response:
        assert services.replica is not None
        return serve_file(services.replica, name, v, request.headers.get("If-None-Match"))

    def forget_closed() -> None:
        """Drop connections that Pipecat keeps by a name they no longer have, or after their end."""
        for name, connection in list(webrtc._pcs_map.items()):
            if connection.pc_id != name or connection.pc.connectionState == "closed":
                del webrtc._pcs_map[name]

    @app.post(
        "/api/offer",
        summary="Begin or renegotiate a call",
        responses=documented(
            _400="Not an SDP offer that can be answered",
            _404="The call to renegotiate has ended",
            _413="The body is too large",
            _422="The body is not what is documented",
            _500="The conversation could not begin",
            _503="No seat is free, or the server is ending",
        ),
    )
    async def offer(body: Offer) -> Answer:
        in_browser = body.request_data is not None and body.request_data.render == "browser"
        if in_browser and not services.drawable:
            raise HTTPException(400, NOT_DRAWABLE)
        try:
            check_offer(body.sdp)
        except OfferError as e:
            raise HTTPException(400, str(e)) from e
        request = SmallWebRTCRequest(
            sdp=body.sdp, type=body.type, pc_id=body.pc_id, restart_pc=body.restart_pc
        )
        failure: Exception | None = None

        async def begin(connection: SmallWebRTCConnection) -> None:
            # Pipecat would log an error and answer as if somebody were there.
            nonlocal failure
            try:
                sessions.open(connection, in_browser=in_browser)
            except Exception as e:
                failure = e
                await connection.disconnect()

        async with door:
            forget_closed()
            if not body.pc_id:
                sessions.check_room()
            elif body.pc_id not in webrtc._pcs_map:
                # The page begins anew on this; renegotiating would join it to an empty room.
                raise HTTPException(404, CALL_ENDED)
            try:
                answer = await webrtc.handle_web_request(request, begin)
            except Exception as e:
                logger.info("Refused an offer: {}", e)
                raise HTTPException(400, NO_OFFER) from e
        if isinstance(failure, ServerFullError | DrainingError):
            raise failure
        if failure is not None:
            logger.opt(exception=failure).error("A conversation could not begin")
            raise HTTPException(500, NOT_BEGUN)
        if answer is None:
            raise HTTPException(400, NO_OFFER)
        return Answer(**answer)

    @app.patch(
        "/api/offer",
        summary="Add ICE candidates",
        responses=documented(
            _400="Not ICE candidates",
            _404="The call has ended",
            _413="The body is too large",
            _422="The body is not what is documented",
        ),
    )
    async def candidates(body: Candidates) -> Added:
        forget_closed()
        if body.pc_id not in webrtc._pcs_map:
            raise HTTPException(404, CALL_ENDED)
        try:
            await webrtc.handle_patch_request(
                SmallWebRTCPatchRequest(
                    pc_id=body.pc_id,
                    candidates=[IceCandidate(**c.model_dump()) for c in body.candidates],
                )
            )
        except Exception as e:
            logger.info("Refused ICE candidates: {}", e)
            raise HTTPException(400, NO_CANDIDATES) from e
        return Added()

    @app.post(
        "/api/calls/{pc_id}/emotion",
        summary="Let the face of a running call show an emotion",
        responses=documented(
            _404="There is no such call, or it has ended",
            _413="The body is too large",
            _422="There is no such emotion, or the body is not what is documented",
        ),
    )
    async def emotion(
        pc_id: Annotated[
            str, PathParameter(max_length=100, description="From the answer to the offer.")
        ],
        body: Feeling,
    ) -> Felt:
        session = sessions.find(pc_id)
        if session is None:
            raise HTTPException(404, "There is no such call, or it has ended.")
        try:
            session.feel(body.emotion, body.intensity)
        except ValueError as e:
            raise HTTPException(422, f"There is {e}.") from e
        return Felt()

    @app.exception_handler(ServerFullError)
    async def full(_: Request, e: ServerFullError) -> JSONResponse:
        return problem(
            503,
            "server_full",
            f"{e} Please try again shortly.",
            **{"Retry-After": str(RETRY_AFTER)},
        )

    @app.exception_handler(DrainingError)
    async def draining(_: Request, e: DrainingError) -> JSONResponse:
        return problem(
            503,
            "server_stopping",
            f"{e} Please try again in a minute.",
            **{"Retry-After": "60"},
        )

    _serve_page(app, page)
    return app


def _serve_page(app: FastAPI, page: Path) -> None:
    """Serve the built web app, or say how to build it."""
    if not (page / "index.html").is_file():

        @app.get("/", include_in_schema=False)
        async def missing() -> JSONResponse:
            return problem(
                503,
                "no_page",
                "The page is not built. Run `make web` where Vis-à-vis was checked out, then start "
                "the server again.",
            )

        return

    async def index(_: Request) -> FileResponse:
        # The page names its assets by hash; only the page itself must not be kept.
        return FileResponse(page / "index.html", headers={"Cache-Control": "no-cache"})

    app.add_route("/", index)
    # The page has no mount at the root: it would answer for every address, those of the API too.
    for entry in page.iterdir():
        if entry.is_dir():
            app.mount(f"/{entry.name}", StaticFiles(directory=entry))
        else:
            app.add_route(f"/{entry.name}", partial(_file, entry))


async def _file(path: Path, _: Request) -> FileResponse:
    return FileResponse(path)
