"""Speech in; speech and pictures out, in step and in real time: what every adapter is made of."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import soxr
from pipecat.frames.frames import TTSAudioRawFrame

from visavis.animation.animator import Animator
from visavis.conversation.face import LEAD, Face
from visavis.conversation.playout import PTIME
from visavis.rendering.contract import FacePainter, TimedFrame
from visavis.speech.tts_service import SpokenAudioFrame

#: Speech is handed on this long before it is heard, seconds: whoever plays it must not run dry
#: when this process is busy.
AHEAD = 0.1
#: Speech is taken in pieces of this length, seconds, so that an interruption finds little to drop.
_PIECE = 0.04
#: A pause of this length ends the face's turn, seconds.
_TURN_PAUSE = 0.4


@dataclass(frozen=True, slots=True)
class Sound:
    """Speech to play after what was played before: int16 mono, at the stream's rate."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Something put in with :meth:`AvatarStream.mark`, behind the speech it followed."""

    item: object


class AvatarStream:
    """One face that says what it is given.

    Iterate it: :class:`Sound` comes up to :data:`AHEAD` before it is heard,
    :class:`~visavis.rendering.contract.TimedFrame` when it is to be shown, idle ones too. In
    silence there is no sound. Speech after silence is held back until the pictures under way have
    been shown (`lead` and the time of a picture). Speech without phoneme times moves the lips by
    its sound. Painting runs in a thread of its own; a slow consumer makes pictures rarer, never
    late.

    Args:
        painter: Draws FaceStates; becomes this stream's own.
        sample_rate: Of the sound that comes out, Hz.
        fps: Pictures per second, 1..120.
        animator: Makes FaceStates; None makes one.
        lead: A picture is begun this long before its sound is due, seconds.

    Raises:
        ValueError: `fps` is out of range.
    """

    def __init__(
        self,
        painter: FacePainter,
        *,
        sample_rate: int,
        fps: float,
        animator: Animator | None = None,
        lead: float = LEAD,
    ) -> None:
        if not 1 <= fps <= 120:
            raise ValueError(f"fps must be between 1 and 120, got {fps}")
        self.face = Face(
            painter,
            animator or Animator(),
            sample_rate=sample_rate,
            fps=fps,
            ahead=AHEAD,
            onset=lead + 1 / fps,
            lead=lead,
        )
        self._rate = sample_rate
        self._resampler: tuple[int, soxr.ResampleStream] | None = None
        self._marks: deque[tuple[float, object]] = deque()
        self._epoch = 0
        self._out = 0.0  # all speech and marks before this position have been handed out
        self._pause: float | None = None  # seconds since the last speech; None in silence
        self._closed = False

    # -- in -------------------------------------------------------------------------------------

    async def say(self, frame: TTSAudioRawFrame) -> None:
        """Take speech to say next; waits while there is enough.

        Args:
            frame: int16 sound of any rate from 8000 Hz and any channels; a
                :class:`~visavis.speech.tts_service.SpokenAudioFrame` brings its phonemes.

        Raises:
            ValueError: it is not whole int16 samples, or its rate is too low.
        """
        epoch = self._epoch
        frame = _mono(frame)
        self.face.hear(frame)
        await self._write(self._resampled(frame), epoch)

    async def end_utterance(self) -> None:
        """The utterance has come to its end."""
        if self._resampler is not None:
            rest = self._resampler[1].resample_chunk(np.zeros(0, np.int16), last=True)
            self._resampler = None
            await self._write(rest.tobytes(), self._epoch)
        self.face.playout.end_utterance()

    def mark(self, item: object) -> None:
        """Hand `item` out once all speech taken so far has been; :meth:`clear` drops it."""
        self._marks.append((self.face.playout.written, item))

    @property
    def empty(self) -> bool:
        """Whether everything taken has been handed out."""
        return not self._marks and self.face.playout.written <= self._out

    def clear(self) -> list[object]:
        """Drop all speech not yet heard, and the marks in it, which are returned."""
        self._epoch += 1
        self._resampler = None
        dropped = [item for _, item in self._marks]
        self._marks.clear()
        self.face.interrupt()
        self._out = self.face.playout.spoken
        return dropped

    async def _write(self, audio: bytes, epoch: int) -> None:
        size = round(_PIECE * self._rate) * 2
        for at in range(0, len(audio), size):
            await self.face.playout.write(audio[at : at + size])
            if epoch != self._epoch:
                return  # cleared: the rest is not to be heard either

    def _resampled(self, frame: TTSAudioRawFrame) -> bytes:
        if frame.sample_rate == self._rate:
            return frame.audio
        if self._resampler is None or self._resampler[0] != frame.sample_rate:
            stream = soxr.ResampleStream(frame.sample_rate, self._rate, 1, dtype="int16")
            self._resampler = frame.sample_rate, stream
        samples = np.frombuffer(frame.audio, np.int16)
        return bytes(self._resampler[1].resample_chunk(samples).tobytes())

    # -- out ------------------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[Sound | TimedFrame | Mark]:
        """Sound, pictures and marks until :meth:`aclose`."""
        sound: asyncio.Task[tuple[int, bytes]] | None = None
        picture: asyncio.Task[tuple[int, TimedFrame | None]] | None = None
        try:
            while not self._closed:
                sound = sound or asyncio.create_task(self._next_sound())
                picture = picture or asyncio.create_task(self._next_picture())
                await asyncio.wait({sound, picture}, return_when=asyncio.FIRST_COMPLETED)
                if sound.done():
                    epoch, audio = sound.result()
                    sound, spoken = None, self.face.playout.spoken
                    if audio and epoch == self._epoch:
                        yield Sound(audio)
                    while epoch == self._epoch and self._marks and self._marks[0][0] <= spoken:
                        yield Mark(self._marks.popleft()[1])
                    if epoch == self._epoch:
                        self._out = spoken
                if picture.done():
                    epoch, frame = picture.result()
                    if frame is None:
                        return
                    if epoch == self._epoch:
                        yield frame
                    picture = None
        finally:
            for task in (sound, picture):
                if task is not None:
                    task.cancel()
                    await asyncio.wait({task})

    async def aclose(self) -> None:
        """End the iteration and the painting thread."""
        self._closed = True
        await self.face.aclose()

    async def _next_sound(self) -> tuple[int, bytes]:
        audio = await self.face.playout.advance()
        if audio:
            if self._pause is None:
                self.face.speech_started()
            self._pause = 0.0
        elif self._pause is not None:
            self._pause += PTIME
            if self._pause >= _TURN_PAUSE:
                self._pause = None
                self.face.speech_stopped()
        return self._epoch, audio

    async def _next_picture(self) -> tuple[int, TimedFrame | None]:
        frame = await self.face.next_frame()
        return self._epoch, frame


def _mono(frame: TTSAudioRawFrame) -> TTSAudioRawFrame:
    """The frame with its channels averaged."""
    if len(frame.audio) % (2 * frame.num_channels):
        raise ValueError(
            f"{len(frame.audio)} bytes are not whole int16 samples of {frame.num_channels} channels"
        )
    if frame.sample_rate < 8000:
        raise ValueError(f"need at least 8000 samples per second, got {frame.sample_rate}")
    if frame.num_channels == 1 or isinstance(frame, SpokenAudioFrame):
        return frame
    samples = np.frombuffer(frame.audio, np.int16).reshape(-1, frame.num_channels)
    audio = samples.mean(1).round().astype(np.int16).tobytes()
    return TTSAudioRawFrame(audio=audio, sample_rate=frame.sample_rate, num_channels=1)
