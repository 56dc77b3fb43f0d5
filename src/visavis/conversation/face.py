"""The face of one call: what it says, how it behaves, and the pictures of it, in step."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import numpy as np
from pipecat.frames.frames import TTSAudioRawFrame

from visavis.animation.animator import Animator
from visavis.animation.emotion import infer
from visavis.animation.face_state import STATE_RATE, FaceState
from visavis.conversation.playout import PlayoutTrack
from visavis.rendering.contract import FacePainter, SegmentFinished, TimedFrame
from visavis.rendering.live import LiveRenderer
from visavis.speech.tts_service import SpokenAudioFrame

#: A picture is begun this long before its sound leaves, so that both reach the network together:
#: about one painting and one encoding.
LEAD = 0.015


class Face:
    """Drives a renderer with what the conversation does.

    Args:
        painter: Draws FaceStates.
        animator: Makes FaceStates.
        sample_rate: Of the speech, Hz.
        fps: Pictures per second.
        ahead: See :class:`PlayoutTrack`.
        onset: See :class:`PlayoutTrack`.
        lead: A picture is begun this long before its sound is due, seconds.
    """

    def __init__(
        self,
        painter: FacePainter,
        animator: Animator,
        *,
        sample_rate: int,
        fps: float,
        ahead: float = 0.0,
        onset: float = 0.0,
        lead: float = LEAD,
    ) -> None:
        self.playout = PlayoutTrack(sample_rate, ahead, onset)
        self._lead = lead
        self._animator = animator
        self._renderer = LiveRenderer(painter, self._clock, fps=fps)
        self._frames: AsyncIterator[TimedFrame | SegmentFinished] | None = None
        self._next_state = 0.0  # stream time of the next state to make
        self._registered = 0.0  # speech seconds given to playout so far, on the speech clock
        self._animator.set_mode("idle")

    def _clock(self) -> float:
        return self.playout.clock() + self._lead

    # -- what the conversation does -----------------------------------------------------------

    def hear(self, frame: TTSAudioRawFrame) -> None:
        """Speech is about to be queued for playout, in order; note where its lips belong."""
        at = self._registered
        self._registered += len(frame.audio) / 2 / frame.sample_rate
        if isinstance(frame, SpokenAudioFrame):
            if frame.spoken is not None:
                words = " ".join(w.text for w in frame.spoken.words)
                self._animator.say(frame.spoken, at=at, emotion=frame.emotion or infer(words))
        else:
            # A voice without phoneme times: the lips follow the sound itself.
            samples = np.frombuffer(frame.audio, np.int16)
            self._animator.say_audio(samples, frame.sample_rate, at=at)

    def interrupt(self) -> None:
        """Stop sound, lips and pictures not yet shown, now."""
        self.playout.clear()
        self._animator.clear()
        self._renderer.clear()
        self._registered = self.playout.spoken
        # On the grid of all states: a browser that has some of the future already gets others of
        # the same times in their place.
        self._next_state = math.ceil(self._clock() * STATE_RATE) / STATE_RATE

    def feel(self, label: str, intensity: float) -> None:
        """Show this emotion from now on.

        Raises:
            ValueError: there is no such emotion, or the intensity is out of range.
        """
        self._animator.set_emotion(label, intensity)

    def user_started(self) -> None:
        """The person speaks: listen."""
        self._animator.set_mode("listening")

    def user_paused(self) -> None:
        """The person has paused for a moment: show that somebody listens."""
        self._animator.user_paused()

    def user_stopped(self) -> None:
        """The person has finished: think."""
        self._animator.set_mode("thinking")

    def speech_started(self) -> None:
        """The face's own voice begins."""
        self._animator.set_mode("speaking")

    def speech_stopped(self) -> None:
        """The face's own voice has ended: the floor is the person's."""
        self._animator.set_mode("listening")

    # -- pictures -------------------------------------------------------------------------------

    async def next_frame(self) -> TimedFrame | None:
        """The next picture when it is due; None once the face is closed."""
        if self._frames is None:
            self._frames = aiter(self._renderer)
        while True:
            self._make_states()
            try:
                item = await anext(self._frames)
            except StopAsyncIteration:
                return None
            if isinstance(item, TimedFrame):
                return item

    async def aclose(self) -> None:
        """Release the renderer."""
        await self._renderer.aclose()

    def _make_states(self) -> None:
        """Push states up to the picture after this one."""
        for state in self.due_states(1.0 / self._renderer.fps):
            self._renderer.push(state)

    def due_states(self, horizon: float = 0.0) -> list[FaceState]:
        """The states not yet made, 60 a second, up to `horizon` seconds ahead of the present.

        After a stall what is past is left out. Each state is handed out once: to those who draw
        pictures here, or to a browser that draws them itself.
        """
        now = self._clock()
        if now - self._next_state > 0.25:
            self._next_state = math.floor(now * STATE_RATE) / STATE_RATE
        states = []
        while self._next_state <= now + horizon:
            t = self._next_state
            states.append(self._animator.state(t, self.playout.speech_at(t)))
            self._next_state = t + 1.0 / STATE_RATE
        return states
