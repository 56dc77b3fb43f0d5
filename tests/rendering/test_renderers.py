"""Our renderers against the conformance suite, and what each adds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest

from tests.rendering.conformance import (
    RecordingPainter,
    RendererBench,
    RendererConformance,
    speech,
)
from tests.rendering.states import face
from tests.virtual_time import VirtualTimeLoop
from visavis.rendering.contract import SegmentEnd, SegmentFinished, TimedFrame
from visavis.rendering.file import FileRenderer, FileWriter, render_states
from visavis.rendering.live import LiveRenderer


class AudioClock:
    """Audio time, in packets of 20 ms."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self) -> float:
        return int((time.monotonic() - self._start) / 0.02 + 1e-6) * 0.02

    async def advance(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class TestLiveRenderer(RendererConformance):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[RendererBench]:
        painter = RecordingPainter()
        clock = AudioClock()
        renderer = LiveRenderer(painter, clock, fps=25, capacity=240)
        yield RendererBench(renderer, painter, clock.advance, clock, capacity=240)
        await renderer.aclose()


class FileBench(RendererBench):
    """Its time is what is taken from it."""

    def __init__(self, renderer: FileRenderer, painter: RecordingPainter) -> None:
        super().__init__(renderer, painter, self._take, lambda: len(self.reds) / 25, live=False)
        self._frames: AsyncIterator[TimedFrame | SegmentFinished] | None = None

    async def _take(self, seconds: float) -> None:
        await asyncio.sleep(0)
        until = len(self.reds) + round(seconds * 25)
        while len(self.reds) < until:
            self._frames = self._frames or aiter(self.renderer)
            item = await anext(self._frames, None)
            if item is None:
                self._frames = None
                return
            self.note(item)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        await self._take(1000.0)


class TestFileRenderer(RendererConformance):
    @pytest.fixture
    async def bench(self, tmp_path: Path) -> AsyncIterator[RendererBench]:
        painter = RecordingPainter()
        with FileWriter(tmp_path / "out.mp4", painter.size, 25) as writer:
            yield FileBench(FileRenderer(painter, 25, writer), painter)


async def take(renderer: LiveRenderer, n: int) -> list[TimedFrame]:
    out: list[TimedFrame] = []
    async for item in renderer:
        if isinstance(item, TimedFrame):
            out.append(item)
            if len(out) == n:
                break
    return out


async def test_slow_painting_skips_frames_instead_of_lagging() -> None:
    class Slow(RecordingPainter):
        def paint(self, state):  # type: ignore[no-untyped-def]
            loop.spend(0.09)
            return super().paint(state)

    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    start = time.monotonic()
    renderer = LiveRenderer(Slow(), lambda: time.monotonic() - start, fps=30)
    lag = []
    async for item in renderer:
        assert isinstance(item, TimedFrame)
        lag.append(time.monotonic() - start - item.t)
        if len(lag) == 6:
            break
    await renderer.aclose()
    assert renderer.skipped >= 6
    assert lag[-1] < 0.09 + 0.04  # one painting and a picture's time, not six


async def test_painting_happens_in_one_thread_of_its_own_which_ends() -> None:
    seen = set()

    class Spy(RecordingPainter):
        def paint(self, state):  # type: ignore[no-untyped-def]
            seen.add(threading.current_thread())
            return super().paint(state)

    clock = AudioClock()
    renderer = LiveRenderer(Spy(), clock, fps=60)
    await take(renderer, 5)
    assert len(seen) == 1
    assert threading.current_thread() not in seen
    await renderer.aclose()
    assert not next(iter(seen)).is_alive()


async def test_a_picture_painted_while_cleared_is_not_shown() -> None:
    painting = threading.Event()
    go_on = threading.Event()

    class Held(RecordingPainter):
        def paint(self, state):  # type: ignore[no-untyped-def]
            if state["jawOpen"] == 1.0 and not go_on.is_set():
                painting.set()
                go_on.wait(5)
            return super().paint(state)

    clock = AudioClock()
    painter = Held()
    renderer = LiveRenderer(painter, clock, fps=25)
    for state in speech(0.0, 1.0):
        renderer.push(state, segment="a")
    got: list[TimedFrame] = []

    async def collect() -> None:
        got.extend(await take(renderer, 1))

    task = asyncio.create_task(collect())
    assert await asyncio.to_thread(painting.wait, 5)
    renderer.clear()
    go_on.set()
    await asyncio.wait_for(task, 5)
    await renderer.aclose()
    assert len(painter.states) == 2  # the first was thrown away


async def test_only_one_iteration_at_a_time() -> None:
    renderer = LiveRenderer(RecordingPainter(), AudioClock(), fps=25)
    iterator = renderer.__aiter__()
    await anext(iterator)
    with pytest.raises(RuntimeError, match="already"):
        await anext(renderer.__aiter__())
    await renderer.aclose()


async def test_painter_errors_reach_the_consumer() -> None:
    class Broken(RecordingPainter):
        def paint(self, state):  # type: ignore[no-untyped-def]
            raise RuntimeError("no paint left")

    renderer = LiveRenderer(Broken(), AudioClock(), fps=25)
    with pytest.raises(RuntimeError, match="no paint left"):
        await take(renderer, 1)
    await renderer.aclose()


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="fps"):
        LiveRenderer(RecordingPainter(), AudioClock(), fps=0)
    with pytest.raises(ValueError, match="even"):
        FileWriter(Path("x.mp4"), (63, 64), 25)


def test_file_has_the_frames_and_the_sound(tmp_path: Path) -> None:
    rate = 16000
    t = np.arange(rate) / rate
    tone = (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    states = [face(i / 60, jawOpen=0.5) for i in range(60)]
    path = tmp_path / "talk.mp4"
    count = render_states(RecordingPainter(), states, path, fps=25, audio=tone, sample_rate=rate)
    assert count == 25
    with av.open(str(path)) as f:
        video, audio = f.streams.video[0], f.streams.audio[0]
        frames = [fr.to_ndarray(format="rgb24") for fr in f.decode(video)]
        assert len(frames) == 25
        assert abs(float(frames[10][..., 0].mean()) - 128) < 12
        f.seek(0)
        sound = np.concatenate([fr.to_ndarray().ravel() for fr in f.decode(audio)])
        assert abs(len(sound) / audio.rate - 1.0) < 0.1
        assert np.abs(sound).max() > 0.1


async def test_segments_are_not_mixed_up_by_idle_states() -> None:
    clock = AudioClock()
    renderer = LiveRenderer(RecordingPainter(), clock, fps=25)
    renderer.push(face(0.0))
    renderer.push(face(0.1), segment="a")
    renderer.push(SegmentEnd("a"))
    renderer.push(face(0.2))
    finished = []

    async def collect() -> None:
        async for item in renderer:
            if not isinstance(item, TimedFrame):
                finished.append(item)

    task = asyncio.create_task(collect())
    await clock.advance(0.6)
    await renderer.aclose()
    await asyncio.wait_for(task, 5)
    assert [f.segment for f in finished] == ["a"]
