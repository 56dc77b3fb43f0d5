"""A face in a Pipecat application: open the page, press Connect, and it says what it was asked to.

    python examples/pipecat_avatar.py --say "Good morning." --port 7860

The pipeline is Pipecat's; `VisavisVideoService` stands behind the voice. Put speech recognition and
a language model before it as in any Pipecat application, and take any of Pipecat's voices.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import uvicorn
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import HTMLResponse
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.transports.smallwebrtc.transport import SmallWebRTCTransport
from pipecat.workers.runner import WorkerRunner

from visavis.integrations.pipecat import VisavisVideoService
from visavis.rendering.painters import open_painter
from visavis.replicas.catalog import load_replica
from visavis.speech import open_synthesizer
from visavis.speech.tts_service import VisavisTTSService

WIDTH, HEIGHT, FPS = 640, 360, 25
OUT = {"audio_out_enabled": True, "video_out_enabled": True, "video_out_is_live": True}
SIZE = {"video_out_width": WIDTH, "video_out_height": HEIGHT, "video_out_framerate": FPS}
PAGE = """<!doctype html><title>A face</title><video id=v autoplay playsinline></video>
<button onclick=connect()>Connect</button><script>
async function connect() {
  const pc = new RTCPeerConnection()
  pc.addTransceiver('audio'); pc.addTransceiver('video')
  const stream = new MediaStream(); v.srcObject = stream
  pc.ontrack = e => stream.addTrack(e.track)
  const ping = pc.createDataChannel('ping')
  ping.onopen = () => setInterval(() => ping.send('ping'), 1000)
  await pc.setLocalDescription()
  await new Promise(done => pc.onicegatheringstatechange = () =>
    pc.iceGatheringState == 'complete' && done())
  const answer = await fetch('/offer', {method: 'POST',
    headers: {'Content-Type': 'application/json'}, body: JSON.stringify(pc.localDescription)})
  await pc.setRemoteDescription(await answer.json())
}</script>"""


async def talk(connection: SmallWebRTCConnection, say: str, voice: str, replica: str) -> None:
    """Hold one call."""
    transport = SmallWebRTCTransport(connection, TransportParams(**OUT, **SIZE))
    tts = VisavisTTSService(await asyncio.to_thread(open_synthesizer, voice))
    face = VisavisVideoService(open_painter(load_replica(replica), (WIDTH, HEIGHT)), fps=FPS)
    worker = PipelineWorker(Pipeline([transport.input(), tts, face, transport.output()]))

    @transport.event_handler("on_client_connected")
    async def greet(*_: object) -> None:
        await worker.queue_frame(TTSSpeakFrame(say))

    @transport.event_handler("on_client_disconnected")
    async def leave(*_: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def app(say: str, voice: str, replica: str) -> FastAPI:
    """The page and the offers it makes."""
    web = FastAPI()

    @web.get("/", response_class=HTMLResponse)
    def page() -> str:
        return PAGE

    @web.post("/offer")
    async def offer(body: dict[str, Any], later: BackgroundTasks) -> dict[str, Any]:
        connection = SmallWebRTCConnection()
        await connection.initialize(sdp=body["sdp"], type=body["type"])
        later.add_task(talk, connection, say, voice, replica)
        answer: dict[str, Any] = connection.get_answer()
        return answer

    return web


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--say", default="Good morning. I am drawn on one core of your computer.")
    parser.add_argument("--voice", default="kokoro:clara")
    parser.add_argument("--replica", default="clara", help="a name or a bundle")
    parser.add_argument("--port", type=int, default=7860)
    args = parser.parse_args()
    uvicorn.run(app(args.say, args.voice, args.replica), port=args.port)
