"""Hearing: one Pipecat STT service that detects turns and transcribes them as they happen.

It announces what it predicts (an *eager* end of turn as soon as the words are known, though the
voice may go on), so that Pipecat's speculation gate can have the answer ready when the turn
really ends, and withdraws the prediction silently when the user goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from loguru import logger
from numpy.typing import NDArray
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    STTMetadataFrame,
    SystemFrame,
    TranscriptionFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import STTService
from pipecat.turns.eager_end_of_turn_mixin import EagerEndOfTurnSTTServiceMixin
from pipecat.turns.user_stop import EagerUserTurnStopStrategy
from pipecat.utils.time import time_now_iso8601

from visavis.conversation.timings import TurnTimings
from visavis.speech.transcriber import Transcriber
from visavis.turns.endpointing import (
    Endpointer,
    EndpointerParams,
    Paused,
    Resumed,
    TurnEnded,
    TurnEvent,
    TurnStarted,
)

SAMPLE_RATE = 16_000
WINDOW = 512  # samples Silero scores at a time
#: Audio kept from before a turn's detected start: the first consonant is quieter than the vowel.
PRE_ROLL = 0.35
#: Whisper hears at most 30 s at once; a longer turn is committed piece by piece at its pauses.
PIECE = 18.0
#: Speech between two partial transcripts, and before the first.
PARTIAL_INTERVAL = 1.1
#: Smart Turn was trained on voices followed by about this much silence.
JUDGE_SILENCE = 0.2


@dataclass
class UserPausedFrame(SystemFrame):
    """The user has paused; whether they go on is not known yet."""


@dataclass(slots=True)
class _Pause:
    """What is under way for the pause the user is making."""

    speech_end: float
    transcript: asyncio.Future[str] = field(default_factory=asyncio.Future)
    judged: bool = False
    void: bool = False  # the user went on: nobody waits for the transcript any more


class _EndOnce(EagerUserTurnStopStrategy):
    """Ends a turn once.

    Pipecat 1.14 also looks twice a second whether a turn should end; when that falls into the
    moment at which it is ending, the speculative answer is taken as missing and the question is
    answered twice.
    """

    _ending = False

    async def _trigger_user_turn_stopped(self) -> None:
        if self._ending:
            return
        self._ending = True
        try:
            await super()._trigger_user_turn_stopped()  # type: ignore[no-untyped-call]
        finally:
            self._ending = False


class ListeningService(EagerEndOfTurnSTTServiceMixin, STTService):
    """VAD, endpointing, partial and final transcripts.

    Args:
        transcriber: Speech to text; shared between sessions, called in `executor`.
        executor: Where models run; one worker, so that sessions take turns.
        params: Endpointing durations.
        language: Spoken language, e.g. ``"en"``.
        timings: Where the times of this turn are noted.
        context: Sentences with the words people will use; see :meth:`Transcriber.transcribe`.
    """

    def __init__(
        self,
        *,
        transcriber: Transcriber,
        executor: ThreadPoolExecutor,
        params: EndpointerParams,
        language: str,
        timings: TurnTimings,
        context: str = "",
    ) -> None:
        super().__init__(
            enable_eager_end_of_turn=True,
            sample_rate=SAMPLE_RATE,
            ttfs_p99_latency=0.6,
            settings=STTSettings(model=None, language=language),
        )
        self._transcriber = transcriber
        self._context = context
        self._executor = executor
        self._spoken_language = language
        self._timings = timings
        self._vad = SileroVADAnalyzer(sample_rate=SAMPLE_RATE)
        self._vad.set_sample_rate(SAMPLE_RATE)
        self._smart_turn = LocalSmartTurnAnalyzerV3(sample_rate=SAMPLE_RATE, cpu_count=1)
        self._endpointer = Endpointer(params)
        self._pending = np.zeros(0, np.int16)  # audio short of a window
        self._audio = np.zeros(0, np.int16)  # this turn's audio, with pre-roll
        self._audio_start = 0.0  # the time of its first sample
        self._committed: list[str] = []  # text of earlier pieces of this turn
        self._pause: _Pause | None = None
        self._partial: asyncio.Task[None] | None = None
        self._last_partial = 0.0
        self._in_turn = False
        self._face_speaking = False
        self._jobs: set[asyncio.Task[Any]] = set()

    # -- Pipecat's side ---------------------------------------------------------------------

    def service_metadata_frame(self) -> STTMetadataFrame:
        """Tell the user aggregator that turns are detected here, eagerly."""
        frame = super().service_metadata_frame()
        strategies = self.recommended_user_turn_strategies(enable_interruptions=True)
        strategies.stop = [_EndOnce()]
        frame.user_turn_strategies = strategies
        return frame

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Note whether the face talks: then it takes more speech to start a turn."""
        if isinstance(frame, BotStartedSpeakingFrame):
            self._face_speaking = True
        elif isinstance(frame, BotStoppedSpeakingFrame):
            self._face_speaking = False
        await super().process_frame(frame, direction)

    async def stop(self, frame: EndFrame) -> None:
        """End what is under way."""
        await self._abandon()
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """End what is under way."""
        await self._abandon()
        await super().cancel(frame)

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Take 16 kHz mono int16 audio; frames are pushed as events happen, not yielded."""
        self._pending = np.concatenate([self._pending, np.frombuffer(audio, np.int16)])
        while len(self._pending) >= WINDOW:
            window, self._pending = self._pending[:WINDOW], self._pending[WINDOW:]
            await self._hear(window)
        yield None

    # -- hearing ----------------------------------------------------------------------------

    async def _hear(self, window: NDArray[np.int16]) -> None:
        self._keep(window)
        probability = float(np.asarray(self._vad.voice_confidence(window.tobytes())).item())
        events = self._endpointer.push(
            probability, WINDOW / SAMPLE_RATE, face_speaking=self._face_speaking
        )
        for event in events:
            await self._on_event(event)
        await self._maybe_judge()
        self._maybe_partial()

    def _keep(self, window: NDArray[np.int16]) -> None:
        self._audio = np.concatenate([self._audio, window])
        if not self._in_turn:
            excess = len(self._audio) - int((PRE_ROLL + 0.4) * SAMPLE_RATE)
            if excess > 0:
                self._drop(excess)

    def _drop(self, samples: int) -> None:
        self._audio = self._audio[samples:]
        self._audio_start += samples / SAMPLE_RATE

    async def _on_event(self, event: TurnEvent) -> None:
        match event:
            case TurnStarted(at):
                self._in_turn = True
                self._drop(max(0, int((at - PRE_ROLL - self._audio_start) * SAMPLE_RATE)))
                self._last_partial = at
                self._committed.clear()
                self._timings.turn_started()
                await self.push_frame(ProposedUserStartedSpeakingFrame())
            case Paused(at):
                await self.push_frame(UserPausedFrame())
                # Trailing silence up to now helps the model; audio heard later is not needed.
                audio = self._audio.copy()
                self._pause = pause = _Pause(at)
                pause.transcript = self._spawn(
                    self._transcribe(audio, final=True, wanted=lambda: not pause.void)
                )
                self._spawn(self._predict(pause))
            case Resumed(_):
                if self._pause is not None:
                    self._pause.void = True
                    self._pause = None
                await self._cancel_eager_end_of_turn()  # type: ignore[no-untyped-call]
            case TurnEnded(_, speech_end):
                silence = self._endpointer.now - speech_end
                self._timings.speech_ended(time.monotonic() - silence)
                self._in_turn = False
                ended, self._pause = self._pause, None
                committed, self._committed = self._committed, []
                self._drop(max(0, len(self._audio) - int(PRE_ROLL * SAMPLE_RATE)))
                if ended is not None:
                    self._spawn(self._commit(ended, committed))

    async def _predict(self, pause: _Pause) -> None:
        """As soon as the words are known, let the answer be prepared."""
        text = await pause.transcript
        if self._pause is not pause or not text:
            return
        if len(self._audio) > PIECE * SAMPLE_RATE:
            # Long turns: what was said before this pause is settled now.
            self._committed.append(text)
            self._drop(len(self._audio))
            pause.transcript = asyncio.Future()
            pause.transcript.set_result("")
            text = ""
        await self._push_eager_end_of_turn(_join([*self._committed, text]), user_id=self._user_id)

    async def _commit(self, pause: _Pause, committed: list[str]) -> None:
        text = _join([*committed, await pause.transcript])
        self._timings.transcribed()
        self._clear_eager_end_of_turn()  # type: ignore[no-untyped-call]
        if text:
            await self.push_frame(
                TranscriptionFrame(text, self._user_id, time_now_iso8601(), finalized=True)
            )
        await self.push_frame(ProposedUserStoppedSpeakingFrame())

    async def _maybe_judge(self) -> None:
        """Once per pause, ask the voice whether the turn sounds finished."""
        pause = self._pause
        if pause is None or pause.judged:
            return
        if self._endpointer.now - pause.speech_end < JUDGE_SILENCE:
            return
        pause.judged = True
        self._spawn(self._judge(pause, self._audio.astype(np.float32) / 32768.0))

    async def _judge(self, pause: _Pause, audio: NDArray[np.float32]) -> None:
        loop = asyncio.get_running_loop()
        # Its own thread: the verdict must not queue behind the transcript.
        verdict = await loop.run_in_executor(None, self._smart_turn._predict_endpoint, audio)
        if self._pause is pause:
            for event in self._endpointer.judge(float(verdict["probability"])):
                await self._on_event(event)

    def _maybe_partial(self) -> None:
        """While the user speaks, show what is understood so far; never two at a time."""
        now = self._endpointer.now
        busy = self._partial is not None and not self._partial.done()
        if not self._in_turn or self._pause or busy or now - self._last_partial < PARTIAL_INTERVAL:
            return
        self._last_partial = now
        self._partial = self._spawn(self._show_partial(self._audio.copy()))

    async def _show_partial(self, audio: NDArray[np.int16]) -> None:
        text = _join([*self._committed, await self._transcribe(audio, final=False)])
        if text and self._in_turn:
            await self.push_frame(
                InterimTranscriptionFrame(text, self._user_id, time_now_iso8601())
            )

    async def _transcribe(
        self,
        audio: NDArray[np.int16],
        *,
        final: bool,
        wanted: Callable[[], bool] = lambda: True,
    ) -> str:
        """The text of the audio; empty if it is no longer wanted when its turn comes."""

        def work() -> str:
            if not wanted():
                return ""
            samples = audio.astype(np.float32) / 32768.0
            language = self._spoken_language
            return self._transcriber.transcribe(
                samples, language=language, final=final, context=self._context
            ).text

        try:
            text = await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except Exception as e:
            logger.exception("Transcription failed")
            await self.push_frame(ErrorFrame(f"Speech recognition failed: {e}"))
            return ""
        return text.strip()

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)
        return task

    async def _abandon(self) -> None:
        for job in list(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)


def _join(pieces: list[str]) -> str:
    return " ".join(p for p in pieces if p)
