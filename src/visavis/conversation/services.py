"""From configuration to the services of a pipeline: ours, or any Pipecat service by name."""

from __future__ import annotations

import asyncio
import importlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import cv2
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService

from visavis import models
from visavis.animation.animator import Animator
from visavis.animation.face_state import FaceState
from visavis.config import ConfigError, LocalLLM, LocalSTT, LocalTTS, PipecatService, Settings
from visavis.conversation.face import Face
from visavis.conversation.listening import ListeningService
from visavis.conversation.llm_server import LlamaServer
from visavis.conversation.prepared_voice import PreparedVoice
from visavis.conversation.timings import TurnTimings
from visavis.rendering.painters import LaterPainter, open_painter
from visavis.replicas.bundle import Replica
from visavis.replicas.catalog import load_replica
from visavis.speech import open_synthesizer
from visavis.speech.transcriber import Transcriber
from visavis.speech.tts_service import VisavisTTSService
from visavis.turns.endpointing import EndpointerParams

#: Output sample rate of every voice, Hz.
SPEECH_RATE = 24_000


def pipecat_service(config: PipecatService) -> FrameProcessor:
    """Make the named Pipecat service.

    Raises:
        ConfigError: the class is not there, or does not take the parameters.
    """
    module_name, _, class_name = config.service.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as e:
        raise ConfigError(
            f"There is no service {config.service!r} ({e}). Give the full dotted path of a "
            "Pipecat service class, and install the Pipecat extra it needs."
        ) from e
    params = dict(config.params)
    for name, variable in config.env.items():
        if variable not in os.environ:
            raise ConfigError(f"{config.service} needs the environment variable {variable}.")
        params[name] = os.environ[variable]
    if isinstance(params.get("settings"), dict) and hasattr(cls, "Settings"):
        params["settings"] = cls.Settings(**params["settings"])
    try:
        service = cls(**params)
    except TypeError as e:
        raise ConfigError(f"{config.service} does not take these parameters: {e}") from e
    if not isinstance(service, FrameProcessor):
        raise ConfigError(f"{config.service} is not a Pipecat service.")
    return service


class Services:
    """Everything the sessions of one server share: models loaded once, the LLM process, the face.

    Loading is slow and happens in :meth:`start`; making a session's services is quick.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.llm_server: LlamaServer | None = None
        self._hearing = ThreadPoolExecutor(1, thread_name_prefix="hearing")
        self._transcriber: Transcriber | None = None
        self._synthesizer: PreparedVoice | None = None
        self.replica: Replica | None = None
        #: The face at rest, WebP.
        self.still = b""
        self._started = False

    async def start(self) -> None:
        """Load the models and start the language model's process; once.

        Raises:
            MissingModelError, LLMServerError, ReplicaError: what is missing and what to do.
        """
        if self._started:
            return
        s = self.settings
        await asyncio.to_thread(self._load)
        if isinstance(s.llm, LocalLLM) and not s.llm.base_url:
            self.llm_server = LlamaServer(
                next(models.path(s.llm.model).glob("*.gguf")),
                context_tokens=s.llm.context_tokens,
                slots=s.server.max_sessions,
                threads=s.llm.threads,
            )
            await self.llm_server.start(
                warm=[{"role": "system", "content": s.persona.system_prompt()}]
            )
        self._started = True

    def _load(self) -> None:
        s = self.settings
        self.replica = load_replica(s.face.replica or s.persona.replica)
        if isinstance(s.stt, LocalSTT):
            self._transcriber = Transcriber(s.stt.model, threads=s.stt.threads)
            self._transcriber.warm_up()
        if isinstance(s.tts, LocalTTS):
            voice = s.tts.voice or s.persona.voice
            self._synthesizer = PreparedVoice(open_synthesizer(voice, threads=s.tts.threads))
            for line in (s.persona.greeting, s.persona.apology):
                self._synthesizer.prepare(line, speed=s.tts.speed)
        # The first picture compiles the rasteriser; do it before anybody waits for it.
        picture = open_painter(self.replica, self._size).paint(FaceState(0.0))
        encoded = cv2.imencode(".webp", picture[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, 90])[1]
        self.still = encoded.tobytes()

    async def stop(self) -> None:
        """Release the models and end the language model's process."""
        if self.llm_server:
            await self.llm_server.stop()
        if self._synthesizer is not None:
            await asyncio.to_thread(self._synthesizer.close)
        self._hearing.shutdown(wait=False, cancel_futures=True)

    # -- for one session ------------------------------------------------------------------------

    def stt(self, timings: TurnTimings) -> FrameProcessor:
        """Speech to text."""
        config = self.settings.stt
        if isinstance(config, PipecatService):
            return pipecat_service(config)
        assert self._transcriber is not None
        t = self.settings.turns
        return ListeningService(
            transcriber=self._transcriber,
            executor=self._hearing,
            params=EndpointerParams(
                start=t.start, barge_in=t.barge_in, end=t.end, patience=t.patience
            ),
            language=config.language,
            timings=timings,
            context=self.settings.persona.topics,
        )

    def llm(self) -> FrameProcessor:
        """The language model."""
        config = self.settings.llm
        if isinstance(config, PipecatService):
            return pipecat_service(config)
        base_url = config.base_url or (self.llm_server.base_url if self.llm_server else "")
        return OpenAILLMService(
            base_url=base_url,
            api_key=config.api_key.get_secret_value(),
            retry_on_timeout=False,
            settings=OpenAILLMService.Settings(
                model=config.model,
                temperature=config.temperature,
                max_tokens=config.max_reply_tokens,
                extra={} if config.base_url else {"extra_body": {"cache_prompt": True}},
            ),
        )

    def tts(self) -> FrameProcessor:
        """Text to speech."""
        config = self.settings.tts
        if isinstance(config, PipecatService):
            return pipecat_service(config)
        assert self._synthesizer is not None
        make_way = self.llm_server.held if self.llm_server else nullcontext
        return VisavisTTSService(self._synthesizer, speed=config.speed, make_way=make_way)

    def face(self, seed: int) -> Face:
        """The face, behaving after `seed`."""
        assert self.replica is not None
        return Face(
            LaterPainter(self.replica, self._size),
            Animator(seed=seed, style=self.settings.persona.manner),
            sample_rate=SPEECH_RATE,
            fps=self.settings.face.fps,
        )

    @property
    def _size(self) -> tuple[int, int]:
        return self.settings.face.width, self.settings.face.height

    @property
    def drawable(self) -> bool:
        """Whether browsers can draw this face themselves."""
        return self.replica is not None and self.replica.manifest.kind == "portrait"
