"""The Pipecat service in a real pipeline, in front of Pipecat's own output transport."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputImageRawFrame,
    StartFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from tests.integrations.speech import RATE, AdapterBench, voice
from tests.rendering.conformance import FaceConformance, RecordingPainter
from visavis.integrations.pipecat import VisavisVideoService
from visavis.media.spoken import Phone, SpokenAudio
from visavis.speech.tts_service import SpokenAudioFrame


@dataclass
class KeptFrame(TextFrame):
    """A frame that interruptions leave alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.interruptible = False


class Device(BaseOutputTransport):
    """Pipecat's output with a device of ours at its end, which plays one piece ahead."""

    def __init__(self, bench: PipecatBench, *, live: bool) -> None:
        super().__init__(
            TransportParams(
                audio_out_enabled=True,
                audio_out_end_silence_secs=0,
                video_out_enabled=True,
                video_out_is_live=live,
                video_out_width=64,
                video_out_height=64,
                video_out_framerate=25,
            )
        )
        self.bench = bench

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        begin = self.bench.play(frame.audio, frame.sample_rate)
        await asyncio.sleep(max(begin - time.monotonic(), 0.0))
        return True

    async def write_video_frame(self, frame: OutputImageRawFrame) -> bool:
        assert frame.size == (64, 64)
        self.bench.show(frame.image[0])
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame):
            self.bench.drop()

    async def push_frame(
        self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM
    ) -> None:
        if direction is FrameDirection.DOWNSTREAM:
            self.bench.out.append((time.monotonic(), frame))
            if isinstance(frame, TTSStoppedFrame):
                assert frame.context_id is not None
                self.bench.ended.append((frame.context_id, False))
        await super().push_frame(frame, direction)


class PipecatBench(AdapterBench):
    def __init__(self, *, live: bool = True, painter: RecordingPainter | None = None) -> None:
        super().__init__(painter or RecordingPainter())
        self.out: list[tuple[float, Frame]] = []
        self.said: set[str] = set()
        self.cut: set[str] = set()
        self.service = VisavisVideoService(self.painter, fps=self.fps, animator=self.animator)
        self.worker = PipelineWorker(
            Pipeline([self.service, Device(self, live=live)]),
            params=PipelineParams(audio_out_sample_rate=RATE),
            idle_timeout_secs=None,
            enable_rtvi=False,
        )
        self.runner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        runner = WorkerRunner(handle_sigint=False, handle_sigterm=False)
        await runner.add_workers(self.worker)
        self.runner = asyncio.create_task(runner.run())
        await asyncio.sleep(0.3)

    async def send(self, *frames: Frame) -> None:
        for frame in frames:
            await self.worker.queue_frame(frame)

    async def push(self, segment: str, samples: np.ndarray, rate: int = RATE) -> None:
        self.said.add(segment)
        await self.send(TTSAudioRawFrame(samples.tobytes(), rate, 1, context_id=segment))

    async def end(self, segment: str) -> None:
        if segment in self.cut:
            return  # Pipecat's voices do not announce the end of what was interrupted
        await self.send(TTSStoppedFrame(context_id=segment))

    async def clear(self) -> None:
        self.cut |= self.said
        await self.send(InterruptionFrame())
        await asyncio.sleep(0.01)

    @property
    def waiting(self) -> float:
        # Pipecat's own queues hold the rest
        stream = self.service._stream
        return stream.face.playout.written - stream.face.playout.spoken if stream else 0.0

    async def stop(self) -> None:
        await self.send(EndFrame())
        assert self.runner is not None
        await asyncio.wait_for(self.runner, 30)


class TestPipecatService(FaceConformance):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[PipecatBench]:
        yield PipecatBench()


class TestPipecatServiceNotLive(FaceConformance):
    """With a transport that shows the last picture again and again."""

    @pytest.fixture
    async def bench(self) -> AsyncIterator[PipecatBench]:
        yield PipecatBench(live=False)


async def test_speech_comes_out_as_it_went_in() -> None:
    bench = PipecatBench()
    await bench.start()
    await bench.send(TTSStartedFrame(context_id="a"))
    await bench.speak("a", 1.0)
    await bench.end("a")
    await bench.stop()
    heard = [f for _, f in bench.out if isinstance(f, TTSAudioRawFrame)]
    assert {f.context_id for f in heard} <= {"a", None}
    samples = np.frombuffer(b"".join(f.audio for f in heard), np.int16)
    np.testing.assert_array_equal(samples[: len(voice(1.0))], voice(1.0))
    assert not samples[len(voice(1.0)) :].any()  # Pipecat fills its last piece
    # without a gap
    edges = [(b, e) for b, e, _ in bench.sounds]
    assert all(abs(b - e) < 1e-3 for (_, e), (b, _) in pairwise(edges))


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
async def test_other_rates_are_resampled(rate: int) -> None:
    bench = PipecatBench()
    await bench.start()
    samples = voice(0.7, rate)
    for at in range(0, len(samples), 500):
        await bench.push("a", samples[at : at + 500], rate)
    await bench.end("a")
    await bench.stop()
    heard = [f for _, f in bench.out if isinstance(f, TTSAudioRawFrame)]
    got = np.frombuffer(b"".join(f.audio for f in heard), np.int16).astype(float)
    want = voice(0.7).astype(float)
    assert abs(len(got) - len(want)) < 0.05 * RATE
    if rate > 8000:
        n = len(want) - 2000
        assert np.corrcoef(got[1000:n], want[1000:n])[0, 1] > 0.99


async def test_stereo_is_mixed_and_damaged_sound_is_refused() -> None:
    bench = PipecatBench()
    await bench.start()
    left = voice(0.2)
    both = np.stack([left, np.zeros_like(left)], 1)
    await bench.send(TTSAudioRawFrame(both.tobytes(), RATE, 2))
    await bench.send(TTSAudioRawFrame(b"\x00\x01\x02", RATE, 1))
    await bench.end("a")
    await bench.stop()
    heard = b"".join(f.audio for _, f in bench.out if isinstance(f, TTSAudioRawFrame))
    got = np.frombuffer(heard, np.int16)[: len(left)]
    assert np.abs(got - left / 2.0).max() <= 1


async def test_frames_keep_their_place_behind_the_speech() -> None:
    bench = PipecatBench()
    await bench.start()
    await bench.send(TextFrame("before"))
    await bench.speak("a", 0.5)
    await bench.send(TextFrame("middle"))
    await bench.speak("a", 0.5)
    await bench.end("a")
    await bench.send(TextFrame("after"))
    await bench.stop()
    order = [
        f.text if isinstance(f, TextFrame) else "stopped"
        for _, f in bench.out
        if isinstance(f, TextFrame | TTSStoppedFrame)
    ]
    assert order == ["before", "middle", "stopped", "after"]
    at = {f.text: t for t, f in bench.out if isinstance(f, TextFrame)}
    begin, end = bench.sounds[0][0], bench.sounds[-1][1]
    assert abs(at["middle"] - (begin + 0.5)) < 0.1
    assert at["after"] > end - 0.1


async def test_an_interruption_drops_words_not_heard_but_nothing_vital() -> None:
    bench = PipecatBench()
    await bench.start()
    await bench.speak("a", 0.4)
    await bench.send(TextFrame("heard"))
    await bench.speak("a", 0.4)
    await bench.send(TextFrame("unheard"), KeptFrame("vital"))
    await bench.advance(0.75)
    await bench.clear()
    await bench.stop()
    words = [f.text for _, f in bench.out if isinstance(f, TextFrame)]
    assert words == ["heard", "vital"]


async def test_phonemes_move_the_lips_that_sound_alone_would_not() -> None:
    bench = PipecatBench()
    await bench.start()
    silent = np.zeros(RATE // 2, np.int16)
    spoken = SpokenAudio(silent, RATE, (Phone("ɑ", 0.1, 0.4, 1),))
    await bench.send(SpokenAudioFrame(silent.tobytes(), RATE, 1, spoken=spoken))
    await bench.end("a")
    await bench.advance(1.0)
    await bench.stop()
    assert max(red for _, red in bench.reds) > 20


async def test_a_face_that_fails_leaves_the_voice_alone() -> None:
    class Broken(RecordingPainter):
        def paint(self, state):  # type: ignore[no-untyped-def]
            if len(self.states) > 20:
                raise RuntimeError("no paint left")
            return super().paint(state)

    bench = PipecatBench(painter=Broken())
    await bench.start()
    await bench.speak("a", 3.0)
    await bench.end("a")
    await bench.stop()
    assert bench.ended == [("a", False)]
    loud = [e - b for b, e, is_loud in bench.sounds if is_loud]
    assert sum(loud) > 2.5


async def test_cancelling_ends_at_once_and_leaves_no_thread() -> None:
    bench = PipecatBench()
    await bench.start()
    await bench.speak("a", 5.0)
    await bench.advance(0.5)
    begun = time.monotonic()
    await bench.worker.cancel()
    assert bench.runner is not None
    await asyncio.wait_for(bench.runner, 30)
    assert time.monotonic() - begun < 2
    assert bench.service._stream is None
    assert bench.playing_until - begun < 0.5


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="fps"):
        VisavisVideoService(RecordingPainter(), fps=0)
