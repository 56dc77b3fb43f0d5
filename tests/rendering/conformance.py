"""What every face must do, as suites to inherit from.

:class:`FaceConformance` is for whatever shows a face that speaks: renderers, and the adapters that
put them into other people's programs. :class:`RendererConformance` adds what
:class:`visavis.rendering.contract.Renderer` promises of states. Give a subclass a ``bench`` fixture
that yields a :class:`Bench` or a :class:`RendererBench`; pytest then runs all of these against it.

A renderer outside of Python, such as the one in the browser, joins with a bench that drives it from
outside: ``speak`` sends the states (``visavis.animation.wire``) and the sound, ``collect`` reads
back when which picture was shown, and how red its first pixel is, with a bundle or a test hook that
draws ``jawOpen`` as red.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from tests.rendering.states import face
from visavis.animation.face_state import ARKIT_INDEX, FaceState
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


class Bench(ABC):
    """A face under test, drawing with ``painter``, and what was seen and heard of it.

    Attributes:
        live: Whether pictures come without anything said.
        reports_interruptions: Whether a segment that is cleared comes out as finished too, or its
            end is the caller's to report.
        fps: Pictures per second.
        reds: When which picture was shown, s, and how red (open) it was.
        sounds: From when to when sound was heard, s, and whether it was loud.
        ended: Segments that came to their end, in order, and whether they were interrupted.
    """

    live = True
    reports_interruptions = True
    fps = 25.0

    def __init__(self, painter: RecordingPainter) -> None:
        self.painter = painter
        self.reds: list[tuple[float, int]] = []
        self.sounds: list[tuple[float, float, bool]] = []

    @property
    @abstractmethod
    def ended(self) -> list[tuple[str, bool]]: ...

    @abstractmethod
    async def speak(self, segment: str, seconds: float) -> None:
        """Say something loud with the mouth open, after what is being said."""

    @abstractmethod
    async def end(self, segment: str) -> None:
        """The segment is complete."""

    @abstractmethod
    async def clear(self) -> None:
        """Interrupt."""

    @abstractmethod
    async def advance(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    def rule(self) -> None:
        """From now on the mouth's opening is the position in all speech heard, s, modulo 1."""

    def heard_at(self, t: float) -> float | None:
        """The position in all speech that is heard at `t`; None in silence or close to it."""
        position = 0.0
        for i, (begin, end, _) in enumerate(self.sounds):
            if begin <= t < end:
                first = i == 0 or begin > self.sounds[i - 1][1] + 0.01
                last = i + 1 == len(self.sounds) or self.sounds[i + 1][0] > end + 0.01
                near = (first and t < begin + 0.08) or (last and t > end - 0.05)
                return None if near else position + t - begin
            position += end - begin
        return None

    @abstractmethod
    async def start(self) -> None:
        """Begin to watch and listen."""

    @abstractmethod
    async def stop(self) -> None:
        """Close the face; watching comes to its end by that."""

    @property
    @abstractmethod
    def now(self) -> float:
        """The time that ``reds`` and ``sounds`` are in."""

    @property
    @abstractmethod
    def waiting(self) -> float:
        """Seconds of speech taken in and not yet let out."""


class FaceConformance:
    """Inherit, and provide the ``bench`` fixture."""

    async def test_each_segment_ends_once_and_in_order(self, bench: Bench) -> None:
        await bench.start()
        for name in ("a", "b", "c"):
            await bench.speak(name, 0.2)
            await bench.end(name)
        await bench.advance(1.2)
        await bench.stop()
        assert bench.ended == [("a", False), ("b", False), ("c", False)]

    async def test_a_segment_without_speech_ends_too(self, bench: Bench) -> None:
        await bench.start()
        await bench.end("empty")
        await bench.speak("a", 0.1)
        await bench.end("a")
        await bench.advance(0.6)
        await bench.stop()
        assert bench.ended == [("empty", False), ("a", False)]

    async def test_pictures_come_in_order_and_evenly(self, bench: Bench) -> None:
        await bench.start()
        await bench.speak("a", 0.5)
        await bench.end("a")
        await bench.advance(0.8)
        await bench.stop()
        times = np.array([t for t, _ in bench.reds])
        assert len(times) >= 0.6 * 0.8 * bench.fps
        steps = np.diff(times)
        assert (steps > 0).all()
        assert abs(float(np.median(steps)) * bench.fps - 1) < 0.05

    async def test_nothing_of_what_was_cleared_is_seen_or_heard(self, bench: Bench) -> None:
        await bench.start()
        # as much as the face takes: most of it still waits when it is cleared
        talking = asyncio.create_task(bench.speak("a", 3.0))
        await bench.advance(0.6)
        assert max(red for _, red in bench.reds) > 40
        await bench.clear()
        cleared = bench.now
        talking.cancel()
        await bench.end("a")  # comes late, as it may
        await bench.advance(0.8)
        late = [red for t, red in bench.reds if t > cleared + 0.2]
        assert late or not bench.live
        assert max(late, default=0) < 10  # closed
        assert not [s for s in bench.sounds if s[2] and s[0] > cleared + 0.001], cleared
        await bench.speak("b", 0.2)
        await bench.end("b")
        await bench.advance(0.8)
        await bench.stop()
        cut = [("a", True)] if bench.reports_interruptions else []
        assert bench.ended == [*cut, ("b", False)]

    async def test_clearing_silence_is_nothing(self, bench: Bench) -> None:
        await bench.start()
        await bench.clear()
        await bench.speak("a", 0.2)
        await bench.end("a")
        await bench.advance(0.8)
        await bench.stop()
        assert bench.ended == [("a", False)]

    async def test_idle_pictures_when_nothing_is_said(self, bench: Bench) -> None:
        if not bench.live:
            return
        await bench.start()
        await bench.advance(1.0)
        await bench.stop()
        assert len(bench.reds) >= 0.8 * bench.fps
        assert max(red for _, red in bench.reds) < 10
        assert not bench.sounds

    async def test_the_mouth_closes_after_speech(self, bench: Bench) -> None:
        if not bench.live:
            return
        await bench.start()
        await bench.speak("a", 0.4)
        await bench.end("a")
        await bench.advance(1.8)
        await bench.stop()
        assert max(red for _, red in bench.reds) > 40
        assert bench.reds[-1][1] < 10

    async def test_what_waits_is_bounded(self, bench: Bench) -> None:
        await bench.start()
        talking = asyncio.create_task(bench.speak("a", 30.0))
        most = 0.0
        for _ in range(5):
            await bench.advance(0.05)
            most = max(most, bench.waiting)
        talking.cancel()
        await asyncio.wait({talking})
        await bench.stop()
        assert most <= 10.0

    async def test_picture_and_sound_are_in_step(self, bench: Bench) -> None:
        bench.rule()
        await bench.start()
        for i in range(6):  # beginnings at all phases of the pictures' beat
            await bench.advance(0.61 + i * 0.007)
            await bench.speak(f"s{i}", 0.4)
            await bench.end(f"s{i}")
            await bench.advance(0.6)
        await bench.stop()
        behind = []
        for t, red in bench.reds:
            heard = bench.heard_at(t)
            if heard is not None:
                late = (heard - red / 255 + 0.5) % 1.0 - 0.5
                behind.append(late)
        assert len(behind) > 30
        assert abs(float(np.median(behind))) <= 0.040, behind
        assert float(np.abs(behind).max()) <= 0.060, behind


class RendererBench(Bench):
    """A renderer under test. Its audio is what its clock says.

    Args:
        renderer: The renderer, drawing with ``painter``.
        painter: Records what is drawn.
        advance: Lets this many seconds of audio pass.
        clock: The audio clock.
        capacity: Most states the renderer lets wait, None if it need not be bounded.
        live: Whether frames come without anything pushed.
    """

    def __init__(
        self,
        renderer: Renderer,
        painter: RecordingPainter,
        advance: Callable[[float], Awaitable[None]],
        clock: Callable[[], float],
        capacity: int | None = None,
        live: bool = True,
    ) -> None:
        super().__init__(painter)
        self.renderer = renderer
        self.capacity = capacity
        self.live = live
        self._advance = advance
        self._clock = clock
        self._said = 0.0 if live else -0.4  # until when states were pushed
        self._task: asyncio.Task[None] | None = None
        self._ruled = False
        self.out: list[Any] = []

    @property
    def ended(self) -> list[tuple[str, bool]]:
        return [(f.segment, f.interrupted) for f in self.finished]

    @property
    def finished(self) -> list[SegmentFinished]:
        return [i for i in self.out if isinstance(i, SegmentFinished)]

    @property
    def frames(self) -> list[TimedFrame]:
        return [i for i in self.out if isinstance(i, TimedFrame)]

    @property
    def now(self) -> float:
        return self._clock()

    @property
    def waiting(self) -> float:
        if self.capacity is None:
            return 0.0  # films are made of everything pushed
        return len(self.renderer._schedule) / 60  # type: ignore[attr-defined]

    async def speak(self, segment: str, seconds: float) -> None:
        # where time is what is drawn, pauses are part of what is said
        begin = max(self._said if self.live else self._said + 0.7, self.now)
        self._said = begin + seconds
        heard = sum(e - b for b, e, _ in self.sounds)
        for state in speech(begin, seconds):
            if self._ruled:
                state.arkit[ARKIT_INDEX["jawOpen"]] = (heard + state.t - begin) % 1.0
            self.renderer.push(state, segment=segment)
        self.sounds.append((begin, self._said, True))

    def rule(self) -> None:
        self._ruled = True

    async def end(self, segment: str) -> None:
        self.renderer.push(SegmentEnd(segment))

    async def clear(self) -> None:
        self.renderer.clear()
        self._said = self.now
        self.sounds = [(b, e, loud) for b, e, loud in self.sounds if b <= self.now]

    async def advance(self, seconds: float) -> None:
        await self._advance(seconds)

    async def start(self) -> None:
        self._task = asyncio.create_task(self.collect())

    async def stop(self) -> None:
        close = getattr(self.renderer, "aclose", None)
        if close is not None:
            await close()
        if self._task is not None:
            await asyncio.wait_for(self._task, 5)

    def note(self, item: TimedFrame | SegmentFinished) -> None:
        if isinstance(item, TimedFrame):
            assert item.image.dtype == np.uint8
            assert item.image.shape == (self.painter.size[1], self.painter.size[0], 3)
            self.reds.append((item.t, int(item.image[0, 0, 0])))
        self.out.append(item)

    async def collect(self) -> None:
        async for item in self.renderer:
            self.note(item)


def speech(start: float, seconds: float, jaw: float = 1.0) -> list[FaceState]:
    return [face(start + i / 60, jawOpen=jaw) for i in range(round(seconds * 60) + 1)]


class RendererConformance(FaceConformance):
    """Inherit, and provide the ``bench`` fixture."""

    async def run(self, bench: RendererBench, seconds: float) -> None:
        await bench.start()
        await bench.advance(seconds)
        await bench.stop()

    async def test_segments_finish_at_their_last_state(self, bench: RendererBench) -> None:
        for name, start in (("a", 0.0), ("b", 0.3)):
            for state in speech(start, 0.2):
                bench.renderer.push(state, segment=name)
            bench.renderer.push(SegmentEnd(name))
        await self.run(bench, 0.8)
        assert [(f.segment, f.interrupted) for f in bench.finished] == [("a", False), ("b", False)]
        assert bench.finished[0].position <= bench.finished[1].position
        assert abs(bench.finished[1].position - 0.5) < 0.03

    async def test_finished_comes_after_the_segments_last_state_was_drawn(
        self, bench: RendererBench
    ) -> None:
        for state in speech(0.0, 0.3):
            bench.renderer.push(state, segment="a")
        bench.renderer.push(SegmentEnd("a"))
        await self.run(bench, 0.6)
        at = next(i for i, item in enumerate(bench.out) if isinstance(item, SegmentFinished))
        before = [i.t for i in bench.out[:at] if isinstance(i, TimedFrame)]
        assert max(before) >= 0.3 - 1e-6

    async def test_positions_are_monotonic_and_evenly_spaced(self, bench: RendererBench) -> None:
        for state in speech(0.0, 0.5):
            bench.renderer.push(state, segment="a")
        await self.run(bench, 0.6)
        times = np.array([f.t for f in bench.frames])
        assert len(times) >= 4
        steps = np.diff(times)
        assert (steps > 0).all()
        # multiples of the frame's duration: late frames are left out, not shifted
        np.testing.assert_allclose(steps * bench.fps, np.round(steps * bench.fps), atol=1e-6)

    async def test_states_are_drawn_at_their_time(self, bench: RendererBench) -> None:
        for i in range(60):
            bench.renderer.push(face(i / 60, jawOpen=i / 60), segment="a")
        await self.run(bench, 0.9)
        drawn = [(t, red) for t, red in bench.reds if t < 0.9]
        assert len(drawn) >= 4
        for t, red in drawn:
            assert abs(red / 255 - t) < 0.01

    async def test_clear_drops_what_was_not_shown(self, bench: RendererBench) -> None:
        for state in speech(0.0, 2.0):
            bench.renderer.push(state, segment="a")
        bench.renderer.push(SegmentEnd("a"))
        await bench.start()
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
        await bench.stop()
        after = [(t, red) for t, red in bench.reds[mark:] if t > position + 0.3]
        assert after
        assert max(red for _, red in after) < 20  # the mouth has closed
        assert [(f.segment, f.interrupted) for f in bench.finished] == [("a", True), ("b", False)]
        assert abs(bench.finished[0].position - position) < 1e-6

    async def test_a_segment_cleared_before_it_began_is_finished_too(
        self, bench: RendererBench
    ) -> None:
        bench.renderer.push(SegmentEnd("empty"))
        bench.renderer.clear()
        bench.renderer.push(face(0.1))
        await self.run(bench, 0.3)
        assert [(f.segment, f.interrupted) for f in bench.finished] == [("empty", True)]

    async def test_the_queue_is_bounded(self, bench: RendererBench) -> None:
        if bench.capacity is None:
            return
        for i in range(bench.capacity * 3):
            bench.renderer.push(face(i / 60, jawOpen=1.0), segment="a")
        bench.renderer.push(SegmentEnd("a"))
        await self.run(bench, 0.2)
        # the oldest were dropped: the first state left lies in the future
        assert all(s["jawOpen"] < 1.0 for s in bench.painter.states)

    async def test_states_out_of_order_are_refused(self, bench: RendererBench) -> None:
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
