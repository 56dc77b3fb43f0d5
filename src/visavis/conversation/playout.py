"""Playout: the audio that leaves for the browser, and the only clock of the call.

Samples handed to the network are the measure of time. Speech waits here in a short queue; when
there is none, silence goes out, so the clock never stands still. Everything that must agree with
the sound (lips, transcript, barge-in) asks this object where the sound is.
"""

from __future__ import annotations

import asyncio
import fractions
import time
from collections import deque

import numpy as np
from aiortc import MediaStreamTrack
from av import AudioFrame

#: Seconds of audio in one frame for the network; Opus packets are this long.
PTIME = 0.02
#: Speech that may wait in the queue. Enough to ride out a busy event loop, little enough for the
#: transport's own pacing (one write at a time) to stay close to what is heard.
QUEUE = 0.12
#: Lateness after which the clock gives up catching up (a stall, a suspended laptop).
MAX_LAG = 0.5
#: Speech positions remembered, for pictures that are drawn a little late.
HISTORY = 64


class PlayoutTrack(MediaStreamTrack):
    """An audio track that sends queued speech or silence, and knows what is audible when.

    Two positions matter. The *stream* clock counts every sample sent. The *speech* clock counts
    speech samples only; it stands still in silence, and what was dropped by :meth:`clear` never
    counts.
    """

    kind = "audio"

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self._samples = round(sample_rate * PTIME)
        self._queue = bytearray()
        self._sent = 0  # samples of anything
        self._spoken = 0  # samples of speech
        self._start: float | None = None
        self._room = asyncio.Event()
        self._room.set()
        # Frames lately sent: (stream sample, speech sample or -1 for silence)
        self._history: deque[tuple[int, int]] = deque(maxlen=HISTORY)
        self.stalls = 0

    # -- clocks -----------------------------------------------------------------------------

    def clock(self) -> float:
        """Seconds on the stream clock now, running evenly between the frames sent."""
        if self._start is None:
            return 0.0
        elapsed = time.monotonic() - self._start
        return min(elapsed, (self._sent + self._samples) / self.sample_rate)

    @property
    def spoken(self) -> float:
        """Seconds of speech sent."""
        return self._spoken / self.sample_rate

    @property
    def speaking(self) -> bool:
        """Whether speech is going out or about to."""
        return bool(self._queue) or bool(self._history and self._history[-1][1] >= 0)

    def speech_at(self, t: float) -> float | None:
        """The speech position audible at stream time `t` (s); None if there is silence then."""
        sample = t * self.sample_rate
        for stream, speech in reversed(self._history):
            if sample < stream:
                continue
            if sample < stream + self._samples:
                return None if speech < 0 else (speech + sample - stream) / self.sample_rate
            break
        # Not sent yet: the queue plays on without a gap.
        ahead = sample - self._sent
        if ahead >= 0 and self.speaking and ahead <= self._samples + len(self._queue) / 2:
            return (self._spoken + ahead) / self.sample_rate
        return None

    # -- filling ----------------------------------------------------------------------------

    async def write(self, audio: bytes) -> None:
        """Queue int16 mono speech; waits while the queue is full."""
        await self._room.wait()
        self._queue += audio
        if len(self._queue) >= QUEUE * self.sample_rate * 2:
            self._room.clear()

    def clear(self) -> None:
        """Drop the speech not yet sent."""
        self._queue.clear()
        self._room.set()

    # -- sending ----------------------------------------------------------------------------

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when they are due (called by the WebRTC sender)."""
        await self._pace()
        speech = self._take()
        pcm = speech + bytes(self._samples * 2 - len(speech))
        frame = AudioFrame.from_ndarray(
            np.frombuffer(pcm, np.int16)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = self.sample_rate
        frame.pts = self._sent
        frame.time_base = fractions.Fraction(1, self.sample_rate)
        self._history.append((self._sent, self._spoken if speech else -1))
        self._sent += self._samples
        self._spoken += len(speech) // 2
        return frame

    async def _pace(self) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start = now
        due = self._start + self._sent / self.sample_rate
        if now < due:
            await asyncio.sleep(due - now)
        elif now - due > MAX_LAG:
            # Catching up would play a burst; the pause has been heard, go on from here.
            self._start += now - due
            self.stalls += 1

    def _take(self) -> bytes:
        taken = bytes(self._queue[: self._samples * 2])
        del self._queue[: self._samples * 2]
        if len(self._queue) < QUEUE * self.sample_rate * 2:
            self._room.set()
        return taken
