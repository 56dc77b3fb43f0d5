"""States of the face over a real WebRTC connection."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc import RTCDataChannel, RTCPeerConnection
from numpy.typing import NDArray

from visavis.animation import wire
from visavis.animation.animator import Animator
from visavis.animation.face_state import FaceState
from visavis.conversation.face import Face
from visavis.conversation.state_channel import LABEL, StateChannel, rtp_origin

SECONDS = 2.0


class Unpainted:
    """A painter that must not be asked."""

    size = (16, 16)

    def paint(self, state: FaceState) -> NDArray[np.uint8]:
        raise AssertionError("nobody looks at a picture")


async def connect(server: RTCPeerConnection, browser: RTCPeerConnection) -> None:
    browser.addTransceiver("audio", direction="recvonly")
    browser.createDataChannel("chat")
    await browser.setLocalDescription(await browser.createOffer())
    await server.setRemoteDescription(browser.localDescription)
    await server.setLocalDescription(await server.createAnswer())
    await browser.setRemoteDescription(server.localDescription)


async def test_states_come_sixty_a_second_on_the_clock_of_the_sound() -> None:
    server, browser = RTCPeerConnection(), RTCPeerConnection()
    face = Face(Unpainted(), Animator(seed=1), sample_rate=24_000, fps=30)
    server.addTrack(face.playout)
    opened: asyncio.Future[RTCDataChannel] = asyncio.get_running_loop().create_future()
    states: list[FaceState] = []

    @browser.on("datachannel")
    def on_channel(channel: RTCDataChannel) -> None:
        channel.on("message", lambda m: states.extend(wire.split(m)))
        opened.set_result(channel)

    await connect(server, browser)
    channel = StateChannel(face, server)
    task = asyncio.create_task(channel.run())
    try:
        found = await asyncio.wait_for(opened, 10)
        assert found.label == LABEL
        assert not found.ordered
        assert found.maxRetransmits == 0
        states.clear()
        begin = face.playout.clock()
        await asyncio.sleep(SECONDS)
        span = face.playout.clock() - begin
        times = [s.t for s in states]
        assert len(set(times)) == len(times)
        # a stall of a busy machine leaves states out, it never adds any
        assert 0.5 * 60 * span < len(times) <= 60 * span + 20
        assert abs(max(times) - face.playout.clock()) < 0.3
        # the origin names the very first sample of the sound
        assert int(found.protocol) == rtp_origin(server.getSenders()[0])
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await face.aclose()
        await server.close()
        await browser.close()


async def test_a_full_network_loses_states_instead_of_waiting() -> None:
    server = RTCPeerConnection()
    face = Face(Unpainted(), Animator(seed=1), sample_rate=24_000, fps=30)
    server.addTrack(face.playout)
    browser = RTCPeerConnection()
    await connect(server, browser)
    channel = StateChannel(face, server)
    task = asyncio.create_task(channel.run())
    try:
        for _ in range(200):
            if channel.sent:
                break
            await asyncio.sleep(0.05)
        assert channel.sent
        await browser.close()  # nobody takes messages any more
        for _ in range(200):
            if channel.dropped or task.done():
                break
            await asyncio.sleep(0.05)
        assert channel.dropped or task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await face.aclose()
        await server.close()


def test_states_after_an_interruption_replace_those_sent_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    face = Face(Unpainted(), Animator(seed=1), sample_rate=24_000, fps=30)
    now = 0.0
    monkeypatch.setattr(face.playout, "clock", lambda: now)

    def sent() -> set[bytes]:
        return {wire.encode(s)[4:8] for s in face.due_states(4 / 60)}  # their times

    for step in range(2000):
        now = step * 0.0471
        ahead = sent()
        if step % 7 == 3:
            now += 0.013
            face.interrupt()
            later = {t for t in ahead if int.from_bytes(t, "little") > 1e4 * (now + 0.05)}
            assert later <= sent()


def test_nothing_sent_has_no_origin() -> None:
    async def ask() -> int | None:
        peer = RTCPeerConnection()
        sender = peer.addTransceiver("audio").sender
        origin = rtp_origin(sender)
        await peer.close()
        return origin

    assert asyncio.run(ask()) is None


@pytest.mark.parametrize("sent", [1, 7, 5000])
def test_the_origin_follows_from_any_packet(sent: int) -> None:
    class Sender:
        _RTCRtpSender__packet_count = sent
        _RTCRtpSender__rtp_timestamp = (2**32 - 1920 + (sent - 1) * 960) % 2**32

    assert rtp_origin(Sender()) == 2**32 - 1920  # type: ignore[arg-type]
