"""The face as a Pipecat video service, for any Pipecat application."""

from __future__ import annotations

import asyncio
from typing import Any

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputImageRawFrame,
    OutputTransportReadyFrame,
    StartFrame,
    SystemFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessorSetup
from pipecat.services.ai_service import AIService
from pipecat.services.settings import ServiceSettings

from visavis.animation.animator import Animator
from visavis.conversation.face import LEAD
from visavis.conversation.playout import PTIME
from visavis.integrations.stream import AvatarStream, Sound
from visavis.rendering.contract import FacePainter, TimedFrame

#: Pipecat's outputs hold a picture back: a live one by the time of one picture, the others by half
#: of it on average. Between the two, in pictures.
HELD_BACK = 0.5


class VisavisVideoService(AIService):
    """Gives a face to the voice of a Pipecat pipeline.

    Stands between text to speech and the transport's output, as Pipecat's Tavus, HeyGen and Simli
    services do, but draws here, without a key or a network::

        Pipeline([transport.input(), stt, ..., llm, tts, face, transport.output(), ...])

    Speech goes in as ``TTSAudioRawFrame`` from any voice, at any rate; that of
    :class:`~visavis.speech.tts_service.VisavisTTSService` brings its phonemes, of others the sound
    moves the lips. It comes out again at the pipeline's output rate and in real time, with
    ``OutputImageRawFrame`` (RGB) beside it. Frames that follow speech, such as its words, keep
    their place behind it. An interruption stops sound, lips and what waits. Pictures begin when
    the output transport is ready; it needs ``video_out_enabled=True, video_out_is_live=True`` and
    the painter's size and the same frame rate.

    Args:
        painter: Draws the face; becomes this service's own.
        fps: Pictures per second, 1..120.
        animator: Makes the face's motion; None makes one.
        **kwargs: To Pipecat's ``AIService``.
    """

    def __init__(
        self,
        painter: FacePainter,
        *,
        fps: float = 25.0,
        animator: Animator | None = None,
        **kwargs: Any,
    ) -> None:
        if not 1 <= fps <= 120:
            raise ValueError(f"fps must be between 1 and 120, got {fps}")
        super().__init__(settings=ServiceSettings(model=None), **kwargs)
        self._painter = painter
        self._animator = animator
        self._fps = fps
        self._rate = 0
        self._stream: AvatarStream | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = False
        self._said: TTSAudioRawFrame | None = None  # the speech last taken

    # -- life -----------------------------------------------------------------------------------

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        """Make the face, for the pipeline's output rate."""
        await super().setup(setup)
        self._rate = setup.audio_out_sample_rate
        self._stream = AvatarStream(
            self._painter,
            sample_rate=self._rate,
            fps=self._fps,
            animator=self._animator,
            lead=LEAD + HELD_BACK / self._fps,
        )

    async def start(self, frame: StartFrame) -> None:
        """Begin to idle."""
        await super().start(frame)
        if self._task is None:
            self._task = self.create_task(self._run())

    async def stop(self, frame: EndFrame) -> None:
        """Finish speaking, then end."""
        await super().stop(frame)
        if self._stream is not None:
            await self._stream.end_utterance()
            while self._task and not self._task.done() and not self._stream.empty:
                await asyncio.sleep(PTIME)
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """End at once."""
        await super().cancel(frame)
        await self._close()

    async def cleanup(self) -> None:
        """Release the painting thread."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        await self._close()

    async def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()
        task, self._task = self._task, None
        if task is not None:
            await self.cancel_task(task)

    # -- frames ---------------------------------------------------------------------------------

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take speech, follow the conversation, and let everything else pass in its place."""
        await super().process_frame(frame, direction)
        stream = self._stream
        if isinstance(frame, OutputTransportReadyFrame):
            self._ready = True
        elif stream is None:
            pass
        elif isinstance(frame, InterruptionFrame):
            await self._push_kept(stream.clear())
        elif isinstance(frame, UserStartedSpeakingFrame):
            stream.face.user_started()
        elif isinstance(frame, UserStoppedSpeakingFrame):
            stream.face.user_stopped()
        elif isinstance(frame, TTSAudioRawFrame):
            await self._say(frame, stream)
            return
        elif isinstance(frame, TTSStoppedFrame):
            await stream.end_utterance()
        upstream = direction is not FrameDirection.DOWNSTREAM
        if stream is None or upstream or isinstance(frame, SystemFrame) or stream.empty:
            await self.push_frame(frame, direction)
        else:
            stream.mark(frame)

    async def _say(self, frame: TTSAudioRawFrame, stream: AvatarStream) -> None:
        self._said = frame
        try:
            await stream.say(frame)
        except ValueError as e:
            await self.push_error(f"The face cannot say this: {e}", exception=e)

    async def _push_kept(self, held: list[object]) -> None:
        """Hand on those frames that an interruption does not drop."""
        for frame in held:
            if isinstance(frame, Frame) and not frame.interruptible:
                await self.push_frame(frame)

    async def _run(self) -> None:
        """Hand on what the stream makes. A face that fails leaves the voice alone."""
        stream = self._stream
        assert stream is not None
        try:
            async for item in stream:
                if isinstance(item, TimedFrame):
                    if self._ready:
                        height, width = item.image.shape[:2]
                        await self.push_frame(
                            OutputImageRawFrame(item.image.tobytes(), (width, height), "RGB")
                        )
                elif isinstance(item, Sound):
                    await self.push_frame(self._speech(item))
                elif isinstance(item.item, Frame):
                    await self.push_frame(item.item)
        except Exception as e:
            self._stream = None  # from now on all frames pass
            await self.push_error(f"The face stopped: {e}", exception=e)
            await self._push_kept(stream.clear())
            await stream.aclose()

    def _speech(self, sound: Sound) -> TTSAudioRawFrame:
        frame = TTSAudioRawFrame(audio=sound.audio, sample_rate=self._rate, num_channels=1)
        if self._said is not None:
            frame.context_id = self._said.context_id
            frame.transport_destination = self._said.transport_destination
        return frame
