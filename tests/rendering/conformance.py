"""What every renderer must do, as a suite to inherit from.

Give a subclass of :class:`RendererConformance` a ``rig`` fixture that yields a
:class:`Bench`; pytest then runs all of these against it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.rendering.states import face
from visavis.animation.face_state import FaceState
from visavis.rendering.contract import Renderer, SegmentEnd, SegmentFinished, TimedFrame


class RecordingPainter:
    """A painter whose picture says what it was given: jawOpen in red, the call in green."""

    size = (64, 64)

    def __init__(self) -> None:
        self.states: list[FaceState] = []
        self._image = np.zeros((64, 64, 3), np.uint8)

    def paint(self, state: FaceState) -> np.ndarray:
        self.states.append(state)
        self._image[..., 0] = round(255 * state["jawOpen"])
        self._image[..., 1] = len(self.states) % 256
        return self._image


@dataclass
class Bench:
    """A renderer under test.

    Attributes:
        renderer: The renderer, drawing with ``painter``.
        painter: Records what is drawn.
        advance: Lets this many seconds of audio pass.
        capacity: Most states the renderer lets wait, None if it need not be bounded.
        live: Whether frames come without anything pushed.
        fps: Frames per second of audio.
    """

    renderer: Renderer
    painter: RecordingPainter
    advance: Callable[[float], Awaitable[None]]
    capacity: int | None = None
    live: bool = True
    fps: float = 25.0
    out: list[Any] = field(default_factory=list)
    reds: list[tuple[float, int]] = field(default_factory=list)

    async def collect(self) -> None:
        async for item in self.renderer:
            if isinstance(item, TimedFrame):
                assert item.image.dtype == np.uint8
                assert item.image.shape == (self.painter.size[1], self.painter.size[0], 3)
                self.reds.append((item.t, int(item.image[0, 0, 0])))
            self.out.append(item)

    @property
    def finished(self) -> list[SegmentFinished]:
        return [i for i in self.out if isinstance(i, SegmentFinished)]

    @property
    def frames(self) -> list[TimedFrame]:
        return [i for i in self.out if isinstance(i, TimedFrame)]


def speech(start: float, seconds: float, jaw: float = 1.0) -> list[FaceState]:
    return [face(start + i / 60, jawOpen=jaw) for i in range(round(seconds * 60) + 1)]


class RendererConformance:
    """Inherit, and provide the ``bench`` fixture."""

    async def run(self, bench: Bench, seconds: float) -> None:
        task = asyncio.create_task(bench.collect())
        await bench.advance(seconds)
        await self.stop(bench, task)

    async def stop(self, bench: Bench, task: asyncio.Task[None]) -> None:
        close = getattr(bench.renderer, "aclose", None)
        if close is not None:
            await close()
        await asyncio.wait_for(task, 5)

    async def test_exactly_one_finished_per_segment(self, bench: Bench) -> None:
        for name, start in (("a", 0.0), ("b", 0.3)):
            for state in speech(start, 0.2):
                bench.renderer.push(state, segment=name)
            bench.renderer.push(SegmentEnd(name))
        await self.run(bench, 0.8)
        assert [(f.segment, f.interrupted) for f in bench.finished] == [("a", False), ("b", False)]
        assert bench.finished[0].position <= bench.finished[1].position
        assert abs(bench.finished[1].position - 0.5) < 0.03

    async def test_finished_comes_after_the_segments_last_state_was_drawn(
        self, bench: Bench
    ) -> None:
        for state in speech(0.0, 0.3):
            bench.renderer.push(state, segment="a")
        bench.renderer.push(SegmentEnd("a"))
        await self.run(bench, 0.6)
        at = next(i for i, item in enumerate(bench.out) if isinstance(item, SegmentFinished))
        before = [i.t for i in bench.out[:at] if isinstance(i, TimedFrame)]
        assert max(before) >= 0.3 - 1e-6

    async def test_positions_are_monotonic_and_evenly_spaced(self, bench: Bench) -> None:
        for state in speech(0.0, 0.5):
            bench.renderer.push(state, segment="a")
        await self.run(bench, 0.6)
        times = np.array([f.t for f in bench.frames])
        assert len(times) >= 4
        steps = np.diff(times)
        assert (steps > 0).all()
        # multiples of the frame's duration: late frames are left out, not shifted
        np.testing.assert_allclose(steps * bench.fps, np.round(steps * bench.fps), atol=1e-6)

    async def test_states_are_drawn_at_their_time(self, bench: Bench) -> None:
        for i in range(60):
            bench.renderer.push(face(i / 60, jawOpen=i / 60), segment="a")
        await self.run(bench, 0.9)
        drawn = [(t, red) for t, red in bench.reds if t < 0.9]
        assert len(drawn) >= 4
        for t, red in drawn:
            assert abs(red / 255 - t) < 0.01

    async def test_clear_drops_what_was_not_shown(self, bench: Bench) -> None:
        for state in speech(0.0, 2.0):
            bench.renderer.push(state, segment="a")
        bench.renderer.push(SegmentEnd("a"))
        task = asyncio.create_task(bench.collect())
        await bench.advance(0.4)
        position = bench.renderer.clear()
        mark = len(bench.reds)
        assert 0.2 <= position <= 0.5
        # late states of the cleared segment must not be seen either, nor end it a second time
        for state in speech(position + 0.01, 0.5):
            bench.renderer.push(state, segment="a")
        bench.renderer.push(SegmentEnd("a"))
        for state in speech(position + 0.6, 0.1, jaw=0.0):
            bench.renderer.push(state, segment="b")
        bench.renderer.push(SegmentEnd("b"))
        await bench.advance(0.9)
        await self.stop(bench, task)
        after = [(t, red) for t, red in bench.reds[mark:] if t > position + 0.3]
        assert after
        assert max(red for _, red in after) < 20  # the mouth has closed
        assert [(f.segment, f.interrupted) for f in bench.finished] == [("a", True), ("b", False)]
        assert abs(bench.finished[0].position - position) < 1e-6

    async def test_clear_with_nothing_pushed(self, bench: Bench) -> None:
        assert bench.renderer.clear() >= 0.0
        await self.run(bench, 0.2)
        assert bench.finished == []

    async def test_a_segment_cleared_before_it_began_is_finished_too(self, bench: Bench) -> None:
        bench.renderer.push(SegmentEnd("empty"))
        bench.renderer.clear()
        bench.renderer.push(face(0.1))
        await self.run(bench, 0.3)
        assert [(f.segment, f.interrupted) for f in bench.finished] == [("empty", True)]

    async def test_idle_frames_when_nothing_is_pushed(self, bench: Bench) -> None:
        if not bench.live:
            return
        await self.run(bench, 0.5)
        assert len(bench.frames) >= 4
        assert {red for _, red in bench.reds} == {0}

    async def test_the_face_relaxes_when_states_stop(self, bench: Bench) -> None:
        if not bench.live:
            return
        for state in speech(0.0, 0.1):
            bench.renderer.push(state)
        await self.run(bench, 1.5)
        assert max(red for t, red in bench.reds if t < 0.1) == 255
        assert bench.reds[-1][1] < 10

    async def test_the_queue_is_bounded(self, bench: Bench) -> None:
        if bench.capacity is None:
            return
        for i in range(bench.capacity * 3):
            bench.renderer.push(face(i / 60, jawOpen=1.0), segment="a")
        bench.renderer.push(SegmentEnd("a"))
        await self.run(bench, 0.2)
        # the oldest were dropped: the first state left lies in the future
        assert all(s["jawOpen"] < 1.0 for s in bench.painter.states)

    async def test_states_out_of_order_are_refused(self, bench: Bench) -> None:
        bench.renderer.push(face(1.0))
        try:
            bench.renderer.push(face(0.5))
        except ValueError as e:
            assert "order" in str(e)
        else:
            raise AssertionError("a state from the past was accepted")
        bench.renderer.clear()
        bench.renderer.push(face(0.5))
        await self.run(bench, 0.1)
