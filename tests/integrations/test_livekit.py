"""The LiveKit video generator, by itself and inside LiveKit's own AvatarRunner."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest

pytest.importorskip("livekit.agents", reason="not installed: make install-dev")
from livekit import rtc
from livekit.agents.voice.avatar import AudioSegmentEnd, AvatarRunner, QueueAudioOutput

from tests.integrations.speech import RATE, AdapterBench, voice
from tests.rendering.conformance import FaceConformance, RecordingPainter
from visavis.integrations.livekit import VisavisVideoGenerator


def sound(samples: np.ndarray, rate: int = RATE) -> rtc.AudioFrame:
    return rtc.AudioFrame(samples.tobytes(), rate, 1, len(samples))


class End(AudioSegmentEnd):
    """An end that can be told from others."""

    def __init__(self, segment: str) -> None:
        self.segment = segment


class LiveKitBench(AdapterBench):
    def __init__(self, painter: RecordingPainter | None = None) -> None:
        super().__init__(painter or RecordingPainter())
        self.generator = VisavisVideoGenerator(
            self.painter, sample_rate=RATE, fps=self.fps, animator=self.animator
        )
        self.samples: list[np.ndarray] = []

    async def start(self) -> None:
        self.task = asyncio.create_task(self.collect())

    async def collect(self) -> None:
        async for frame in self.generator:
            if isinstance(frame, rtc.VideoFrame):
                assert (frame.width, frame.height) == (64, 64)
                # the red of the picture, from the Cr and Y planes of BT.601
                planes = np.frombuffer(frame.data, np.uint8).astype(float)
                y, cr = planes[0] - 16, planes[64 * 64 + 32 * 32] - 128
                self.show(int(np.clip(1.164 * y + 1.596 * cr, 0, 255)))
            elif isinstance(frame, rtc.AudioFrame):
                self.samples.append(np.array(frame.data, np.int16))
                self.play(bytes(frame.data.cast("b")), frame.sample_rate)
            else:
                assert isinstance(frame, End)
                self.ended.append((frame.segment, False))

    async def push(self, segment: str, samples: np.ndarray) -> None:
        await self.generator.push_audio(sound(samples))

    async def end(self, segment: str) -> None:
        await self.generator.push_audio(End(segment))

    async def clear(self) -> None:
        self.generator.clear_buffer()
        self.drop()

    async def stop(self) -> None:
        await self.generator.aclose()
        assert self.task is not None
        await asyncio.wait_for(self.task, 5)


class TestLiveKitGenerator(FaceConformance):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[LiveKitBench]:
        yield LiveKitBench()


async def test_speech_comes_out_as_it_went_in() -> None:
    bench = LiveKitBench()
    await bench.start()
    await bench.speak("a", 1.0)
    await bench.end("a")
    await bench.advance(1.5)
    await bench.stop()
    np.testing.assert_array_equal(np.concatenate(bench.samples), voice(1.0))


async def test_speech_after_an_interruption_is_whole() -> None:
    bench = LiveKitBench()
    await bench.start()
    talking = asyncio.create_task(bench.speak("a", 3.0))
    await bench.advance(0.5)
    talking.cancel()
    await bench.clear()
    bench.samples.clear()
    await bench.speak("b", 0.5)
    await bench.end("b")
    await bench.advance(1.0)
    await bench.stop()
    np.testing.assert_array_equal(np.concatenate(bench.samples), voice(0.5))


async def test_closing_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    bench = LiveKitBench()
    await bench.start()
    await bench.advance(0.3)
    await bench.stop()
    assert not [t for t in set(threading.enumerate()) - before if "face-painter" in t.name]


def test_nonsense_is_refused() -> None:
    painter = RecordingPainter()
    painter.size = (63, 64)
    with pytest.raises(ValueError, match="even"):
        VisavisVideoGenerator(painter)
    with pytest.raises(ValueError, match="fps"):
        VisavisVideoGenerator(RecordingPainter(), fps=0)


class RecordedSource:
    """Stands where LiveKit's native sources stand, which need a room to send to."""

    def __init__(self, *_: object, **__: object) -> None:
        self.frames: list[rtc.VideoFrame | rtc.AudioFrame] = []

    async def aclose(self) -> None: ...


class Pictures(RecordedSource):
    def capture_frame(self, frame: rtc.VideoFrame) -> None:
        self.frames.append(frame)


class Sounds(RecordedSource):
    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        self.frames.append(frame)
        await asyncio.sleep(frame.duration * 0.9)  # it fills


class Room(rtc.EventEmitter[str]):
    def isconnected(self) -> bool:
        return True


@pytest.fixture
def runner_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtc, "AudioSource", Sounds)
    monkeypatch.setattr(rtc, "VideoSource", Pictures)

    async def published(self: AvatarRunner) -> None:
        self._video_publication = object()  # type: ignore[assignment]

    monkeypatch.setattr(AvatarRunner, "_publish_track", published)


@pytest.mark.usefixtures("runner_parts")
async def test_the_avatar_runner_plays_it_and_reports_what_was_played() -> None:
    generator = VisavisVideoGenerator(RecordingPainter(), sample_rate=RATE, fps=25)
    agent = QueueAudioOutput(sample_rate=RATE)
    finished = []
    agent.on("playback_finished", lambda e: finished.append((e.playback_position, e.interrupted)))
    runner = AvatarRunner(
        Room(),  # type: ignore[arg-type]
        audio_recv=agent,
        video_gen=generator,
        options=generator.options,
    )
    await runner.start()
    await asyncio.sleep(0.5)
    for at in range(0, RATE, RATE // 20):
        await agent.capture_frame(sound(voice(1.0)[at : at + RATE // 20]))
    agent.flush()
    await asyncio.sleep(2.0)
    assert finished == [(pytest.approx(1.0), False)]
    pictures, sounds = runner._video_source.frames, runner._audio_source.frames
    assert sum(f.duration for f in sounds) == pytest.approx(1.0)
    assert len(pictures) >= 0.9 * 25 * 2.5
    # and an interruption
    for at in range(0, RATE, RATE // 20):
        await agent.capture_frame(sound(voice(1.0)[at : at + RATE // 20]))
    await asyncio.sleep(0.5)
    agent.clear_buffer()
    agent.flush()
    await asyncio.sleep(1.0)
    assert len(finished) == 2
    position, interrupted = finished[1]
    assert interrupted
    assert 0.3 < position < 0.7
    played = sum(f.duration for f in sounds) - 1.0
    assert played == pytest.approx(position, abs=0.0201)  # a packet was under way
    await runner.aclose()
    await generator.aclose()
