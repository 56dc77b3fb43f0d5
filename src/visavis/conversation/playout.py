"""Playout: the audio that leaves for the browser, and the only clock of the call.

Samples handed to the network are the measure of time. Speech waits here in a short queue; when
there is none, silence goes out, so the clock never stands still. Everything that must agree with
the sound (lips, transcript, barge-in) asks this object where the sound is.
"""

from __future__ import annotations

import asyncio
import fractions
import math
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

    Args:
        sample_rate: Of the speech, Hz.
        ahead: Seconds by which speech may leave before it is due, for receivers that queue it
            themselves.
        onset: Seconds for which speech after silence is held back, so that pictures not yet begun
            can show its beginning, and a slow source does not stutter.
    """

    kind = "audio"

    def __init__(self, sample_rate: int, ahead: float = 0.0, onset: float = 0.0) -> None:
        super().__init__()
        if not 0 <= ahead <= QUEUE:
            raise ValueError(f"ahead must be between 0 and {QUEUE} s, got {ahead}")
        self.sample_rate = sample_rate
        self._ahead = ahead
        self._complete = False  # no more speech will come to what waits
        self._onset = math.ceil(onset / PTIME - 1e-6)
        self._hold = self._onset  # packets of silence before the speech that waits
        self._clears = 0
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
    def written(self) -> float:
        """Where speech written now would be on the speech clock, seconds."""
        return (self._spoken + len(self._queue) // 2) / self.sample_rate

    @property
    def speaking(self) -> bool:
        """Whether speech is going out or about to."""
        return bool(self._queue) or self._running

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
        ahead = sample - self._sent - (0 if self._running else self._hold * self._samples)
        if ahead >= 0 and self.speaking and ahead <= self._samples + len(self._queue) / 2:
            return (self._spoken + ahead) / self.sample_rate
        return None

    # -- filling ----------------------------------------------------------------------------

    async def write(self, audio: bytes) -> None:
        """Queue int16 mono speech; waits while the queue is full, in vain if it is cleared."""
        clears = self._clears
        await self._room.wait()
        if clears != self._clears:
            return  # dropped with what it was to follow
        self._queue += audio
        self._complete = False
        if len(self._queue) >= QUEUE * self.sample_rate * 2:
            self._room.clear()

    def end_utterance(self) -> None:
        """What waits is the end of the utterance: its last packet need not be full."""
        self._complete = True

    def clear(self) -> None:
        """Drop the speech not yet due."""
        self._queue.clear()
        self._clears += 1
        self._room.set()
        if self._ahead and self._running:
            self._take_back()

    def _take_back(self) -> None:
        """What left ahead of time and is not due yet is dropped by those who queue it."""
        now = self.clock() * self.sample_rate
        while self._history and self._history[-1][0] > now:
            self._sent, speech = self._history.pop()
            if speech >= 0:
                self._spoken = speech
        self._history.append((self._sent, -1))
        self._sent += self._samples

    # -- sending ----------------------------------------------------------------------------

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when they are due (called by the WebRTC sender)."""
        at = self._sent
        speech = await self.advance()
        pcm = speech + bytes(self._samples * 2 - len(speech))
        frame = AudioFrame.from_ndarray(
            np.frombuffer(pcm, np.int16)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = self.sample_rate
        frame.pts = at
        frame.time_base = fractions.Fraction(1, self.sample_rate)
        return frame

    async def advance(self) -> bytes:
        """Wait for the next 20 ms and answer with the speech in them; empty in silence."""
        await self._pace()
        speech = self._take()
        self._history.append((self._sent, self._spoken if speech else -1))
        self._sent += self._samples
        self._spoken += len(speech) // 2
        return speech

    async def _pace(self) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start = now
        due = self._start + self._sent / self.sample_rate
        if now - due > MAX_LAG:
            # Catching up would play a burst; the pause has been heard, go on from here.
            self._start += now - due
            self.stalls += 1
            return
        while (wait := due - self._lead() - now) > 0:
            # With leave to go ahead, look again: the next speech may come meanwhile.
            await asyncio.sleep(min(wait, PTIME) if self._ahead else wait)
            now = time.monotonic()

    def _lead(self) -> float:
        """How long before it is due the next packet may leave: what begins, begins on time."""
        whole = self._complete or len(self._queue) >= self._samples * 2
        return self._ahead if self._queue and whole and self._running else 0.0

    @property
    def _running(self) -> bool:
        return bool(self._history and self._history[-1][1] >= 0)

    def _take(self) -> bytes:
        if not self._queue:
            self._hold = self._onset
        elif self._hold and not self._running:
            self._hold -= 1
            return b""
        taken = bytes(self._queue[: self._samples * 2])
        del self._queue[: self._samples * 2]
        if len(self._queue) < QUEUE * self.sample_rate * 2:
            self._room.set()
        return taken
