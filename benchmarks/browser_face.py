"""What a face that the browser draws costs the server: states made and sent, beside its sound.

Run: ``python benchmarks/browser_face.py [--seconds 20] [--video] [--json FILE]``

Two peers in two processes hold a real WebRTC connection; the processor time is the server's alone.
``sound`` is the call's clock and Opus without any face, ``browser`` adds 60 states a second;
their difference is the price of a face. ``--video`` adds the same face painted and encoded here.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from visavis.animation import wire
from visavis.animation.animator import Animator
from visavis.conversation.face import Face
from visavis.conversation.services import SPEECH_RATE
from visavis.conversation.state_channel import StateChannel
from visavis.conversation.transport import FaceVideoTrack
from visavis.conversation.video_encoder import install
from visavis.evaluation.machine import machine_facts
from visavis.media.spoken import Phone, SpokenAudio
from visavis.rendering.painters import LaterPainter
from visavis.replicas.catalog import load_stock

SIZE = (1280, 720)
SETTLE = 3.0


def speech() -> SpokenAudio:
    """Four seconds of phones in the rhythm of speech; the sound is noise."""
    length, names = 0.08, ["h", "ə", "l", "oʊ", "w", "ɜː", "l", "d", "p", "ɑː", "m", "v"]
    phones = tuple(Phone(names[i % 12], i * length, (i + 1) * length, 0) for i in range(48))
    count = round(48 * length * SPEECH_RATE)
    sound = np.random.default_rng(5).normal(0, 2500, count).astype(np.int16)
    return SpokenAudio(sound, SPEECH_RATE, phones, ())


async def watch(pipe: Connection) -> None:
    """The browser's part: offer, take what comes, count states."""
    peer = RTCPeerConnection()
    peer.addTransceiver("audio")
    peer.addTransceiver("video")
    peer.createDataChannel("chat")
    received = 0

    @peer.on("datachannel")
    def on_channel(channel: RTCDataChannel) -> None:
        @channel.on("message")
        def on_message(message: bytes) -> None:
            nonlocal received
            received += len(message) // wire.SIZE

    await peer.setLocalDescription(await peer.createOffer())
    pipe.send((peer.localDescription.sdp, peer.localDescription.type))
    await peer.setRemoteDescription(RTCSessionDescription(*pipe.recv()))
    await asyncio.to_thread(pipe.recv)
    pipe.send(received)
    await peer.close()


def browser(pipe: Connection) -> None:
    asyncio.run(watch(pipe))


async def cost(mode: str, seconds: float) -> tuple[float, int, int]:
    """Share of a core, states sent and received."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=browser, args=(there,))
    process.start()
    face = Face(LaterPainter(load_stock(), SIZE), Animator(seed=1), sample_rate=SPEECH_RATE, fps=30)
    peer = RTCPeerConnection()
    offer = await asyncio.to_thread(here.recv)
    await peer.setRemoteDescription(RTCSessionDescription(*offer))
    transceivers = peer.getTransceivers()
    for t in transceivers:
        t.direction = "sendrecv"
    transceivers[0].sender.replaceTrack(face.playout)
    if mode == "video":
        transceivers[1].sender.replaceTrack(FaceVideoTrack(face))
    await peer.setLocalDescription(await peer.createAnswer())
    here.send((peer.localDescription.sdp, peer.localDescription.type))
    channel = StateChannel(face, peer)
    task = asyncio.create_task(channel.run()) if mode == "browser" else None
    talking = asyncio.create_task(talk(face))
    await asyncio.sleep(SETTLE)
    begin, used = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    share = (time.process_time() - used) / (time.monotonic() - begin)
    talking.cancel()
    if task:
        task.cancel()
    await asyncio.sleep(0.3)  # what is under way arrives
    here.send("enough")
    received = int(await asyncio.to_thread(here.recv))
    await peer.close()
    await face.aclose()
    process.join()
    return share, channel.sent, received


async def talk(face: Face) -> None:
    """Say something without an end; the face moves as in a call, no voice is made."""
    spoken = speech()
    pcm = spoken.audio.tobytes()
    step = SPEECH_RATE // 50 * 2
    while True:
        face.speech_started()
        face._animator.say(spoken, at=face.playout.written)
        for i in range(0, len(pcm), step):
            await face.playout.write(pcm[i : i + step])


async def main(seconds: float, video: bool) -> dict[str, object]:
    """Measure one after the other and print the table."""
    install(2_500_000)
    share: dict[str, float] = {}
    counts: dict[str, int] = {}
    for mode in ("sound", "browser", *(("video",) if video else ())):
        share[mode], sent, received = await cost(mode, seconds)
        print(f"{mode:8}{100 * share[mode]:6.1f} % of a core", end="")
        if mode == "browser":
            counts = {"sent": sent, "received": received}
            print(f", {sent} states sent, {received} received", end="")
        print()
    for mode, who in (("browser", "in the browser"), ("video", "here")):
        if mode in share:
            print(f"a face drawn {who}: {100 * (share[mode] - share['sound']):.1f} % of a core")
    return {"seconds": seconds, "share": share, **counts}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--video", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = asyncio.run(main(arguments.seconds, arguments.video))
    if arguments.json:
        facts = {"machine": machine_facts(), **result}
        arguments.json.write_text(json.dumps(facts, indent=2) + "\n")
