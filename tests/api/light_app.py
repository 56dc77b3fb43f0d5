"""The real application with stages that need no weights.

Signalling, sessions, pipeline, transport and face are the real ones. The recogniser, the language
model and the voice are Pipecat's identity filter, chosen by configuration as any service is.
"""

from __future__ import annotations

from pathlib import Path

from aiortc import RTCPeerConnection
from fastapi import FastAPI

from visavis.api.app import PAGE, create_app
from visavis.config import PipecatService, Settings

NOTHING = PipecatService(service="pipecat.processors.filters.identity_filter.IdentityFilter")


def light_app(*, seats: int = 2, page: Path = PAGE, stt: PipecatService = NOTHING) -> FastAPI:
    """An application that starts in a second; it serves one lifespan."""
    settings = Settings.model_validate(
        {
            "server": {"max_sessions": seats, "drain_timeout": 0},
            "face": {"width": 160, "height": 120, "fps": 5},
            "stt": stt,
            "llm": NOTHING,
            "tts": NOTHING,
        }
    )
    return create_app(settings, page)


async def make_offer() -> str:
    """An SDP offer like the page's: sound, picture and a data channel."""
    caller = RTCPeerConnection()
    caller.addTransceiver("audio")
    caller.addTransceiver("video")
    caller.createDataChannel("chat")
    await caller.setLocalDescription(await caller.createOffer())
    sdp = caller.localDescription.sdp
    await caller.close()
    return sdp
