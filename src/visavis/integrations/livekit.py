"""The face as a LiveKit Agents ``VideoGenerator``, for ``AvatarRunner``.

Needs ``pip install "visavis[livekit]"``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import cv2
import numpy as np
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarOptions, VideoGenerator
from numpy.typing import NDArray
from pipecat.frames.frames import TTSAudioRawFrame

from visavis.animation.animator import Animator
from visavis.integrations.stream import AvatarStream, Sound
from visavis.rendering.contract import FacePainter, TimedFrame


class VisavisVideoGenerator(VideoGenerator):
    """Draws the face that says an agent's speech, here, without a key or a service.

    Audio frames of any rate go in; out come video frames (I420) at a steady rate, idle ones too,
    the same speech as audio frames of 20 ms at ``sample_rate``, and each ``AudioSegmentEnd``
    behind its speech. After :meth:`clear_buffer` nothing of what was pushed before comes out, its
    ``AudioSegmentEnd`` neither: ``AvatarRunner`` reports the interruption itself.

    Args:
        painter: Draws the face, in an even number of pixels each way; becomes this generator's
            own.
        sample_rate: Of the speech that comes out, Hz.
        fps: Pictures per second, 1..120.
        animator: Makes the face's motion; None makes one.

    Raises:
        ValueError: the pictures' size is odd, or `fps` out of range.
    """

    def __init__(
        self,
        painter: FacePainter,
        *,
        sample_rate: int = 24_000,
        fps: float = 25.0,
        animator: Animator | None = None,
    ) -> None:
        width, height = painter.size
        if width % 2 or height % 2:
            raise ValueError(f"width and height must be even, got {width} x {height}")
        self._stream = AvatarStream(painter, sample_rate=sample_rate, fps=fps, animator=animator)
        self._options = AvatarOptions(
            video_width=width,
            video_height=height,
            video_fps=fps,
            audio_sample_rate=sample_rate,
            audio_channels=1,
        )
        self._cleared = False  # and no speech since

    @property
    def options(self) -> AvatarOptions:
        """What to tell ``AvatarRunner`` about this generator's frames."""
        return self._options

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        """Take speech, or the end of a segment of it; waits while there is enough."""
        if isinstance(frame, AudioSegmentEnd):
            if self._cleared:
                return  # the end of what was cleared
            await self._stream.end_utterance()
            self._stream.mark(frame)
            return
        self._cleared = False
        await self._stream.say(
            TTSAudioRawFrame(
                audio=bytes(frame.data.cast("b")),
                sample_rate=frame.sample_rate,
                num_channels=frame.num_channels,
            )
        )

    def clear_buffer(self) -> None:
        """Stop speaking at once."""
        self._stream.clear()
        self._cleared = True

    def user_started(self) -> None:
        """The person speaks: the face listens."""
        self._stream.face.user_started()

    def user_stopped(self) -> None:
        """The person has finished: the face thinks."""
        self._stream.face.user_stopped()

    async def __aiter__(self) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        """Frames in real time until :meth:`aclose`."""
        async for item in self._stream:
            if isinstance(item, TimedFrame):
                yield _video(item.image)
            elif isinstance(item, Sound):
                samples = len(item.audio) // 2
                yield rtc.AudioFrame(item.audio, self._options.audio_sample_rate, 1, samples)
            elif isinstance(item.item, AudioSegmentEnd):
                yield item.item

    async def aclose(self) -> None:
        """End the iteration and the painting thread."""
        await self._stream.aclose()


def _video(image: NDArray[np.uint8]) -> rtc.VideoFrame:
    height, width = image.shape[:2]
    planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8)
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, planes.tobytes())
