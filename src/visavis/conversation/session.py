"""One live conversation: the pipeline from microphone to face, and its supervision."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Literal

from loguru import logger
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    ErrorFrame,
    LLMUpdateSettingsFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSStartedFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    AssistantTurnStoppedMessage,
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
    UserTurnStoppedMessage,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.processors.frameworks.rtvi import RTVIObserverParams, RTVIServerMessageFrame
from pipecat.processors.frameworks.rtvi.models import ClientMessage
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings
from pipecat.transports.base_transport import TransportParams
from pipecat.transports.smallwebrtc.connection import SmallWebRTCConnection
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from visavis.config import LocalLLM, LocalSTT
from visavis.conversation.context import ContextTrimmer, estimate_tokens
from visavis.conversation.emotion_tags import EmotionTags
from visavis.conversation.services import SPEECH_RATE, Services
from visavis.conversation.timings import ReplyTimings, TurnTimings
from visavis.conversation.transcript import Line, Transcript
from visavis.conversation.transport import CallTransport
from visavis.conversation.warming import PromptWarmer

#: Seconds between looks at whether the browser is still there, and how many may find it gone.
#: Pipecat calls a connection lost three seconds after the page's last sign of life.
WATCH_INTERVAL = 0.5
LOST_LOOKS = 2
#: Seconds a new connection may take to carry anything.
CONNECT_TIMEOUT = 20.0
#: Seconds between two spoken apologies for a failing language model.
APOLOGY_INTERVAL = 6.0


class _Marks(BaseObserver):
    """Notes when the reply passes the stages after the language model."""

    def __init__(self, timings: TurnTimings, on_reply: Callable[[ReplyTimings], None]) -> None:
        super().__init__()
        self._timings = timings
        self._on_reply = on_reply

    async def on_push_frame(self, data: FramePushed) -> None:
        """Mark the first of each kind in a turn."""
        frame = data.frame
        if data.direction is not FrameDirection.DOWNSTREAM:
            return
        if isinstance(frame, TTSStartedFrame):
            self._timings.clause_ready()
        elif isinstance(frame, TTSAudioRawFrame):
            self._timings.synthesised()
        elif isinstance(frame, BotStartedSpeakingFrame) and (split := self._timings.audible()):
            self._on_reply(split)


class Session:
    """A conversation with one person.

    Args:
        session_id: Names it in logs and in the API.
        connection: The peer connection.
        services: What sessions share.
        on_end: Called once when the session is over.
        in_browser: Whether the browser draws the face.
    """

    def __init__(
        self,
        session_id: str,
        connection: SmallWebRTCConnection,
        services: Services,
        on_end: Callable[[Session], None],
        *,
        in_browser: bool = False,
    ) -> None:
        self.id = session_id
        self.connection = connection
        self.transcript = Transcript()
        self.replies: list[ReplyTimings] = []
        self.started = time.time()
        self._services = services
        self._on_end = on_end
        self._timings = TurnTimings()
        self._last_apology = 0.0
        self._runner = WorkerRunner(handle_sigint=False, handle_sigterm=False)
        self._face = services.face(seed=int.from_bytes(session_id.encode()[:4], "big"))
        self._transport = self._open_transport(in_browser)
        self._worker = self._assemble()
        self._task: asyncio.Task[None] | None = None

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Run the pipeline in the background."""
        self._task = asyncio.create_task(self._run(), name=f"session-{self.id}")

    async def end(self, reason: Literal["drain", "hangup"]) -> None:
        """End the conversation politely: tell the page why, then close."""
        await self._tell({"type": "ended", "reason": reason})
        await asyncio.sleep(0.1)  # the message leaves before the channel closes
        await self._worker.cancel(reason=reason)
        if self._task:
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(self._task), 5.0)

    async def _run(self) -> None:
        logger.info("Session {} begins", self.id)
        watchdog = asyncio.create_task(self._watch(), name=f"watchdog-{self.id}")
        try:
            await self._runner.add_workers(self._worker)
            await self._runner.run()
        except Exception:
            logger.exception("Session {} failed", self.id)
        finally:
            watchdog.cancel()
            await self._transport.stop_states()
            await self._face.aclose()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self.connection.disconnect(), 2.0)
            logger.info("Session {} ended after {:.0f} s", self.id, time.time() - self.started)
            self._on_end(self)

    async def _watch(self) -> None:
        """Free the seat of a browser that never came or went without a word."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CONNECT_TIMEOUT
        while not self.connection.is_connected():
            if loop.time() > deadline:
                await self._worker.cancel(reason="the browser never connected")
                return
            await asyncio.sleep(WATCH_INTERVAL)
        lost = 0
        while lost < LOST_LOOKS:
            await asyncio.sleep(WATCH_INTERVAL)
            lost = 0 if self.connection.is_connected() else lost + 1
        await self._worker.cancel(reason="the browser is gone")

    def feel(self, label: str, intensity: float) -> None:
        """Let the face show this emotion.

        Raises:
            ValueError: there is no such emotion, or the intensity is out of range.
        """
        self._face.feel(label, intensity)

    # -- assembly -------------------------------------------------------------------------------

    def _open_transport(self, in_browser: bool) -> CallTransport:
        s = self._services.settings
        return CallTransport(
            self.connection,
            TransportParams(
                audio_in_enabled=True,
                audio_in_sample_rate=16_000,
                audio_out_enabled=True,
                audio_out_sample_rate=SPEECH_RATE,
                audio_out_end_silence_secs=0,
                video_in_enabled=False,
                video_out_enabled=True,
                video_out_width=s.face.width,
                video_out_height=s.face.height,
            ),
            self._face,
            in_browser=in_browser,
        )

    def _assemble(self) -> PipelineWorker:
        s = self._services.settings
        transport = self._transport
        context = LLMContext()
        # Our own hearing brings its strategies along; Pipecat's would load models for nothing.
        own_turns = ExternalUserTurnStrategies() if isinstance(s.stt, LocalSTT) else None
        aggregators = LLMContextAggregatorPair(
            context,
            user_params=LLMUserAggregatorParams(
                user_turn_stop_timeout=4.0, user_turn_strategies=own_turns
            ),
        )
        stages: list[Any] = [
            transport.input(),
            self._services.stt(self._timings),
        ]
        if self._services.llm_server:
            base_url = self._services.llm_server.base_url
            stages.append(PromptWarmer(base_url, s.persona.system_prompt(), context))
        stages.append(aggregators.user())
        if isinstance(s.llm, LocalLLM):
            budget = s.llm.context_tokens - s.llm.max_reply_tokens
            prompt = {"role": "system", "content": s.persona.system_prompt()}
            stages.append(ContextTrimmer(budget - estimate_tokens(prompt)))
        stages += [
            self._services.llm(),
            EmotionTags(),
            self._services.tts(),
            transport.output(),
            aggregators.assistant(),
        ]
        worker = PipelineWorker(
            Pipeline(stages),
            params=PipelineParams(enable_metrics=True),
            observers=[_Marks(self._timings, self._on_reply)],
            # What the model writes may hold tags; people get what is spoken.
            rtvi_observer_params=RTVIObserverParams(bot_llm_enabled=False),
            idle_timeout_secs=600,
        )
        self._follow(worker, transport, aggregators)
        return worker

    async def _brief(self) -> None:
        """Give the language model, whichever it is, the persona."""
        instruction = self._services.settings.persona.system_prompt()
        await self._worker.queue_frame(
            LLMUpdateSettingsFrame(delta=LLMSettings(system_instruction=instruction))
        )

    def _follow(
        self, worker: PipelineWorker, transport: CallTransport, pair: LLMContextAggregatorPair
    ) -> None:
        """Attach to the events of the conversation."""
        persona = self._services.settings.persona

        @worker.event_handler("on_pipeline_started")
        async def on_pipeline_started(_: Any, __: Any) -> None:
            await self._brief()

        @worker.rtvi.event_handler("on_client_ready")
        async def on_client_ready(rtvi: Any) -> None:
            if persona.greeting:
                await worker.queue_frame(TTSSpeakFrame(persona.greeting))

        @worker.rtvi.event_handler("on_client_message")
        async def on_client_message(_: Any, message: ClientMessage) -> None:
            if message.type == "render" and message.data == "server":
                logger.info("Session {}: the browser cannot draw, pictures are sent", self.id)
                await transport.draw_here()

        @transport.event_handler("on_client_disconnected")
        async def on_client_disconnected(_: Any, __: Any) -> None:
            await worker.cancel(reason="the browser left")

        @worker.event_handler("on_pipeline_error")
        async def on_pipeline_error(_: Any, frame: ErrorFrame) -> None:
            await self._on_error(frame)

        @pair.user().event_handler("on_user_turn_stopped")
        async def on_user(_: Any, __: Any, message: UserTurnStoppedMessage) -> None:
            self.transcript.add(Line("user", message.content or "", message.timestamp))

        @pair.assistant().event_handler("on_assistant_turn_stopped")
        async def on_assistant(_: Any, message: AssistantTurnStoppedMessage) -> None:
            self.transcript.add(
                Line("assistant", message.content, message.timestamp, message.interrupted)
            )

    # -- events ---------------------------------------------------------------------------------

    async def _tell(self, data: dict[str, Any]) -> None:
        await self._worker.queue_frame(RTVIServerMessageFrame(data=data))

    def _on_reply(self, split: ReplyTimings) -> None:
        self.replies.append(split)
        logger.info("Reply after {:.2f} s: {}", split.total, split.as_dict())
        asyncio.create_task(self._tell({"type": "latency", **split.as_dict()}))  # noqa: RUF006

    async def _on_error(self, frame: ErrorFrame) -> None:
        """A part failed. The call goes on; if it was the language model, say so aloud."""
        logger.warning("Session {}: {}", self.id, frame.error)
        if not isinstance(frame.processor, LLMService):
            return
        now = time.monotonic()
        if now - self._last_apology < APOLOGY_INTERVAL:
            return
        self._last_apology = now
        await self._tell(
            {
                "type": "notice",
                "level": "warning",
                "text": "The language model did not answer. It is being restarted.",
            }
        )
        await self._worker.queue_frame(
            TTSSpeakFrame(self._services.settings.persona.apology, append_to_context=True)
        )
