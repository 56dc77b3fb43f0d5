"""A voice of ours as a Pipecat TTS service, with words in step with the sound.

Each word is sent in the same queue as the audio, behind the audio in which it is said. The
output transport passes it on only when that audio has gone out, so that after an interruption
the conversation's context holds the words that were heard and no others.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from pipecat.frames.frames import (
    AggregatedTextFrame,
    DataFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.utils.text.base_text_aggregator import TextType

from visavis.media.spoken import SpokenAudio
from visavis.speech.clauses import ClauseAggregator
from visavis.speech.g2p import read_aloud
from visavis.speech.shaping import pad
from visavis.speech.synthesizer import Stop, Synthesizer, check_speed

#: Audio is sent in multiples of this, s: what Pipecat's transports write at a time.
_CHUNK = 0.04


@dataclass
class EmotionFrame(DataFrame):
    """How what is said next is felt.

    Attributes:
        label: Name of the emotion.
        intensity: 0..1.
    """

    label: str = "neutral"
    intensity: float = 1.0


@dataclass
class SpokenAudioFrame(TTSAudioRawFrame):
    """A stretch of an utterance.

    Attributes:
        spoken: The whole utterance with its phoneme times, on its first frame; None on the rest.
        offset: Seconds from the utterance's first sample to this frame's.
        emotion: Label and intensity with which it is said, on its first frame; None if unsaid.
    """

    spoken: SpokenAudio | None = None
    offset: float = 0.0
    emotion: tuple[str, float] | None = None


class VisavisTTSService(TTSService):
    """Speaks with a :class:`~visavis.speech.synthesizer.Synthesizer`.

    Replies are spoken from their first clause on, then sentence by sentence.

    Args:
        synthesizer: The voice; may be shared between services.
        speed: 0.5 to 2.
        executor: Where synthesis runs; None makes one worker for this service.
        make_way: Entered while a reply's first piece is made, which somebody waits for in silence;
            the place to hold back work that can wait.

    Raises:
        ValueError: `speed` is out of range.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        *,
        speed: float = 1.0,
        executor: ThreadPoolExecutor | None = None,
        make_way: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        check_speed(speed)
        super().__init__(
            sample_rate=synthesizer.sample_rate,
            push_text_frames=True,
            push_start_frame=True,
            push_stop_frames=True,
            # A long sentence on a busy machine takes seconds; its turn must not end meanwhile.
            stop_frame_timeout_s=30.0,
            # A voice that failed may recover (Piper's process is started anew), so never give up.
            max_consecutive_zero_audio_contexts=0,
            text_transforms=[("*", _speakable)],
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        self._synthesizer = synthesizer
        self._speed = speed
        self._own_executor = executor is None
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="speaking")
        self._make_way = make_way
        self._emotion: tuple[str, float] | None = None  # of what is said next
        self._speaking = ""  # the context whose first piece has been begun
        # Pipecat takes no aggregator from outside, and names the type of its own.
        self._text_aggregator = ClauseAggregator()  # type: ignore[assignment]

    def can_generate_metrics(self) -> bool:
        """Times to first byte and usage are measured."""
        return True

    async def on_turn_context_completed(self) -> None:
        """End the turn's audio: all of it is queued, or there is none because the voice failed."""
        self._is_yielding_frames_synchronously = True
        await super().on_turn_context_completed()  # type: ignore[no-untyped-call]

    async def cleanup(self) -> None:
        """Release the worker thread; the voice stays open."""
        await super().cleanup()  # type: ignore[no-untyped-call]
        if self._own_executor:
            self._executor.shutdown(wait=False, cancel_futures=True)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Keep an emotion for the next piece that is said."""
        if isinstance(frame, EmotionFrame):
            self._emotion = (frame.label, frame.intensity)
            return
        if isinstance(frame, InterruptionFrame):
            self._emotion = None
        await super().process_frame(frame, direction)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Say `text`: audio, and each word behind the audio in which it is said."""
        await self.start_tts_usage_metrics(text)
        loop = asyncio.get_running_loop()
        stop = Stop()
        say = partial(self._synthesizer.synthesize, text, self._speed, stop=stop)
        first, self._speaking = context_id != self._speaking, context_id
        try:
            async with self._make_way() if first else nullcontext():
                spoken = await loop.run_in_executor(self._executor, say)
        except asyncio.CancelledError:
            stop.ask()  # interrupted: free the worker for the next reply
            raise
        except Exception as e:
            yield ErrorFrame(f"Speech synthesis failed: {e}")
            return
        emotion, self._emotion = self._emotion, None
        context = self._tts_contexts.get(context_id)
        append = context.append_to_context if context else True
        for frame in interleave(spoken, context_id):
            if isinstance(frame, TTSTextFrame):
                frame.append_to_context = append
            elif isinstance(frame, SpokenAudioFrame) and frame.spoken is not None:
                frame.emotion = emotion
            yield frame

    async def _push_spoken_text(
        self, src_frame: AggregatedTextFrame, text: str, context_id: str, append_to_context: bool
    ) -> None:
        """Let text that is not spoken pass; the spoken words have been queued one by one."""
        for frame in self._aggregated_frame_sequencer.complete_spoken_slot():
            await self.push_frame(frame)


async def _speakable(text: str, text_type: str) -> str:
    """The text, or nothing if no word of it can be said, such as a smile."""
    return text if any(word.spoken for word in read_aloud(text)) else ""


def interleave(spoken: SpokenAudio, context_id: str) -> list[Frame]:
    """Audio frames and word frames in the order of time.

    The audio frames hold the utterance without a gap, padded with silence to a multiple of 40 ms;
    all but the last are a multiple of 40 ms long, and each word follows the first frame that
    reaches its end. The last word comes before the padding's frame ends the utterance.
    """
    chunk = round(_CHUNK * spoken.sample_rate)
    spoken = pad(spoken, chunk)
    total = len(spoken.audio)
    frames: list[Frame] = []
    sent = 0

    def send(until: int) -> None:
        nonlocal sent
        if until <= sent:
            return
        frames.append(
            SpokenAudioFrame(
                audio=spoken.audio[sent:until].tobytes(),
                sample_rate=spoken.sample_rate,
                num_channels=1,
                context_id=context_id,
                spoken=spoken if sent == 0 else None,
                offset=sent / spoken.sample_rate,
            )
        )
        sent = until

    for word in spoken.words:
        end = -(-round(word.end * spoken.sample_rate) // chunk) * chunk
        send(min(max(end, chunk), total))
        frame = TTSTextFrame(word.text, TextType.WORD, context_id=context_id)
        frame.will_be_spoken = True
        frames.append(frame)
    send(total)
    return frames
