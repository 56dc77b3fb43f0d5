"""A WebRTC caller that speaks recorded sound, and keeps what it hears and sees with the times.

It is a client like the page: it knows nothing of the server's inside, so what it measures is what
a person gets, network and codecs included.
"""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame
from numpy.typing import NDArray

MIC_RATE = 48_000
PTIME = 0.02
#: RMS (of full scale) from which 10 ms of sound count as audible: about -46 dB.
AUDIBLE = 0.005


class Microphone(MediaStreamTrack):
    """Sends silence, or what it was told to say, in real time."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._samples = round(MIC_RATE * PTIME)
        self._pending = np.zeros(0, np.int16)
        self._sent = 0
        self._start: float | None = None
        self._drained = asyncio.Event()

    async def say(self, samples: NDArray[np.int16]) -> tuple[float, float]:
        """Speak (48 kHz int16 mono); answers with the monotonic times of first and last sound.

        Leading and trailing silence of the recording do not count.
        """
        loud = audible(samples, MIC_RATE)
        if loud is None:
            raise ValueError("The recording is silent.")
        queued = len(self._pending)
        self._pending = np.concatenate([self._pending, samples])
        begin = self._time_of(self._sent + queued)
        self._drained.clear()
        await self._drained.wait()
        return begin + loud[0] / MIC_RATE, begin + loud[1] / MIC_RATE

    def _time_of(self, sample: int) -> float:
        start = time.monotonic() if self._start is None else self._start
        return start + sample / MIC_RATE

    async def recv(self) -> AudioFrame:
        """The next 20 ms when they are due."""
        if self._start is None:
            self._start = time.monotonic()
        wait = self._time_of(self._sent) - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        chunk, self._pending = self._pending[: self._samples], self._pending[self._samples :]
        if not len(self._pending):
            self._drained.set()
        padded = np.zeros(self._samples, np.int16)
        padded[: len(chunk)] = chunk
        frame = AudioFrame.from_ndarray(padded[None, :], format="s16", layout="mono")
        frame.sample_rate = MIC_RATE
        frame.pts = self._sent
        frame.time_base = fractions.Fraction(1, MIC_RATE)
        self._sent += self._samples
        return frame


def audible(samples: NDArray[np.int16], rate: int) -> tuple[int, int] | None:
    """First and last sample of sound louder than :data:`AUDIBLE`; None if there is none."""
    window = rate // 100
    n = len(samples) // window
    if n == 0:
        return None
    blocks = samples[: n * window].reshape(n, window).astype(np.float32) / 32768.0
    loud = np.flatnonzero(np.sqrt((blocks**2).mean(axis=1)) > AUDIBLE)
    if not len(loud):
        return None
    return int(loud[0]) * window, int(loud[-1] + 1) * window


@dataclass(frozen=True, slots=True)
class Heard:
    """One received audio frame.

    Attributes:
        at: When it could be played, monotonic: after this client's jitter buffer, which holds
            four packets.
        arrived: When its packet came in from the network.
        pts: RTP time, s.
        samples: Mono int16.
        rate: Of the samples, Hz.
    """

    at: float
    arrived: float
    pts: float
    samples: NDArray[np.int16]
    rate: int

    @property
    def rms(self) -> float:
        """Loudness, of full scale."""
        return float(np.sqrt(np.mean((self.samples.astype(np.float32) / 32768.0) ** 2)))


@dataclass(frozen=True, slots=True)
class Seen:
    """One received picture.

    Attributes:
        at: When it was decoded, monotonic.
        arrived: When the last of its packets came in from the network.
        pts: RTP time, s.
        picture: What `keep` made of it.
    """

    at: float
    arrived: float
    pts: float
    picture: Any


@dataclass(slots=True)
class Call:
    """A running call and everything received in it."""

    microphone: Microphone
    heard: list[Heard] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    messages: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def first_sound_after(self, moment: float) -> float | None:
        """When the first audible 10 ms after `moment` arrived."""
        for frame in self.heard:
            if frame.at < moment or frame.rms < AUDIBLE / 2:
                continue
            span = audible(frame.samples, frame.rate)
            if span is not None:
                return frame.at + span[0] / frame.rate
        return None

    def last_sound_between(self, begin: float, end: float) -> float | None:
        """When the last audible 10 ms in the span arrived."""
        for frame in reversed(self.heard):
            if not begin <= frame.at <= end:
                continue
            span = audible(frame.samples, frame.rate)
            if span is not None:
                return frame.at + span[1] / frame.rate
        return None

    def longest_silence(self, begin: float, end: float) -> float:
        """Longest stretch without sound inside the span, s."""
        sounds = [f.at for f in self.heard if begin <= f.at <= end and f.rms > AUDIBLE / 2]
        return float(np.diff(sounds).max()) if len(sounds) > 1 else 0.0

    def silent_for(self, seconds: float) -> bool:
        """Whether nothing audible arrived in the last `seconds`."""
        now = time.monotonic()
        return self.last_sound_between(now - seconds, now) is None

    def sound_between(self, begin: float, end: float) -> tuple[NDArray[np.int16], int]:
        """What arrived in the span, and its sample rate."""
        frames = [f for f in self.heard if begin <= f.at <= end]
        if not frames:
            return np.zeros(0, np.int16), MIC_RATE
        return np.concatenate([f.samples for f in frames]), frames[0].rate

    def server_messages(self, kind: str) -> list[dict[str, Any]]:
        """Data of the server messages of this type."""
        found = []
        for _, message in self.messages:
            data = message.get("data")
            if message.get("type") == "server-message" and isinstance(data, dict):
                inner = data.get("data", data)
                if isinstance(inner, dict) and inner.get("type") == kind:
                    found.append(inner)
        return found

    async def wait_silent(self, seconds: float, limit: float) -> None:
        """Wait until the face has said nothing for `seconds`; at most `limit` seconds."""
        async with asyncio.timeout(limit):
            while not self.silent_for(seconds):
                await asyncio.sleep(0.05)

    async def wait_answered(self, after: float, limit: float) -> None:
        """Wait until the face has said, and been heard to say, all of its answer."""
        async with asyncio.timeout(limit):
            while not any(
                at > after and m.get("type") == "bot-stopped-speaking" for at, m in self.messages
            ):
                await asyncio.sleep(0.05)
        await self.wait_silent(0.6, limit)

    async def wait_sound(self, after: float, limit: float) -> float:
        """Wait for the first audible sound after `after`; answers with its time."""
        async with asyncio.timeout(limit):
            while (at := self.first_sound_after(after)) is None:
                await asyncio.sleep(0.02)
        return at


class CallError(Exception):
    """The call could not be made; the message says why."""


@contextlib.asynccontextmanager
async def call(
    url: str, *, keep: Callable[[VideoFrame], Any] | None = None, timeout: float = 30.0
) -> Any:
    """Call the server at `url`; yields the :class:`Call` once the face is ready.

    Args:
        url: Base address, e.g. ``http://127.0.0.1:7860``.
        keep: What to keep of each picture, called as it arrives; None keeps only the times.
        timeout: Seconds until the connection must stand.

    Raises:
        CallError: the server refused or did not answer.
    """
    peer = RTCPeerConnection()
    running = Call(Microphone())
    peer.addTransceiver(running.microphone, direction="sendrecv")
    peer.addTransceiver("video", direction="recvonly")
    channel = peer.createDataChannel("chat", ordered=True)
    ready = asyncio.Event()
    tasks: list[asyncio.Task[None]] = []

    @channel.on("open")
    def on_open() -> None:
        tasks.append(asyncio.create_task(_ping(channel)))
        channel.send(_client_ready())

    @channel.on("message")
    def on_message(raw: Any) -> None:
        with contextlib.suppress(ValueError, TypeError):
            message = json.loads(raw)
            running.messages.append((time.monotonic(), message))
            if message.get("type") == "bot-ready":
                ready.set()

    @peer.on("track")
    def on_track(track: MediaStreamTrack) -> None:
        receiver = next(r for r in peer.getReceivers() if r.track is track)
        arrivals = _note_arrivals(receiver)
        if track.kind == "audio":
            work = _listen(track, running, arrivals)
        else:
            work = _watch(track, running, arrivals, keep)
        tasks.append(asyncio.create_task(work))

    try:
        await peer.setLocalDescription(await peer.createOffer())
        await _exchange(peer, url, timeout)
        try:
            await asyncio.wait_for(ready.wait(), timeout)
        except TimeoutError as e:
            raise CallError(f"The face was not ready within {timeout:.0f} s.") from e
        yield running
    finally:
        for task in tasks:
            task.cancel()
        await peer.close()


async def _exchange(peer: RTCPeerConnection, url: str, timeout: float) -> None:
    offer = {"sdp": peer.localDescription.sdp, "type": peer.localDescription.type}
    async with httpx.AsyncClient(timeout=timeout) as client:
        try:
            reply = await client.post(f"{url}/api/offer", json=offer)
        except httpx.HTTPError as e:
            raise CallError(f"No server answers at {url} ({e}).") from e
    if reply.status_code != 200:
        raise CallError(f"The server refused the call: {reply.status_code} {reply.text}")
    answer = reply.json()
    await peer.setRemoteDescription(RTCSessionDescription(sdp=answer["sdp"], type=answer["type"]))


def _client_ready() -> str:
    about = {"library": "visavis-call-client", "library_version": "1"}
    return json.dumps(
        {
            "label": "rtvi-ai",
            "type": "client-ready",
            "id": uuid.uuid4().hex[:8],
            "data": {"version": "1.2.0", "about": about},
        }
    )


async def _ping(channel: Any) -> None:
    while channel.readyState == "open":
        channel.send(f"ping: {time.time()}")
        await asyncio.sleep(1.0)


def _seconds(frame: AudioFrame | VideoFrame) -> float:
    return float((frame.pts or 0) * (frame.time_base or 0))


def _note_arrivals(receiver: RTCRtpReceiver) -> dict[int, float]:
    """When the last packet of each frame came in, by the frame's ``pts``; filled as packets come.

    Sound waits longer than pictures in aiortc's jitter buffers; a browser's player brings both
    back in step by their RTCP reports, so what counts for lip-sync is how they arrive.
    """
    arrivals: dict[int, float] = {}
    handle = receiver._handle_rtp_packet
    origin: int | None = None  # aiortc counts from the first time stamp

    async def note(packet: Any, arrival_time_ms: int) -> None:
        nonlocal origin
        origin = packet.timestamp if origin is None else origin
        arrivals[(packet.timestamp - origin) & 0xFFFFFFFF] = time.monotonic()
        await handle(packet, arrival_time_ms)

    setattr(receiver, "_handle_rtp_packet", note)  # noqa: B010 (no public hook)
    return arrivals


async def _listen(track: MediaStreamTrack, into: Call, arrivals: dict[int, float]) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            assert isinstance(frame, AudioFrame)
            at = time.monotonic()
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0].copy()
            into.heard.append(
                Heard(
                    at,
                    arrivals.pop(frame.pts or 0, at),
                    _seconds(frame),
                    samples.astype(np.int16),
                    frame.sample_rate,
                )
            )


async def _watch(
    track: MediaStreamTrack,
    into: Call,
    arrivals: dict[int, float],
    keep: Callable[[VideoFrame], Any] | None,
) -> None:
    with contextlib.suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            assert isinstance(frame, VideoFrame)
            at = time.monotonic()
            picture = keep(frame) if keep else None
            into.seen.append(Seen(at, arrivals.pop(frame.pts or 0, at), _seconds(frame), picture))
